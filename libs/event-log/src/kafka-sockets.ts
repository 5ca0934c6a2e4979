import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { setImmediate as immediate } from 'node:timers/promises'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { worksAround } from './kafka-workarounds.ts'

interface Address {
  readonly host: string
  readonly port: number
}

/** How to reach a broker without TLS; a test puts something between. */
export type Connect = (at: Address) => Socket

const KEEP_ALIVE_MS = 60_000
/** In the message of the error that kafkajs is given, and then reports as one of the network. */
export const HUNG_UP = 'closed by this process'

/**
 * The sockets of one kafkajs client. kafkajs itself never closes one that does not answer, and waits on it when it is
 * told to disconnect; whoever holds this can.
 */
export class KafkaSockets {
  readonly #open = new Map<Socket, Address & { readonly closed: Promise<void> }>()
  readonly #connect: Connect
  #isClosed = false

  constructor(connect: Connect = connectTcp) {
    this.#connect = connect
  }

  /** As kafkajs's `socketFactory`. */
  readonly open = ({
    host,
    port,
    ssl,
    onConnect,
  }: Address & { readonly ssl: ConnectionOptions; readonly onConnect: () => void }): Socket => {
    if (this.#isClosed) throw new Error(HUNG_UP)
    // Kafka's own client passes the name that was asked for too; an address is none (RFC 6066).
    const name = isIP(host) ? {} : { servername: host }
    // kafkajs declares that there are always options, and gives none without TLS.
    const isTls = Boolean(ssl)
    const socket = isTls ? connectTls({ host, port, ...name, ...ssl }) : this.#connect({ host, port })
    socket.once(isTls ? 'secureConnect' : 'connect', onConnect)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.setNoDelay(true)
    // Listened to once for all who hang up: one broken connection fails every request that waited on it.
    const closed = new Promise<void>((resolve) => {
      socket.once('close', () => {
        this.#open.delete(socket)
        resolve()
      })
    })
    this.#open.set(socket, { host, port, closed })
    return socket
  }

  /** What waits for an answer fails, and the next request connects anew. To one broker, or to all. */
  async hangUp(at?: Address): Promise<void> {
    if (!worksAround('hang-up')) return
    const closing: Promise<void>[] = []
    for (const [socket, { host, port, closed }] of this.#open) {
      if (at !== undefined && (at.host !== host || at.port !== port)) continue
      closing.push(closed)
      // With an error: kafkajs does not listen for a socket that is closed without one.
      socket.destroy(new Error(HUNG_UP))
    }
    await Promise.all(closing)
    await immediate() // kafkajs takes some microtasks to see it
  }

  /** For good: what kafkajs tries on its own after it fails. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.hangUp()
  }
}
