import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { fetchJars } from '@tocsin/test/maven-jars'
import { InputLines } from './input-lines.ts'
import { measureOf, median, rounded, type Measure } from './measure.ts'

const run = promisify(execFile)

/** How a job runs in Apache Flink. */
export interface FlinkSetting {
  readonly state: 'heap' | 'rocksdb'
  /** Of `j2` alone: whether a line is dealt with as it comes, or waits for the watermark as ours always do. */
  readonly order: 'arrival' | 'event'
}

export const nameOf = ({ state, order }: FlinkSetting): string =>
  `Flink on ${state === 'heap' ? 'the heap' : 'RocksDB'}${order === 'event' ? ' in event order' : ''}`

const jobs = ['j1', 'j2', 'j3']

/** Each state in `states` with each order in `orders`, comma lists. @throws on a job or word that the peer does not know. */
export const flinkSettings = (job: string, states: string, orders: string): readonly FlinkSetting[] => {
  if (!jobs.includes(job))
    throw new Error(`Flink is given ${jobs.join(', ')} alone, not ${job}: run ${job} without --peer.`)
  const known = <Word extends string>(option: string, list: string, words: readonly Word[]): readonly Word[] =>
    list.split(',').map((asked) => {
      const word = words.find((one) => one === asked)
      if (word === undefined) throw new Error(`${option} is a list of ${words.join(', ')}, not "${asked}".`)
      return word
    })
  const orderList = known('--peer-order', orders, ['arrival', 'event'])
  if (job !== 'j2' && orderList.includes('event')) {
    throw new Error(
      `--peer-order event is for j2: windows and joins of ${job} go by event time in whatever order lines come.`,
    )
  }
  return known('--peer-state', states, ['heap', 'rocksdb']).flatMap((state) =>
    orderList.map((order) => ({ state, order })),
  )
}

/** A pass of the peer, in the form of ours. */
export interface FlinkPass extends Measure, FlinkSetting {
  readonly job: string
  readonly peer: 'flink'
  /** Versions, collector of garbage and size of the heap. */
  readonly runs: string
  readonly pass: number
  readonly events: number
  readonly outputs: number
  /** Of the JVM since it began: the lines of the input are part of it. */
  readonly peakRssMb: number
  readonly checkpoints: number
}

/** How many times the peer's events per CPU second ours are: medians of the later half of the passes, in which both are warm. */
export interface PeerRatio {
  readonly measure: 'ratio'
  readonly job: string
  readonly peer: string
  readonly timesThePeer: number
  readonly perCpuSecond: { readonly ours: number; readonly peer: number }
}

export const ratioTo = (
  peer: string,
  ours: readonly { readonly job: string; readonly perCpuSecond: number }[],
  theirs: readonly { readonly perCpuSecond: number }[],
): PeerRatio => {
  const warm = (passes: readonly { readonly perCpuSecond: number }[]): number =>
    Math.round(median(passes.slice(passes.length >> 1).map(({ perCpuSecond }) => perCpuSecond)))
  const perCpuSecond = { ours: warm(ours), peer: warm(theirs) }
  const timesThePeer = rounded(perCpuSecond.ours / perCpuSecond.peer)
  return { measure: 'ratio', job: ours[0]?.job ?? '', peer, timesThePeer, perCpuSecond }
}

/** Beside `src` and `dist`. */
const sources = fileURLToPath(new URL('../peers/flink/', import.meta.url))
const heap = '4g'
const flags = [
  // The default on a machine; told to use one core of it, Java would take another collector.
  '-XX:+UseG1GC',
  ...[`-Xms${heap}`, `-Xmx${heap}`],
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
]

/** What FlinkPeer.java says of a pass. */
type Took = Pick<FlinkPass, 'events' | 'seconds' | 'cpuSeconds' | 'outputs' | 'peakRssMb' | 'checkpoints'>

export interface FlinkPeer {
  readonly setting: FlinkSetting
  readonly passes: readonly FlinkPass[]
  /** @returns what the next pass took, and its answer: the lines in the order in which they came. */
  pass(): Promise<{ readonly pass: FlinkPass; readonly answer: readonly Buffer[] }>
  close(): Promise<void>
}

/**
 * Apache Flink in a JVM of its own, which holds the lines of `input` and runs the job each time a pass is asked for.
 * @throws where Java or Maven is missing, saying which.
 */
export async function startFlink(job: string, input: string, setting: FlinkSetting): Promise<FlinkPeer> {
  await run('javac', ['-version']).catch(() => {
    throw new Error('There is no Java to run Flink: install a JDK of Java 17, and Maven.')
  })
  const jars = join(await fetchJars(join(sources, 'pom.xml')), '*')
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-bench-flink-'))
  const classes = join(folder, 'classes')
  const files = (await readdir(sources)).filter((name) => name.endsWith('.java')).map((name) => join(sources, name))
  await run('javac', ['-cp', jars, '-d', classes, ...files])
  const words = ['-cp', `${classes}:${jars}`, 'FlinkPeer', job, resolve(input), setting.state, setting.order, folder]
  const child = spawn('java', [...flags, ...words], { stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(-2000)))
  child.stdin.on('error', () => {}) // of a JVM that has ended, which the next line tells
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const nextLine = async (): Promise<string> => {
    const line = await lines.next()
    if (line.done !== true) return line.value
    await ended
    throw new Error(`${nameOf(setting)} ended: ${said.trimEnd()}`)
  }
  const close = async () => {
    child.stdin.end()
    await ended
    await rm(folder, { recursive: true })
  }
  try {
    const { runs } = JSON.parse(await nextLine()) as Pick<FlinkPass, 'runs'> // one of FlinkPeer.java's lines, as below
    const passes: FlinkPass[] = []
    return {
      setting,
      passes,
      pass: async () => {
        child.stdin.write('\n')
        const took = JSON.parse(await nextLine()) as Took
        const measure = measureOf(took.events, took.seconds, took.cpuSeconds)
        const pass: FlinkPass = { job, peer: 'flink', ...setting, runs, pass: passes.length + 1, ...took, ...measure }
        passes.push(pass)
        const answers = await InputLines.read(join(folder, 'answers'))
        return { pass, answer: [...answers.bytes()] }
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
