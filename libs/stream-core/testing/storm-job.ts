import type { DataStream, JobDefinition } from '../src/index.ts'
import { askedThrough } from './asked-storm.ts'
import { stormTopology } from './storm.ts'

/** How the storm's streams go between its operators; `dies`: the thread ends at what first comes out of `spending`. */
export type StormJobArgument = 'plain' | 'asks' | 'dies'

/** The storm's topology for jobs with workers. */
export const defineJob = (argument: StormJobArgument = 'plain'): JobDefinition => ({
  topology: stormTopology({ ...(argument !== 'plain' && { through: ways[argument] }) }),
  clock: () => performance.now(),
  deadLetters: { topic: 'dead', encode: ({ operator, origin }) => Buffer.from(`${operator} ${origin}`) },
})

const ways = {
  asks: askedThrough(() => new Promise((go) => setImmediate(go))),
  dies: <T>(uid: string, stream: DataStream<T>): DataStream<T> =>
    uid === 'asked-spending' ? stream.filter(() => process.exit(7)) : stream,
}
