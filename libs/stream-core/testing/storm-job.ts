import type { JobDefinition } from '../src/index.ts'
import { stormTopology } from './storm.ts'

/** The storm's topology for jobs with workers. */
export const defineJob = (): JobDefinition => ({
  topology: stormTopology(),
  clock: () => performance.now(),
  deadLetters: { topic: 'dead', encode: ({ operator, origin }) => Buffer.from(`${operator} ${origin}`) },
})
