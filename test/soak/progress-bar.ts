const width = 30

/** How far a long run has come, on a terminal as a bar that moves, elsewhere as a line now and then. */
export interface ProgressBar {
  advance(done: number): void
  end(): void
}

export function progressBar(what: string, total: number): ProgressBar {
  const started = performance.now()
  const { isTTY } = process.stderr
  const betweenMs = isTTY ? 100 : 10_000
  let shownAt = started
  const show = (done: number) => {
    const seconds = (performance.now() - started) / 1000
    const rate = done / Math.max(seconds, 0.001)
    const left = rate === 0 ? '' : `, ${timeOf((total - done) / rate)} left`
    const filled = Math.round((width * done) / total)
    const bar = `[${'#'.repeat(filled)}${'-'.repeat(width - filled)}]`
    const line = `${bar} ${done} of ${total} ${what}, ${rate.toFixed(1)} a second${left}`
    process.stderr.write(isTTY ? `\r\u001b[K${line}` : `${line}\n`)
  }
  return {
    advance: (done) => {
      if (performance.now() - shownAt < betweenMs && done < total) return
      shownAt = performance.now()
      show(done)
    },
    end: () => {
      if (isTTY) process.stderr.write('\r\u001b[K')
    },
  }
}

const timeOf = (seconds: number): string =>
  seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
