import { createOutage, errorCode, type CheckResult, type Logger } from '@tocsin/service-kit'
import type { IngestorMetrics } from './metrics.ts'
import type { RpcEndpoint } from './rpc/rpc-endpoint.ts'

/** Told how a chain's source is. */
export interface Health {
  failing(error: unknown): void
  well(): void
}

/** How a chain stands, for `/health/ready`. */
export interface ChainHealth extends Health {
  /** The newest block in the log, and how many its source has beyond that. */
  stands(at: { readonly block: number; readonly behind: number }): void
  /** Its work has ended with this error, and is not taken up again by itself. */
  stopped(error: unknown): void
  check(endpoints: readonly RpcEndpoint[]): CheckResult
}

export function chainHealth(): ChainHealth {
  let failure: string | null = null
  let stop: string | null = null
  let where: string | null = null
  return {
    failing: (error) => {
      failure = messageOf(error)
    },
    well: () => {
      failure = null
    },
    stands: ({ block, behind }) => {
      where = `block ${block}, ${behind === 0 ? 'at the head' : `${behind} behind the head`}`
    },
    stopped: (error) => {
      stop = `it has stopped: ${messageOf(error)}`
    },
    check(endpoints) {
      const told = [...(where === null ? [] : [where]), ...leftAside(endpoints)]
      const reason = stop ?? failure
      if (reason !== null) return { status: 'down', reason: [reason, ...(where === null ? [] : [where])].join('; ') }
      return { status: 'up', ...(told.length === 0 ? {} : { detail: told.join('; ') }) }
    },
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** Health that is also counted and logged: an outage once, not at each attempt. */
export function telling(failures: IngestorMetrics['failures'], health: Health, logger: Logger): Health {
  const outage = createOutage(logger, 'following the node')
  return {
    failing: (error) => {
      health.failing(error)
      failures.inc({ code: errorCode(error) })
      outage.failing(error)
    },
    well: () => {
      health.well()
      outage.over()
    },
  }
}

/** The endpoints that are not asked while others do their work. */
function leftAside(endpoints: readonly RpcEndpoint[]): readonly string[] {
  const aside = endpoints.filter((endpoint) => endpoint.isQuarantined || endpoint.isUnwell)
  if (aside.length === 0) return []
  const named = aside.map(
    (endpoint) =>
      `${endpoint.name} (${endpoint.isQuarantined ? 'another branch' : `score ${endpoint.scoreNow.toFixed(2)}`})`,
  )
  return [`left aside: ${named.join(', ')}`]
}
