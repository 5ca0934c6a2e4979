import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { loopedBlocks } from './looped-blocks.ts'
import { recordedBlocks } from './recorded-blocks.ts'

/**
 * A node of recorded blocks, over HTTP, in a process of its own: what it costs is not the client's. Says its URL and what
 * its chain holds in one line, and at `bench_served` the bytes of its answers, and how many blocks it has given whole, since
 * `bench_begin`.
 */
const [shared = '', count = '5000', everyMs = '0'] = process.argv.slice(2)
const chain = loopedBlocks(recordedBlocks(shared), Number(count))
const began = performance.now()
/** As if more had come after it: all that is asked for is final. */
const headNow = () =>
  everyMs === '0'
    ? chain.count - 1
    : Math.min(chain.count - 1, Math.floor((performance.now() - began) / Number(everyMs)))
let bytes = 0
let blocks = 0
/**
 * By recorded block: the number as which it was asked for last. Transactions come again in each round, and whoever asks
 * for a receipt by the hash means the round at hand.
 */
const asked = new Map<number, number>()

interface Asked {
  readonly id: unknown
  readonly method: string
  readonly params?: readonly unknown[]
}

function numberOf(tag: unknown): number | null {
  const head = headNow()
  if (tag === 'latest' || tag === 'finalized' || tag === 'safe') return head
  const number = tag === 'earliest' ? 0 : Number(tag)
  return Number.isInteger(number) && number >= 0 && number <= head ? number : null
}

function receiptOf(hash: string): string | undefined {
  const index = chain.indexOf(hash)
  return index === undefined ? undefined : chain.receipt(hash, asked.get(index) ?? index)
}

function blockOf(number: number, isWhole: boolean): string {
  if (isWhole) blocks = Math.max(blocks, number + 1)
  return chain.block(number, isWhole)
}

/** The result as JSON text; undefined: there is no such method. */
function resultOf({ method, params = [] }: Asked): string | undefined {
  switch (method) {
    case 'eth_chainId':
      return '"0x1"'
    case 'net_version':
      return '"1"'
    case 'web3_clientVersion':
      return '"stub"'
    case 'eth_blockNumber':
      return `"0x${headNow().toString(16)}"`
    case 'eth_getBlockByNumber': {
      const number = numberOf(params[0])
      if (number === null) return 'null'
      asked.set(number % chain.sizes.length, number)
      return blockOf(number, params[1] === true)
    }
    case 'eth_getBlockByHash': {
      const number = chain.numberOf(String(params[0]))
      return number === undefined ? 'null' : blockOf(number, params[1] === true)
    }
    case 'eth_getBlockReceipts': {
      const number = chain.numberOf(String(params[0])) ?? numberOf(params[0])
      return number === null ? 'null' : chain.receipts(number)
    }
    case 'eth_getTransactionReceipt':
      return receiptOf(String(params[0])) ?? 'null'
    case 'eth_call': {
      const [call] = params as readonly { readonly data?: string; readonly input?: string }[]
      const isDecimals = (call?.data ?? call?.input)?.startsWith('0x313ce567') === true
      return isDecimals ? `"0x${'12'.padStart(64, '0')}"` : '"0x"'
    }
    case 'bench_begin':
      bytes = 0
      blocks = 0
      return 'null'
    case 'bench_served':
      return JSON.stringify({ bytes, blocks })
    default:
      return undefined
  }
}

function answer(request: Asked): string {
  const result = resultOf(request)
  const id = JSON.stringify(request.id ?? null)
  return result === undefined
    ? `{"jsonrpc":"2.0","id":${id},"error":{"code":-32601,"message":"the method ${request.method} does not exist"}}`
    : `{"jsonrpc":"2.0","id":${id},"result":${result}}`
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const requests = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Asked | readonly Asked[]
    const text = Array.isArray(requests) ? `[${requests.map(answer).join(',')}]` : answer(requests as Asked)
    const body = Buffer.from(text)
    bytes += body.length
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo // it listens on TCP
  process.stdout.write(
    `${JSON.stringify({ url: `http://127.0.0.1:${port}`, count: chain.count, sizes: chain.sizes })}\n`,
  )
})
