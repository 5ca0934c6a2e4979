import { createOutage, errorCode, type Logger } from '@tocsin/service-kit'
import type { IngestorMetrics } from './metrics.ts'
import type { RpcEndpoint } from './rpc/rpc-endpoint.ts'

/** Told how a source is. */
export interface Health {
  failing(error: unknown): void
  well(): void
}

/** Health that is also counted and logged: an outage once, not at each attempt. */
export function telling(metrics: IngestorMetrics, health: Health, logger: Logger): Health {
  const outage = createOutage(logger, 'following the node')
  return {
    failing: (error) => {
      health.failing(error)
      metrics.failures.inc({ code: errorCode(error) })
      outage.failing(error)
    },
    well: () => {
      health.well()
      outage.over()
    },
  }
}

/** Which endpoints are left aside while others do their work. */
export function detailOf(endpoints: readonly RpcEndpoint[]): { readonly detail?: string } {
  const aside = endpoints.filter((endpoint) => endpoint.isQuarantined || endpoint.isUnwell)
  if (aside.length === 0) return {}
  const named = aside.map(
    (endpoint) =>
      `${endpoint.name} (${endpoint.isQuarantined ? 'another branch' : `score ${endpoint.scoreNow.toFixed(2)}`})`,
  )
  return { detail: `left aside: ${named.join(', ')}` }
}
