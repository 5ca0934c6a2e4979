import { createServer } from 'node:net'
import { PortUnavailableError } from '@tocsin/service-kit'

/**
 * `port` if nobody has it, else the next free one of `tries`. It may be gone when it is opened; that is then told.
 * @throws {PortUnavailableError} none of them is free.
 */
export async function freePort(host: string, port: number, tries: number): Promise<number> {
  if (port === 0) return 0
  for (let candidate = port; candidate < Math.min(port + tries, 65_536); candidate++) {
    if (await isFree(host, candidate)) return candidate
  }
  throw new PortUnavailableError(port)
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
