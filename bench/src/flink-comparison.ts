import { rounded } from './measure.ts'

/** Events per CPU second, from the least to the most, by data and noise. */
interface FlinkFigure {
  /** What sets the run apart: where its state lay, or what it was made to do. */
  readonly setting: 'heap' | 'RocksDB' | 'in event order'
  readonly lowest: number
  readonly highest: number
}

/**
 * Of bare `JSON.parse` of the same lines in Node, on the machine on which Flink was measured. Absolutes do not carry over
 * from there, but shares of it do.
 */
const parseThere = { lowest: 840_000, highest: 950_000 }

/**
 * What the jobs gave in Apache Flink 2, in its MiniCluster, warm, with one subtask and a checkpoint every second, over
 * the same lines. Flink processes elements as they come; ours are always in event order.
 * Source: the project's own measurements, issue 4.
 */
const flinkFigures: Readonly<Record<string, readonly FlinkFigure[]>> = {
  j1: [
    { setting: 'heap', lowest: 34_000, highest: 109_000 },
    { setting: 'RocksDB', lowest: 7700, highest: 7700 },
  ],
  j2: [
    { setting: 'heap', lowest: 75_000, highest: 267_000 },
    { setting: 'in event order', lowest: 45_000, highest: 61_000 },
  ],
  j3: [{ setting: 'heap', lowest: 146_000, highest: 194_000 }],
}

/** Shares are of the rate of bare `JSON.parse`, each on its own machine. */
export interface FlinkComparison {
  readonly setting: FlinkFigure['setting']
  /** As wide as the noise of both measurements there allows. */
  readonly flinkShare: { readonly lowest: number; readonly highest: number }
  /** Whether our share is at least twice Flink's: the highest of its range, only the lowest, or not even that. */
  readonly twice: 'reached' | 'within the range' | 'missed'
}

/** Each published figure of `job` beside `share`, ours. None for a job that Flink was not given. */
export const compareWithFlink = (job: string, share: number): readonly FlinkComparison[] =>
  (flinkFigures[job] ?? []).map(({ setting, lowest, highest }) => {
    const least = lowest / parseThere.highest
    const most = highest / parseThere.lowest
    const twice = share >= 2 * most ? 'reached' : share >= 2 * least ? 'within the range' : 'missed'
    return { setting, flinkShare: { lowest: rounded(least), highest: rounded(most) }, twice }
  })
