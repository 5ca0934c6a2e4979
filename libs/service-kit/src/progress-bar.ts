/** What a progress bar draws on: stderr, or a test's own. */
export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export interface ProgressBarOptions {
  readonly stream: ProgressStream
  /** The time in ms, for rate and time left. */
  readonly now: () => number
  /** What is being done: `replay`. */
  readonly label: string
  /** What is counted, in the plural: `blocks`. */
  readonly unit: string
}

export interface Progress {
  readonly done: number
  /** Null if it is not known. */
  readonly total: number | null
  /** How much of it was done before this began, which the rate leaves out. Default 0. */
  readonly before?: number
}

/**
 * How far a long work is: on a terminal one line that is drawn over, ten times a second at most; elsewhere a plain line
 * at once and then every five seconds. It draws when it is told something, so it needs no timer and stops with the work.
 */
export interface ProgressBar {
  update(progress: Progress): void
  /** Takes the bar off the terminal; what follows starts on a clean line. */
  end(): void
}

const terminalPaceMs = 100
const plainPaceMs = 5_000
const clearLine = '\r\u001b[2K'

export function createProgressBar({ stream, now, label, unit }: ProgressBarOptions): ProgressBar {
  const terminal = stream.isTTY === true
  const started = now()
  let drawn = -Infinity
  return {
    update: (progress) => {
      const time = now()
      if (time - drawn < (terminal ? terminalPaceMs : plainPaceMs)) return
      drawn = time
      const line = progressLine({ label, unit, ...progress, elapsedMs: time - started, bar: terminal })
      stream.write(terminal ? `${clearLine}${line.slice(0, (stream.columns ?? 80) - 1)}` : `${line}\n`)
    },
    end: () => {
      if (terminal && drawn !== -Infinity) stream.write(clearLine)
    },
  }
}

/**
 * A stream on which bars and whole lines mix: a line that comes while a bar stands there takes its place, and the bar is
 * drawn again below it.
 */
export function withWholeLines(stream: ProgressStream): ProgressStream {
  let barStands = false
  return {
    get isTTY() {
      return stream.isTTY === true
    },
    get columns() {
      return stream.columns ?? 80
    },
    write(text) {
      const isBar = text.startsWith(clearLine)
      const written = stream.write(barStands && !isBar ? `${clearLine}${text}` : text)
      barStands = isBar && text !== clearLine
      return written
    },
  }
}

const barWidth = 24

/** One line: `replay [########----------------]  33 % · 100/300 blocks · 50/s · 0:04 left`. */
export function progressLine(
  at: Progress & { readonly label: string; readonly unit: string; readonly elapsedMs: number; readonly bar: boolean },
): string {
  const { done, total, before = 0, label, unit, elapsedMs } = at
  const perSecond = elapsedMs <= 0 ? 0 : ((done - before) * 1000) / elapsedMs
  const rate = `${display(perSecond)}/s`
  if (total === null || total <= 0) return `${label} · ${display(done)} ${unit} · ${rate}`
  const part = Math.min(1, done / total)
  const filled = Math.floor(part * barWidth)
  const bar = at.bar ? ` [${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}]` : ''
  const left = perSecond === 0 ? '' : ` · ${clock(Math.max(0, total - done) / perSecond)} left`
  const percent = String(Math.floor(part * 100)).padStart(3)
  return `${label}${bar} ${percent} % · ${display(done)}/${display(total)} ${unit} · ${rate}${left}`
}

/** A count for people: whole from 10, else one digit. */
function display(count: number): string {
  return count.toLocaleString('en-US', { maximumFractionDigits: count < 10 ? 1 : 0 })
}

function clock(seconds: number): string {
  const whole = Math.ceil(seconds)
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const two = (value: number) => String(value).padStart(2, '0')
  return hours === 0 ? `${minutes}:${two(rest)}` : `${hours}:${two(minutes)}:${two(rest)}`
}
