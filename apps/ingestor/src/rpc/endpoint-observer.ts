import type { Logger } from '@tocsin/service-kit'
import type { IngestorMetrics } from '../metrics.ts'
import type { EndpointObserver } from './rpc-endpoint.ts'

/** `logger` is told of an endpoint that is left aside; null where it is the only one, which the follower tells of. */
export function endpointObserver(metrics: IngestorMetrics, logger: Logger | null): EndpointObserver {
  const unwell = new Set<string>()
  return {
    called: (endpoint, method, outcome, bytes) => counted(metrics, endpoint, method, outcome, bytes),
    scored(endpoint, score, isUnwell) {
      metrics.endpointScore.set({ endpoint }, score)
      if (isUnwell === unwell.has(endpoint)) return
      if (isUnwell) unwell.add(endpoint)
      else unwell.delete(endpoint)
      if (isUnwell)
        logger?.warn(`${endpoint} answers badly: the others are asked first, and it now and then`, { score })
      else logger?.info(`${endpoint} answers well again`, { score })
    },
    refuted: (endpoint, field) => metrics.refuted.inc({ endpoint, field }),
  }
}

/** One call, as {@link EndpointObserver.called} tells it. */
export function counted(
  metrics: IngestorMetrics,
  ...[endpoint, method, outcome, bytes]: Parameters<EndpointObserver['called']>
): void {
  metrics.calls.inc({ endpoint, method, outcome })
  metrics.bytes.inc({ endpoint, method }, bytes)
}
