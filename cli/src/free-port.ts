import { createServer } from 'node:net'
import { PortUnavailableError } from '@tocsin/service-kit'

/**
 * `port` if nobody has it, else the next free one of `tries`. It may be gone when it is opened; that is then told.
 * @throws {PortUnavailableError} none of them is free, or the host is no address of this machine.
 */
export async function freePort(host: string, port: number, tries: number): Promise<number> {
  if (port === 0) return 0
  let cause: unknown
  for (let candidate = port; candidate < Math.min(port + tries, 65_536); candidate++) {
    const failure = await tryPort(host, candidate)
    if (failure === undefined) return candidate
    cause ??= failure
    if (failure.code !== 'EADDRINUSE' && failure.code !== 'EACCES') break
  }
  throw new PortUnavailableError(port, { cause })
}

function tryPort(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', resolve)
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}
