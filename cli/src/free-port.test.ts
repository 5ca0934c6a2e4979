import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { PortUnavailableError } from '@tocsin/service-kit'
import { describe, expect, test } from 'vitest'
import { freePort } from './free-port.ts'

const host = '127.0.0.1'

async function taken() {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // a listening TCP server has nothing else
  return { port, close: () => server.close() }
}

describe('freePort', () => {
  test('default: the port itself; 0 is left to the system', async () => {
    const { port, close } = await taken()
    close()
    expect(await freePort(host, port, 1)).toBe(port)
    expect(await freePort(host, 0, 1)).toBe(0)
  })

  test('behavior: taken, one of the next', async () => {
    const { port, close } = await taken()
    const found = await freePort(host, port, 20)
    expect(found).toBeGreaterThan(port)
    expect(found).toBeLessThan(port + 20)
    close()
  })

  test('error: none is free', async () => {
    const { port, close } = await taken()
    await expect(freePort(host, port, 1)).rejects.toThrow(PortUnavailableError)
    await expect(freePort(host, port, 1)).rejects.toThrow('EADDRINUSE')
    close()
  })

  test('error: the host is not this machine’s', async () => {
    await expect(freePort('192.0.2.1', 4680, 20)).rejects.toThrow('EADDRNOTAVAIL')
  })
})
