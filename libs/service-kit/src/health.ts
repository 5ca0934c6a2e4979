import { setTimeout as sleep } from 'node:timers/promises'
import { describeError } from './logger.ts'

/** Whether one thing that the process needs is there. */
export type CheckResult =
  { readonly status: 'up'; readonly detail?: string } | { readonly status: 'down'; readonly reason: string }

/** By name. A check that throws, or does not answer in time, is down. */
export type HealthChecks = Readonly<Record<string, () => CheckResult | Promise<CheckResult>>>

export interface Readiness {
  readonly status: 'ready' | 'not-ready'
  readonly checks: Readonly<Record<string, CheckResult>>
}

/** Asks all checks at once; each may take `timeoutMs` (default 2 s). Ready when none is down. */
export async function askChecks(checks: HealthChecks, timeoutMs = 2_000): Promise<Readiness> {
  const results = await Promise.all(
    Object.entries(checks)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(async ([name, check]) => [name, await askCheck(check, timeoutMs)] as const),
  )
  const ready = results.every(([, { status }]) => status === 'up')
  return { status: ready ? 'ready' : 'not-ready', checks: Object.fromEntries(results) }
}

async function askCheck(check: HealthChecks[string], timeoutMs: number): Promise<CheckResult> {
  const timer = new AbortController()
  try {
    return await Promise.race([
      (async () => check())(),
      sleep(timeoutMs, { status: 'down', reason: `no answer within ${timeoutMs} ms` } as const, {
        signal: timer.signal,
      }),
    ])
  } catch (error) {
    return { status: 'down', reason: describeError(error).message }
  } finally {
    timer.abort()
  }
}
