import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { askChecks, type HealthChecks } from './health.ts'
import type { Metrics } from './metrics.ts'

/** What operators ask of a process. */
export interface Ops {
  readonly metrics: Metrics
  /** What `/health/ready` depends on. */
  readonly checks: HealthChecks
}

/** The media type of Prometheus' text exposition. */
export const metricsType = 'text/plain; version=0.0.4; charset=utf-8'

export interface OpsServer {
  readonly port: number
  close(): Promise<void>
}

/** The port is taken, or may not be opened; the cause says which. */
export class PortUnavailableError extends Error {
  readonly code = 'PORT_UNAVAILABLE'
  readonly handling = 'stop'
  readonly remedy =
    'Stop the program that has the port, or choose another on an address of this machine; 0 takes any free one.'
  constructor(port: number, options?: ErrorOptions) {
    super(`Port ${port} cannot be opened${reasonOf(options?.cause)}.`, options)
  }
}

const reasonOf = (cause: unknown) => (cause instanceof Error ? `: ${cause.message}` : '')

/**
 * The same three answers without Nest, for processes whose only HTTP they are. Port 0 takes a free one.
 * @throws {PortUnavailableError}
 */
export async function startOpsServer(
  options: Ops & { readonly port: number; readonly host?: string },
): Promise<OpsServer> {
  const { metrics, checks, port, host } = options
  const answer = async (path: string): Promise<{ status: number; type: string; body: string }> => {
    const json = (status: number, value: unknown) => ({
      status,
      type: 'application/json; charset=utf-8',
      body: JSON.stringify(value),
    })
    switch (path) {
      case '/health/live':
        return json(200, { status: 'live' })
      case '/health/ready': {
        const readiness = await askChecks(checks)
        return json(readiness.status === 'ready' ? 200 : 503, readiness)
      }
      case '/metrics':
        return { status: 200, type: metricsType, body: await metrics.exposition() }
      default:
        return json(404, { error: 'There are /health/live, /health/ready and /metrics.' })
    }
  }
  const server = createServer((request, response) => {
    // Not by URL, which throws at `//`: a stranger's words must not end the process.
    const [path = '/'] = (request.url ?? '/').split('?')
    answer(path).then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new PortUnavailableError(port, { cause })))
    server.listen(port, host, resolve)
  })
  return {
    // A listening TCP server's address is never a string or null.
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)))
        server.closeAllConnections()
      }),
  }
}
