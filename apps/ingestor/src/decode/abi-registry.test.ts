import {
  addressesOf,
  chainCallSchema,
  chainEventSchema,
  parseAddress,
  parseHash,
  type AbiArgument,
  type AbiValue,
  type Address,
  type Hex,
} from '@tocsin/chain-model'
import { Interface, id, keccak256, toUtf8Bytes } from 'ethers'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SourceFrame } from '../sources/source-block.ts'
import { abiRegistry, type ListedAbi } from './abi-registry.ts'
import { parseAbiEntry } from './abi.ts'
import { callsOf } from './decode-calls.ts'
import { decodeLog, undecodedAs } from './decode-log.ts'
import { codesRunIn } from './execution.ts'
import { selectorOf } from './selector.ts'

const [vault, other, ann, bob] = ['ee', 'dd', 'a1', 'b2'].map((digits) => parseAddress(`0x${digits.repeat(20)}`)) as [
  Address,
  Address,
  Address,
  Address,
]

const abiOf = (entries: readonly unknown[], of: Partial<ListedAbi> = { address: vault }): ListedAbi => {
  const items = entries.flatMap((entry) => parseAbiEntry(entry) ?? [])
  return {
    ...{ name: 'Vault', address: null, chainId: null, ...of },
    events: items.filter((item) => item.type === 'event'),
    functions: items.filter((item) => item.type === 'function'),
  }
}
const registryOf = (...abis: readonly ListedAbi[]) => abiRegistry(abis, 1)

/** A log as ethers encodes it, whose encoder is not ours. */
function logOf(event: string, values: readonly unknown[], address = vault) {
  const { topics, data } = new Interface([event]).encodeEventLog(event.replace(/^event (\w+).*/, '$1'), values)
  return { logIndex: 3, address, topics: topics.map(parseHash), data: data as Hex } // ethers names hex `string`
}
const values = (args: readonly AbiArgument[] | undefined) => args?.map(({ value }) => value)

const deposit = 'event Deposit(address indexed owner, uint256 amount, string note)'

describe('decodeLog', () => {
  test('default: an event of a user’s contract, its arguments typed by the ABI', () => {
    const event = decodeLog(logOf(deposit, [ann, 2n ** 255n, 'for\u200b rent']), registryOf(abiOf([deposit])))
    expect(event).toEqual({
      ...{ type: 'contract-event', logIndex: 3, address: vault, abi: 'Vault' },
      signature: 'Deposit(address,uint256,string)',
      arguments: [
        { name: 'owner', type: 'address', value: ann },
        { name: 'amount', type: 'uint256', value: (2n ** 255n).toString() },
        { name: 'note', type: 'string', value: 'for rent' },
      ],
    })
    expect(chainEventSchema.parse(event)).toEqual(event)
  })

  test('behavior: without its ABI, on another chain or at another contract, the log stays raw', () => {
    const log = logOf(deposit, [ann, 1n, ''])
    for (const abis of [
      null,
      registryOf(abiOf([deposit], { address: other })),
      registryOf(abiOf([deposit], { address: vault, chainId: 10 })),
    ])
      expect(decodeLog(log, abis)).toEqual({ type: 'log', ...log })
    expect(decodeLog(log, registryOf(abiOf([deposit], { address: vault, chainId: 1 }))).type).toBe('contract-event')
  })

  test('behavior: an ABI without an address holds for any contract; the contract’s own wins', () => {
    const named = (name: string) => `event Deposit(address indexed ${name}, uint256 amount, string note)`
    const registry = registryOf(
      abiOf([named('anyone')], { name: 'Any' }),
      abiOf([named('owner')], { name: 'Own', address: vault }),
    )
    const explained = [vault, other].map((address) => registry.event(logOf(deposit, [ann, 1n, ''], address)))
    expect(explained.map((event) => [event?.abi, event?.arguments[0]?.name])).toEqual([
      ['Own', 'owner'],
      ['Any', 'anyone'],
    ])
  })

  test('behavior: what Tocsin decodes itself stays so, since detectors know it', () => {
    const transfer = 'event Transfer(address indexed src, address indexed dst, uint256 wad)'
    expect(decodeLog(logOf(transfer, [ann, bob, 5n]), registryOf(abiOf([transfer]))).type).toBe('erc20-transfer')
  })

  test('behavior: overloads are told apart', () => {
    const overloads = ['event Set(uint256 value)', 'event Set(bytes32 value)', 'event Set(int8 value, bool on)']
    const registry = registryOf(abiOf(overloads))
    const told = [
      logOf(overloads[0] ?? '', [7]),
      logOf(overloads[1] ?? '', [id('x')]),
      logOf(overloads[2] ?? '', [-128, true]),
    ].map((log) => registry.event(log))
    expect(told.map((event) => [event?.signature, values(event?.arguments)])).toEqual([
      ['Set(uint256)', ['7']],
      ['Set(bytes32)', [id('x')]],
      ['Set(int8,bool)', ['-128', true]],
    ])
  })

  test('behavior: of an indexed text, list or tuple the log has the hash alone', () => {
    const event =
      'event Named(string indexed name, (uint256 a, address b) indexed pair, uint8 indexed kind, bytes rest)'
    // ethers does not encode the topic of a tuple.
    const [name, pair] = [keccak256(toUtf8Bytes('ann')), keccak256(`0x${'01'.padStart(64, '0')}`)]
    const { data } = logOf('event Rest(bytes rest)', ['0x0102'])
    const topics = [id('Named(string,(uint256,address),uint8,bytes)'), name, pair, `0x${'3'.padStart(64, '0')}`]
    const log = { logIndex: 0, address: vault, topics: topics.map(parseHash), data }
    const decoded = registryOf(abiOf([event])).event(log)
    expect(decoded?.arguments).toEqual([
      { name: 'name', type: 'string', value: null, hash: name },
      { name: 'pair', type: '(uint256,address)', value: null, hash: pair },
      { name: 'kind', type: 'uint8', value: '3' },
      { name: 'rest', type: 'bytes', value: '0x0102' },
    ])
  })

  test('behavior: tuples keep their names, and addresses are named by their type alone', () => {
    const event = 'event Filled((address to, uint256[] amounts)[] legs, address[2] pair, bytes20 mark, string note)'
    const log = logOf(event, [[{ to: ann, amounts: [1n, 2n] }], [bob, vault], other, ann])
    const decoded = decodeLog(log, registryOf(abiOf([event])))
    expect(decoded).toMatchObject({
      arguments: [
        {
          type: '(address,uint256[])[]',
          value: [
            [
              { name: 'to', type: 'address', value: ann },
              { name: 'amounts', type: 'uint256[]', value: ['1', '2'] },
            ],
          ],
        },
        { type: 'address[2]', value: [bob, vault] },
        { type: 'bytes20', value: other },
        { type: 'string', value: ann },
      ],
    })
    expect(addressesOf(decoded)).toEqual([vault, ann, bob, vault])
    expect(chainEventSchema.parse(decoded)).toEqual(decoded)
  })

  test('behavior: an anonymous event is told of its own contract only', () => {
    const [sig, usr, data] = [
      { name: 'sig', type: 'bytes4', indexed: true },
      { name: 'usr', type: 'address', indexed: true },
      { name: 'data', type: 'bytes', indexed: false },
    ]
    const note = { type: 'event', name: 'LogNote', anonymous: true, inputs: [sig, usr, data] }
    const { topics, ...encoded } = logOf('event LogNote(bytes4 indexed sig, address indexed usr, bytes data)', [
      '0xa9059cbb',
      ann,
      '0x01',
    ])
    const log = { ...encoded, topics: topics.slice(1) }
    expect(values(registryOf(abiOf([note])).event(log)?.arguments)).toEqual(['0xa9059cbb', ann, '0x01'])
    expect(registryOf(abiOf([note], { address: null })).event(log)).toBeUndefined()
    expect(registryOf(abiOf([note])).event({ ...log, topics: [] })).toBeUndefined()
  })

  test('behavior: one first topic with other arguments indexed: the layout that fits, and none where two do', () => {
    const layouts = [
      'event Moved(address indexed who, uint256 amount)',
      'event Moved(address who, uint256 indexed amount)',
    ]
    const registry = registryOf(...layouts.map((layout) => abiOf([layout], { address: null })))
    const big = 2n ** 200n // no address: only its own layout fits
    for (const layout of layouts)
      expect(values(registry.event(logOf(layout, [ann, big]))?.arguments)).toEqual([ann, big.toString()])
    expect(registry.event(logOf(layouts[0] ?? '', [ann, 5n]))).toBeUndefined() // 5 could be an address
    const own = registryOf(...layouts.map((layout, at) => abiOf([layout], { address: [vault, other][at] ?? null })))
    expect(values(own.event(logOf(layouts[0] ?? '', [ann, 5n]))?.arguments)).toEqual([ann, '5'])
  })

  test('behavior: a log that does not fit its ABI stays raw and is counted by name; text that is none hides nothing', () => {
    const registry = registryOf(abiOf([deposit, 'event Flag(bool on)']))
    const log = logOf(deposit, [ann, 1n, 'note'])
    const misfits = [
      { ...log, topics: log.topics.slice(0, 1) },
      { ...log, topics: [...log.topics, parseHash(id('one more'))] },
      { ...log, data: '0x' as const },
      { ...log, data: log.data.slice(0, -64) as Hex },
      { ...logOf('event Flag(uint256 on)', [2n]), topics: [parseHash(id('Flag(bool)'))] },
    ]
    const events = misfits.map((one) => decodeLog(one, registry))
    expect(events).toEqual(misfits.map((one) => ({ type: 'log', ...one })))
    expect(events.map((event) => undecodedAs(event, registry))).toEqual([
      ...['Deposit', 'Deposit', 'Deposit', 'Deposit', 'Flag'],
    ])
    const text = Buffer.from('note').toString('hex')
    const noText = { ...log, data: log.data.replace(text, 'ff'.repeat(4)) as Hex }
    expect(values(registry.event(noText)?.arguments)).toEqual([ann, '1', null])
  })

  test('behavior: of an ABI for any contract, another number of topics is another event', () => {
    const registry = registryOf(abiOf([deposit], { address: null }))
    const log = decodeLog({
      ...logOf(deposit, [ann, 1n, '']),
      topics: [parseHash(id('Deposit(address,uint256,string)'))],
    })
    expect(undecodedAs(log, registry)).toBeNull()
  })

  test('property: whatever ethers encodes of whatever types is read as it was, or as ethers says', () => {
    const law = fc.property(typed(2), fc.array(typed(2), { maxLength: 3 }), (first, more) => {
      const inputs = [first, ...more]
      const event = `event Any(${inputs.map(({ type }) => type).join(', ')})`
      const decoded = registryOf(abiOf([event])).event(
        logOf(
          event,
          inputs.map(({ value }) => value),
        ),
      )
      expect(decoded?.arguments.map(({ value }) => plain(value))).toEqual(inputs.map(({ expected }) => expected))
      expect(chainEventSchema.parse(decoded)).toEqual(decoded)
    })
    fc.assert(law, { numRuns: 200 })
  })

  test('property: no data make it throw, nor ask for more than there is', () => {
    const bomb = 'event Bomb(uint256[][][][][][] x, (bytes[8] a, string[] b)[] y)'
    const registry = registryOf(abiOf([bomb, deposit]))
    const anyWords = fc.array(
      fc.oneof(fc.constantFrom(0n, 32n, 64n, 96n, 128n, 160n, 2n ** 32n - 1n), fc.bigInt(0n, 2n ** 256n - 1n)),
      {
        maxLength: 40,
      },
    )
    const law = fc.property(anyWords, fc.constantFrom(bomb, deposit), (data, event) => {
      const topics = logOf(event, event === bomb ? [[], []] : [ann, 1n, '']).topics
      const hex = data.map((word) => word.toString(16).padStart(64, '0')).join('')
      decodeLog({ logIndex: 0, address: vault, topics, data: `0x${hex}` }, registry)
    })
    fc.assert(law, { numRuns: 500 })
    // Lists of which each item points back at the same few words: 4^6 items of 32 bytes each, were they all read.
    const again = ['20', '4', '0', '0', '0', '0', '0'].map((word) => word.padStart(64, '0')).join('')
    const log = { logIndex: 0, address: vault, topics: logOf(bomb, [[], []]).topics, data: `0x${again}` as const }
    expect(decodeLog(log, registry).type).toBe('log')
    // Twenty tuples at one place, with eight texts at one place each.
    const tuples = 'event Tuples((bytes[8] texts)[] list)'
    const words = [32, 20, ...Array.from({ length: 20 }, () => 640), 32, ...Array.from({ length: 8 }, () => 256), 0]
    const shared = words.map((word) => word.toString(16).padStart(64, '0')).join('')
    const told = { logIndex: 0, address: vault, topics: logOf(tuples, [[]]).topics, data: `0x${shared}` as const }
    expect(decodeLog(told, registryOf(abiOf([tuples]))).type).toBe('log')
  })
})

describe('callsOf', () => {
  const lend = 'function lend(address asset, (uint256 amount, bytes32 ref) terms) payable'
  const at = { from: ann, to: vault, value: 9n, nonce: 0, authorizations: null }
  const callOf = (input: Hex, to: Address = vault) => ({
    ...{ hash: parseHash(id('tx')), index: 0, outcome: null, logs: null, frames: null },
    envelope: { ...at, to, input },
  })
  const input = new Interface([lend]).encodeFunctionData('lend', [bob, { amount: 7n, ref: id('ref') }]) as Hex

  test('default: a call of a user’s contract, from the call data or from its frame', () => {
    const registry = registryOf(abiOf([lend]))
    const told = {
      ...{ type: 'contract-call', traceAddress: [], caller: ann, address: vault, value: 9n, rest: 0, abi: 'Vault' },
      signature: 'lend(address,(uint256,bytes32))',
      arguments: [
        { name: 'asset', type: 'address', value: bob },
        {
          name: 'terms',
          type: '(uint256,bytes32)',
          value: [
            { name: 'amount', type: 'uint256', value: '7' },
            { name: 'ref', type: 'bytes32', value: id('ref') },
          ],
        },
      ],
    }
    const tx = callOf(input)
    expect(callsOf(tx, registry)).toEqual([told])
    const frame: SourceFrame = {
      ...{ traceAddress: [], type: 'call', from: ann, to: vault, value: 9n, error: null },
      ...{ input, selector: selectorOf(input) },
    }
    const traced = { ...tx, frames: [frame] }
    expect(callsOf(traced, registry)).toEqual([told])
    expect(callsOf(tx)).toEqual([])
    expect(chainCallSchema.parse(JSON.parse(JSON.stringify({ ...told, value: '9' })))).toEqual(told)
  })

  test('behavior: an implementation’s ABI explains what its proxy is called and emits, by the code that it runs here', () => {
    const [proxy, library] = [parseAddress(`0x${'99'.repeat(20)}`), parseAddress(`0x${'77'.repeat(20)}`)]
    const frameOf = (type: SourceFrame['type'], traceAddress: number[], from: Address, to: Address): SourceFrame => ({
      ...{ type, traceAddress, from, to, value: 0n, error: null, input, selector: selectorOf(input) },
    })
    const frames = [
      frameOf('call', [], ann, proxy),
      frameOf('staticcall', [0], proxy, other), // a beacon is asked first
      frameOf('delegatecall', [1], proxy, vault),
      frameOf('delegatecall', [1, 0], proxy, library), // of code within code it is the proxy's storage still
    ]
    const codes = codesRunIn(frames)
    expect([proxy, vault, other].map((each) => codes(each, true))).toEqual([[vault, library], [], []])
    const registry = registryOf(abiOf([lend, deposit])).running(codes)
    expect(callsOf({ ...callOf(input, proxy), frames }, registry)).toMatchObject([{ address: proxy, traceAddress: [] }])
    expect(registry.event(logOf(deposit, [ann, 1n, ''], proxy))?.address).toBe(proxy)
    expect(registry.event(logOf(deposit, [ann, 1n, ''], other))).toBeUndefined()
    const asked: Address[] = []
    const telling = registryOf(abiOf([lend, deposit])).running((contract, isNamed) => {
      asked.push(contract)
      return codes(contract, isNamed)
    })
    const moved = 'event Moved(address indexed from, uint256 amount)'
    expect(
      [moved, deposit].map(
        (event) => telling.event(logOf(event, [ann, 1n, ''].slice(0, event === moved ? 2 : 3), proxy))?.address,
      ),
    ).toEqual([undefined, proxy])
    expect(asked, 'an event that no ABI has asks for no code').toEqual([proxy])
    const ownFirst = registryOf(abiOf([lend], { name: 'Own', address: proxy }), abiOf([lend])).running(codes)
    expect(callsOf({ ...callOf(input, proxy), frames }, ownFirst)).toMatchObject([{ abi: 'Own' }])
  })

  test('behavior: a view, another contract and call data that do not fit are not told', () => {
    const registry = registryOf(abiOf([lend, 'function look(uint256 at) view returns (uint256)']))
    const look = new Interface(['function look(uint256)']).encodeFunctionData('look', [1n]) as Hex
    const cut = input.slice(0, -2) as Hex
    for (const tx of [callOf(look), callOf(input, other), callOf(cut)]) expect(callsOf(tx, registry)).toEqual([])
    expect(callsOf(callOf(input, other), registryOf(abiOf([lend], { address: null })))).toHaveLength(1)
  })
})

/** A type, a value of it as ethers takes it, and as it is told. */
interface Typed {
  readonly type: string
  readonly value: unknown
  readonly expected: unknown
}

function typed(depth: number): fc.Arbitrary<Typed> {
  const bits = fc.integer({ min: 1, max: 32 }).map((bytes) => bytes * 8)
  const hexOf = (bytes: number) =>
    fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((value) => `0x${Buffer.from(value).toString('hex')}`)
  const same = (type: string, value: unknown, expected: unknown = value): Typed => ({ type, value, expected })
  const simple = fc.oneof(
    hexOf(20).map((value) => same('address', value)),
    fc.boolean().map((value) => same('bool', value)),
    bits.chain((size) =>
      fc.bigInt(0n, (1n << BigInt(size)) - 1n).map((value) => same(`uint${size}`, value, `${value}`)),
    ),
    bits.chain((size) => {
      const half = 1n << BigInt(size - 1)
      return fc.bigInt(-half, half - 1n).map((value) => same(`int${size}`, value, `${value}`))
    }),
    fc.integer({ min: 1, max: 32 }).chain((size) => hexOf(size).map((value) => same(`bytes${size}`, value))),
    fc.integer({ min: 0, max: 70 }).chain((size) => hexOf(size).map((value) => same('bytes', value))),
    fc.stringMatching(/^[a-z]{0,70}$/).map((value) => same('string', value)),
  )
  if (depth === 0) return simple
  const list = typed(depth - 1).chain(({ type, value, expected }) =>
    fc.tuple(fc.integer({ min: 0, max: 3 }), fc.boolean()).map(([length, isFixed]): Typed => {
      const size = isFixed ? Math.max(1, length) : length
      const of = (item: unknown) => Array.from({ length: size }, () => item)
      return { type: `${type}[${isFixed ? size : ''}]`, value: of(value), expected: of(expected) }
    }),
  )
  const tuple = fc.array(typed(depth - 1), { minLength: 1, maxLength: 3 }).map((items): Typed => ({
    type: `(${items.map(({ type }) => type).join(',')})`,
    value: items.map(({ value }) => value),
    expected: items.map(({ expected }) => expected),
  }))
  return fc.oneof(simple, list, tuple)
}

/** Without the names and types of components. */
const plain = (value: AbiValue): unknown =>
  Array.isArray(value)
    ? value.map((each: AbiValue | AbiArgument) =>
        typeof each === 'object' && each !== null && 'type' in each ? plain(each.value) : plain(each),
      )
    : value
