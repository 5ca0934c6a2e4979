import { describe, expect, test } from 'vitest'
import { inVirtualTime, virtualClock } from '../testing/virtual-clock.ts'
import type { RpcRequest } from './json-rpc.ts'
import { RpcEndpoint } from './rpc-endpoint.ts'
import { TransportError, type RpcReply } from './rpc-transport.ts'

const { signal } = new AbortController()
const ok = (request: RpcRequest) => ({ jsonrpc: '2.0', id: request.id, result: request.params[0] })
const reply = (body: unknown, status = 200, retryAfterMs: number | null = null): RpcReply => ({
  status,
  retryAfterMs,
  body,
  bytes: 100,
})

/** An endpoint whose node is `answer`, and what was sent to it: calls and time of each exchange. */
function endpointOf(answer: (requests: readonly RpcRequest[]) => RpcReply | Promise<RpcReply>) {
  const { clock, time } = virtualClock()
  const sent: (readonly [calls: number, at: number])[] = []
  const calls: string[] = []
  const endpoint = new RpcEndpoint({
    name: 'node',
    transport: {
      exchange: async (requests) => {
        sent.push([requests.length, time.now])
        return answer(requests)
      },
      subscribe: () => null,
      close: async () => {},
    },
    requestTimeoutMs: 500,
    clock,
    observe: {
      called: (_, method, outcome, bytes) => calls.push(`${method} ${outcome} ${bytes}`),
      scored: () => {},
      refuted: () => {},
    },
  })
  const ask = (count: number) =>
    inVirtualTime(
      time,
      Promise.allSettled(Array.from({ length: count }, (_, at) => endpoint.request('eth_call', [at], signal))),
    )
  return { endpoint, sent, calls, ask, time }
}

const results = (settled: readonly PromiseSettledResult<unknown>[]) =>
  settled.map((each) =>
    each.status === 'fulfilled' ? (each.value as { result: unknown }).result : String(each.reason),
  )
const upTo = (count: number) => Array.from({ length: count }, (_, at) => at)

describe('RpcEndpoint', () => {
  test('default: what is asked together goes out together, answers are told apart by id, bytes are shared', async () => {
    const { ask, sent, calls } = endpointOf((requests) => reply(requests.map(ok).reverse()))
    expect(results(await ask(100))).toEqual(upTo(100))
    expect(sent.map(([count]) => count)).toEqual([64, 36])
    // A batch's 100 bytes are counted once, however many calls it has: not 64 times 2.
    expect(calls.slice(0, 1)).toEqual([`eth_call ok ${100 / 64}`])
    const bytes = calls.map((call) => Number(call.split(' ')[2]))
    expect(bytes.reduce((sum, each) => sum + each, 0)).toBeCloseTo(200, 9)
  })

  test.each<[string, (requests: readonly RpcRequest[]) => RpcReply]>([
    ['HTTP 413', () => reply(undefined, 413)],
    [
      'an error for the whole',
      () => reply({ jsonrpc: '2.0', id: null, error: { code: -32600, message: 'batch too large' } }),
    ],
    [
      'errors for what did not fit',
      (all) =>
        reply(
          all.map((each, at) =>
            at < 3 ? ok(each) : { id: each.id, error: { code: -32003, message: 'response too large' } },
          ),
        ),
    ],
    ['answers that are missing', (all) => reply(all.slice(0, 3).map(ok))],
  ])(
    'behavior: a batch that is too large, told by %s, is halved until it fits, and all is answered',
    async (_, tooLarge) => {
      const { ask, sent } = endpointOf((requests) => {
        const [only] = requests
        if (requests.length === 1 && only !== undefined) return reply(ok(only))
        return requests.length > 10 ? tooLarge(requests) : reply(requests.map(ok))
      })
      expect(results(await ask(64))).toEqual(upTo(64))
      expect(sent.map(([count]) => count).slice(0, 2)).toEqual([64, 32])
      expect(sent.length).toBeLessThan(25)
      const before = sent.length
      for (let more = 0; more < 5; more++) await ask(16)
      // Each full batch that is answered is followed by one that is larger by one.
      const sizes = sent.slice(before).map(([count]) => count)
      expect(Math.max(...sizes)).toBeGreaterThan(sizes[0] ?? 0)
    },
  )

  test('behavior: after a refusal it is left alone as long as it says, and then asked more slowly', async () => {
    let refuse = false
    const { ask, sent, endpoint, time } = endpointOf((requests) =>
      refuse ? reply('slow down', 429, 30_000) : reply(requests.length === 1 ? requests.map(ok)[0] : requests.map(ok)),
    )
    await ask(20)
    refuse = true
    expect(results(await ask(1))[0]).toMatch(/asked less often \(HTTP 429\)/)
    refuse = false
    const before = sent.length
    expect(results(await ask(1))[0]).toMatch(/left alone for another 30 s/)
    expect([sent.length, endpoint.isResting]).toEqual([before, true])
    await inVirtualTime(time, time.after(30_000))
    for (let call = 0; call < 3; call++) await ask(1)
    expect(results(await ask(1))).toEqual([0])
    // 21 in a second were too many: 0.7 of these, and 5 % more for each second since.
    const [first = 0, second = 0] = sent.slice(before).map(([, at]) => at)
    expect(second - first).toBeGreaterThan(10)
  })

  test('behavior: a refusal in an answer with HTTP status 200 is one too, and costs no score', async () => {
    const { ask, endpoint } = endpointOf((requests) =>
      reply({ id: requests[0]?.id, error: { code: -32005, message: 'daily request count exceeded' } }),
    )
    expect(results(await ask(1))[0]).toMatch(/asked less often/)
    expect([endpoint.isResting, endpoint.scoreNow]).toEqual([false, 1])
  })

  test('error: silence, a broken connection and an answer to another call are unavailability, and lower the score', async () => {
    let node: (requests: readonly RpcRequest[]) => RpcReply | Promise<RpcReply> = () => new Promise(() => {})
    const { ask, endpoint, time } = endpointOf((requests) => node(requests))
    expect(results(await ask(1))[0]).toMatch(/node does not answer eth_call: none within 500 ms/)
    expect(time.now).toBe(500)
    node = () => {
      throw new TransportError('socket hang up')
    }
    expect(results(await ask(1))[0]).toMatch(/socket hang up/)
    node = ([request]) => reply({ ...ok(request ?? { id: 0, method: '', params: [] }), id: 77 })
    expect(results(await ask(1))[0]).toMatch(/no JSON-RPC/)
    expect(endpoint.isLow).toBe(true)
    node = (requests) => reply(requests.map(ok)[0])
    await inVirtualTime(time, time.after(60_000))
    await ask(1)
    expect([endpoint.isLow, endpoint.scoreNow > 0.8]).toEqual([false, true])
  })
})
