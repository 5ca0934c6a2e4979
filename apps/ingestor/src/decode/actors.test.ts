import { parseAddress, parseHash, type Address, type ChainTransaction, type Hex } from '@tocsin/chain-model'
import { Interface, Wallet, toBeHex } from 'ethers'
import { describe, expect, test } from 'vitest'
import { chainFacts } from '../knowledge/chains.ts'
import type { Envelope, SignedAuthorization, SourceFrame, SourceLog } from '../sources/source-block.ts'
import { topic0Of } from './abi.ts'
import { decodeTransaction } from './decode-transaction.ts'
import { authorizationOf } from './eip7702.ts'
import { selectorOf } from './selector.ts'

const addressOf = (digits: string) => parseAddress(`0x${digits.repeat(20)}`)
const [bundler, ann, bob, cyd, vault] = ['b0', 'a1', 'b2', 'c3', '5a'].map(addressOf) as [
  Address,
  Address,
  Address,
  Address,
  Address,
]
const usdc = parseAddress('0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48')
const unlisted = addressOf('ee')
const { vouchers } = chainFacts(1)
const [entryPoint6, entryPoint7, entryPoint8] = [...vouchers.entryPoints] as [Address, Address, Address]
const [permit2 = unlisted] = vouchers.permit2
const [forwarder = unlisted] = vouchers.forwarders

const encode = (signature: string, ...args: readonly unknown[]): Hex =>
  new Interface([`function ${signature}`]).encodeFunctionData(signature.slice(0, signature.indexOf('(')), args) as Hex
const topic = (value: Address | bigint) => parseHash(toBeHex(value, 32))
const log = (
  address: Address,
  signature: string,
  topics: readonly (Address | bigint)[],
  ...words: readonly bigint[]
) => ({
  address,
  topics: [topic0Of(signature), ...topics.map(topic)],
  data: `0x${words.map((word) => toBeHex(word, 32).slice(2)).join('')}` as const,
})
type Log = Omit<SourceLog, 'logIndex'>
const transfer = (token: Address, from: Address, to: Address, amount: bigint) =>
  log(token, 'Transfer(address,address,uint256)', [from, to], amount)
const begin = (entryPoint: Address) => log(entryPoint, 'BeforeExecution()', [])
const operationEvent = (entryPoint: Address, sender: Address) =>
  log(
    entryPoint,
    'UserOperationEvent(bytes32,address,address,uint256,bool,uint256,uint256)',
    [7n, sender, 0n],
    ...[0n, 1n, 5n, 5n],
  )
const executed = (safe: Address, name = 'ExecutionSuccess') => log(safe, `${name}(bytes32,uint256)`, [], 7n, 0n)

const call = (traceAddress: number[], from: Address, to: Address, input: Hex = '0x', error: string | null = null) =>
  ({ traceAddress, type: 'call', from, to, value: 0n, selector: selectorOf(input), input, error }) as const

interface Parts {
  readonly from?: Address
  readonly to: Address
  readonly input?: Hex
  readonly logs?: readonly Log[]
  readonly frames?: readonly SourceFrame[]
  readonly status?: 'success' | 'failed'
  readonly authorizations?: Envelope['authorizations']
}

function decoded(parts: Parts): ChainTransaction {
  const {
    from = bundler,
    to,
    input = '0x',
    logs = [],
    frames = null,
    status = 'success',
    authorizations = null,
  } = parts
  const source = {
    hash: parseHash(toBeHex(1, 32)),
    index: 0,
    envelope: { from, to, value: 0n, nonce: 0, input, authorizations },
    outcome: { status, gasUsed: 1n, effectiveGasPrice: 1n, contractAddress: null },
    logs: logs.map((one, logIndex) => ({ logIndex: 40 + logIndex, ...one })),
    frames,
  }
  const token = { address: usdc, symbol: 'USDC', decimals: 6, kind: 'stablecoin', recognised: true } as const
  return decodeTransaction({ number: 9, hash: null, timestamp: 0 }, source, {
    chainId: 1,
    token: (address) => (address === usdc ? token : undefined),
    labels: () => [],
    pools: new Map(),
    factories: new Set(),
    vouchers,
    abis: null,
  })
}
const actorsOf = (parts: Parts) => decoded(parts).actors

const operation6 = '(address,uint256,bytes,bytes,uint256,uint256,uint256,uint256,uint256,bytes,bytes)'
const operation7 = '(address,uint256,bytes,bytes,bytes32,uint256,bytes32,bytes,bytes)'
const six = (sender: Address) => [sender, 1n, '0x', '0x', 1n, 1n, 1n, 1n, 1n, '0x', '0x12']
const seven = (sender: Address) => [sender, 1n, '0x', '0x', toBeHex(1, 32), 1n, toBeHex(1, 32), '0x', '0x12']
const handleOps6 = (...senders: Address[]) => encode(`handleOps(${operation6}[],address)`, senders.map(six), bundler)

/** A bundle of two operations, each of which pays cyd; before them an approval by validation, after them the bundler's own. */
const bundle = (entryPoint: Address, input: Hex): Parts => ({
  to: entryPoint,
  input,
  logs: [
    transfer(usdc, bundler, ann, 1n),
    begin(entryPoint),
    transfer(usdc, ann, cyd, 2n),
    operationEvent(entryPoint, ann),
    transfer(usdc, bob, cyd, 3n),
    operationEvent(entryPoint, bob),
    transfer(usdc, bundler, cyd, 4n),
  ],
  frames: [
    call([], bundler, entryPoint, input),
    call([0], entryPoint, ann), // validation
    call([1], entryPoint, entryPoint), // the first operation
    call([1, 0], entryPoint, ann),
    call([1, 0, 0], ann, usdc, encode('transfer(address,uint256)', cyd, 2n)),
    call([2], entryPoint, entryPoint),
    call([2, 0], entryPoint, bob),
    call([3], entryPoint, bundler), // is paid
  ],
})
const operationsOf = (frames: readonly (number[] | null)[]) => [
  { address: ann, by: 'user-operation', events: { start: 2, end: 4 }, frame: frames[0] },
  { address: bob, by: 'user-operation', events: { start: 4, end: 6 }, frame: frames[1] },
]

const execTransaction = (to: Address, input: Hex) =>
  encode(
    'execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)',
    ...[to, 0n, input, 0, 0n, 0n, 0n, ann, ann, '0x'],
  )

describe('actorsOf', () => {
  test.for([
    ['v0.6', entryPoint6, handleOps6(ann, bob)],
    ['v0.7', entryPoint7, encode(`handleOps(${operation7}[],address)`, [seven(ann), seven(bob)], bundler)],
    ['v0.8', entryPoint8, encode(`handleOps(${operation7}[],address)`, [seven(ann), seven(bob)], bundler)],
    [
      'v0.6, aggregated',
      entryPoint6,
      encode(
        `handleAggregatedOps((${operation6}[],address,bytes)[],address)`,
        [
          [[six(ann)], cyd, '0x'],
          [[six(bob)], cyd, '0x12'],
        ],
        bundler,
      ),
    ],
  ] as const)('default: of a bundle (%s) each account has its events and frames', ([, entryPoint, input]) => {
    const parts = bundle(entryPoint, input)
    expect(actorsOf(parts)).toEqual(operationsOf([[1], [2]]))
    // The sender that is decoded is the one that the entry point tells of, in order.
    const tx = decoded(parts)
    const [bundled] = tx.calls?.filter(({ type }) => type === 'handle-operations') ?? []
    const senders = tx.events.flatMap((event) => (event.type === 'user-operation' ? [event.sender] : []))
    expect(bundled?.type === 'handle-operations' && bundled.operations.map(({ sender }) => sender)).toEqual(senders)
  })

  test('behavior: without frames a bundle’s accounts have their events; which frames are theirs is not known', () => {
    const { frames: _, ...untraced } = bundle(entryPoint6, handleOps6(ann, bob))
    expect(actorsOf(untraced)).toEqual(operationsOf([null, null]))
  })

  test('behavior: frames that do not agree with the operations are nobody’s', () => {
    const swapped = bundle(entryPoint6, handleOps6(bob, ann))
    expect(actorsOf(swapped)).toEqual(operationsOf([null, null]))
    const parts = bundle(entryPoint6, handleOps6(ann, bob))
    const one = parts.frames?.filter(({ traceAddress }) => traceAddress[0] !== 2) ?? []
    expect(actorsOf({ ...parts, frames: one })).toEqual(operationsOf([null, null]))
  })

  test('behavior: an entry point that is not listed may emit what it likes', () => {
    expect(actorsOf(bundle(unlisted, handleOps6(ann, bob)))).toEqual([])
    // Nor does one that is listed lend its name: the event is another contract's.
    const { logs = [], ...parts } = bundle(entryPoint6, handleOps6(ann, bob))
    expect(actorsOf({ ...parts, logs: logs.map((one) => ({ ...one, address: unlisted })) })).toEqual([])
  })

  test('default: a Safe acted in all of a transaction that calls it, also where what it did failed inside', () => {
    const input = execTransaction(usdc, encode('transfer(address,uint256)', cyd, 5n))
    const whole = { address: vault, by: 'safe-transaction', events: { start: 0, end: 2 } }
    for (const name of ['ExecutionSuccess', 'ExecutionFailure']) {
      const parts = { to: vault, input, logs: [transfer(usdc, vault, cyd, 5n), executed(vault, name)] }
      expect(actorsOf(parts)).toEqual([{ ...whole, frame: [] }])
      expect(actorsOf({ ...parts, frames: [call([], bundler, vault, input)] })).toEqual([{ ...whole, frame: [] }])
    }
  })

  test('behavior: a Safe within a transaction has its frames; one whose frame was taken back, or that is silent, none', () => {
    const input = execTransaction(usdc, '0x')
    const within = (error: string | null, logs: readonly Log[]) =>
      actorsOf({
        to: cyd,
        logs,
        frames: [call([], bundler, cyd), call([0], cyd, cyd, '0x', error), call([0, 1], cyd, vault, input)],
      })
    expect(within(null, [executed(vault)])).toEqual([
      { address: vault, by: 'safe-transaction', events: null, frame: [0, 1] },
    ])
    expect(within('Reverted', [executed(vault)])).toEqual([])
    expect(within(null, [])).toEqual([])
    expect(within(null, [executed(unlisted)])).toEqual([])
  })

  test('default: what a module has a Safe do is the Safe’s act', () => {
    const input = encode('execTransactionFromModule(address,uint256,bytes,uint8)', usdc, 0n, '0x', 0)
    const logs = [log(vault, 'ExecutionFromModuleSuccess(address)', [cyd])]
    const frames = [call([], bundler, cyd), call([0], cyd, vault, input)]
    expect(actorsOf({ to: cyd, logs, frames })).toEqual([
      { address: vault, by: 'safe-module', events: null, frame: [0] },
    ])
  })

  test('default: operations that a Safe bundles are their accounts’, all else in it the Safe’s', () => {
    const handleOps = handleOps6(ann, bob)
    const input = execTransaction(entryPoint6, handleOps)
    const inner = bundle(entryPoint6, handleOps)
    const frames = inner.frames?.map((one) => ({
      ...one,
      from: one.from === bundler ? vault : one.from,
      traceAddress: [0, ...one.traceAddress],
    }))
    const parts = { to: vault, input, logs: [...(inner.logs ?? []), executed(vault)] }
    expect(actorsOf({ ...parts, frames: [call([], bundler, vault, input), ...(frames ?? [])] })).toEqual([
      { address: vault, by: 'safe-transaction', events: { start: 0, end: 8 }, frame: [] },
      ...operationsOf([[0, 1], [0, 2]]), // prettier-ignore
    ])
  })

  test('behavior: in a failed transaction nobody acted, and its calls are told', () => {
    const { logs: _, ...parts } = bundle(entryPoint6, handleOps6(ann, bob))
    const failed = decoded({ ...parts, status: 'failed' })
    expect(failed.actors).toEqual([])
    expect(failed.calls?.map(({ type }) => type)).toEqual(['handle-operations', 'transfer'])
  })

  const eip2612 = 'permit(address,address,uint256,uint256,uint8,bytes32,bytes32)'
  const r = toBeHex(1, 32)

  test('default: who signed a permit acts in its approval alone, not in what the spender does with it', () => {
    const permit = (token: Address, caller: Address, amount: bigint) =>
      actorsOf({
        to: cyd,
        logs: [
          log(token, 'Approval(address,address,uint256)', [ann, cyd], amount),
          transfer(token, ann, bundler, amount),
        ],
        frames: [
          call([], bundler, cyd),
          call([0], caller, token, encode(eip2612, ann, cyd, 5n, 9n, 27, r, r)),
          call([1], cyd, token, encode('transferFrom(address,address,uint256)', ann, bundler, amount)),
        ],
      })
    expect(permit(usdc, cyd, 5n)).toEqual([{ address: ann, by: 'permit', events: { start: 0, end: 1 }, frame: [0] }])
    expect(permit(unlisted, cyd, 5n)).toEqual([]) // a token that anyone may have written
    expect(permit(usdc, cyd, 6n)).toEqual([]) // nothing of what was signed came about
    expect(permit(usdc, ann, 5n)).toEqual([]) // the owner's own call
  })

  test('default: transfers that an owner signed, EIP-3009 and Permit2, are the owner’s', () => {
    const authorized =
      'transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)'
    const input = encode(authorized, ann, bob, 5n, 0n, 9n, r, 27, r, r)
    const logs = [transfer(usdc, ann, bob, 4n), transfer(usdc, ann, bob, 5n)]
    expect(actorsOf({ to: usdc, input, logs })).toEqual([
      { address: ann, by: 'authorization', events: { start: 1, end: 2 }, frame: [] },
    ])
    const signedTransfer = 'permitTransferFrom(((address,uint256),uint256,uint256),(address,uint256),address,bytes)'
    const spent = encode(signedTransfer, [[usdc, 9n], 0n, 9n], [bob, 5n], ann, '0x12')
    const by = (contract: Address) =>
      actorsOf({ to: cyd, logs, frames: [call([], bundler, cyd), call([0], cyd, contract, spent)] })
    expect(by(permit2)).toEqual([{ address: ann, by: 'signature-transfer', events: { start: 1, end: 2 }, frame: [0] }])
    expect(by(unlisted)).toEqual([])
  })

  test('default: who signed for a listed forwarder acts below the call that it makes', () => {
    const request = [ann, cyd, 0n, 1n, 1n, '0x12345678']
    const input = encode('execute((address,address,uint256,uint256,uint256,bytes),bytes)', request, '0x')
    const by = (contract: Address) =>
      actorsOf({
        to: contract,
        input,
        frames: [call([], bundler, contract, input), call([0], contract, cyd, `0x12345678${ann.slice(2)}`)],
      })
    expect(by(forwarder)).toEqual([{ address: ann, by: 'forwarder', events: null, frame: [0] }])
    expect(by(unlisted)).toEqual([])
  })

  const wallet = new Wallet(toBeHex(42, 32))
  const authority = parseAddress(wallet.address)
  const signed = (chainId = 1n): SignedAuthorization => {
    const { signature } = wallet.authorizeSync({ address: cyd, nonce: 3, chainId })
    const { yParity } = signature
    return {
      chainId,
      delegate: cyd,
      nonce: 3n,
      yParity: BigInt(yParity),
      r: BigInt(signature.r),
      s: BigInt(signature.s),
    }
  }

  test('default: an account that signed an EIP-7702 authorisation and runs code when called acts, not who sent', () => {
    const logs = [transfer(usdc, authority, bob, 5n)]
    const parts = { to: authority, logs, authorizations: [signed()] }
    const delegated = { address: authority, by: 'delegated-account', events: { start: 0, end: 1 }, frame: null }
    expect(decoded(parts)).toMatchObject({
      actors: [delegated],
      authorizations: [{ authority, delegate: cyd, chainId: 1n, nonce: 3n }],
    })
    expect(actorsOf({ ...parts, from: authority })).toEqual([]) // sends itself: the sender
    expect(actorsOf({ ...parts, to: ann })).toEqual([]) // another account is called
    expect(actorsOf({ ...parts, logs: [] })).toEqual([]) // nothing shows that code ran
    const frames = [call([], bundler, authority), call([0], authority, bob)]
    expect(actorsOf({ ...parts, logs: [], frames })).toMatchObject([{ address: authority, frame: [] }])
    expect(actorsOf({ ...parts, logs: [], frames, status: 'failed' })).toEqual([])
    expect(actorsOf({ ...parts, authorizations: null })).toEqual([])
  })

  test('behavior: an authorisation that someone else signed, or nobody, gives nobody’s name away', () => {
    expect(authorizationOf({ ...signed(), nonce: 4n }).authority).not.toBe(authority)
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
    for (const bad of [
      { s: order - signed().s },
      { r: 0n },
      { s: 0n },
      { r: order },
      { yParity: 2n },
      { r: 2n ** 256n },
    ])
      expect([bad, authorizationOf({ ...signed(), ...bad }).authority]).toEqual([bad, null])
  })
})
