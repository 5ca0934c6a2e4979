import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { KafkaSockets } from './kafka-sockets.ts'

/** A client connected to a server that says nothing. */
async function connected() {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // a listening TCP server has nothing else
  const sockets = new KafkaSockets()
  const accepted = once(server, 'connection')
  const address = { host: '127.0.0.1', port }
  const socket = await new Promise<Socket>((resolve) => {
    const opened = sockets.open({
      ...address,
      // As kafkajs gives it without TLS, against its own declaration.
      ssl: undefined as never,
      onConnect: () => resolve(opened),
    })
  })
  socket.on('error', () => {}) // kafkajs has a listener for it
  const [peer] = (await accepted) as [Socket]
  peer.on('error', () => {})
  return { sockets, socket, address, close: () => server.close() }
}

describe('KafkaSockets', () => {
  test('behavior: hung up on by everyone whose request failed, a socket is listened to once, and closed for all', async () => {
    const { sockets, socket, address, close } = await connected()
    const listeners = socket.listenerCount('close')
    const hungUp = Array.from({ length: 20 }, () => sockets.hangUp(address))
    expect(socket.listenerCount('close')).toBe(listeners)
    await Promise.all(hungUp)
    expect(socket.closed).toBe(true)
    close()
  })

  test('behavior: another broker’s socket stays', async () => {
    const { sockets, socket, address, close } = await connected()
    await sockets.hangUp({ ...address, port: address.port + 1 })
    expect(socket.destroyed).toBe(false)
    await sockets.close()
    expect(socket.closed).toBe(true)
    close()
  })
})
