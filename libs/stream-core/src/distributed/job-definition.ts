import type { EventLog } from '@tocsin/event-log'
import type { JobDeadLetter } from '../job.ts'
import type { Topology } from '../topology.ts'

/** What a job computes: what a worker thread must make anew, since functions do not cross threads. */
export interface JobDefinition {
  readonly topology: Topology
  readonly deadLetters: { readonly topic: string; readonly encode: (letter: JobDeadLetter) => Uint8Array }
  /** A monotonic clock in ms for commit intervals and measures, never for results. */
  readonly clock: () => number
  /** A log of the worker's own, as of a cluster; default: the job's log, reached over a port. */
  readonly openLog?: () => Promise<EventLog>
}

/**
 * Where a definition comes from: a module that exports `defineJob(argument)`. The same argument must give the same
 * topology in each thread; it crosses by structured clone.
 */
export interface JobModule {
  readonly url: URL
  readonly argument: unknown
}

interface DefiningModule {
  readonly defineJob: (argument: unknown) => JobDefinition | Promise<JobDefinition>
}

/** The module that a worker thread was to load makes no job. */
export class JobModuleError extends Error {
  readonly code = 'STREAM_JOB_MODULE'
  readonly handling = 'stop'
  readonly remedy = 'Name a module that exports `defineJob(argument)` and gives the topology and the dead letters.'
}

/** @throws {JobModuleError} if the module exports no `defineJob`. */
export const loadJobDefinition = async ({ url, argument }: JobModule): Promise<JobDefinition> => {
  const module: unknown = await import(url.href)
  if (!isDefining(module)) throw new JobModuleError(`The module ${url.href} does not export a function "defineJob".`)
  return module.defineJob(argument)
}

const isDefining = (module: unknown): module is DefiningModule =>
  typeof module === 'object' && module !== null && 'defineJob' in module && typeof module.defineJob === 'function'
