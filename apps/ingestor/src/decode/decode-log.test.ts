import { parseAddress, parseHash, type Address, type Hex } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { topic0Of } from './abi.ts'
import { decodeLog } from './decode-log.ts'
import { protocols } from './protocols.ts'

const word = (value: bigint | Address) => BigInt.asUintN(256, BigInt(value)).toString(16).padStart(64, '0')
const topic = (value: bigint | Address) => parseHash(`0x${word(value)}`)
const data = (...values: readonly (bigint | Address)[]): Hex => `0x${values.map(word).join('')}`
const [ann, bob, cyd] = ['a1', 'b2', 'c3'].map((digits) => parseAddress(`0x${digits.repeat(20)}`)) as [
  Address,
  Address,
  Address,
]
const emitter = parseAddress(`0x${'ee'.repeat(20)}`)
const log = (signature: string, topics: readonly (bigint | Address)[], bytes: Hex = '0x') => ({
  logIndex: 7,
  address: emitter,
  topics: [topic0Of(signature), ...topics.map(topic)],
  data: bytes,
})
const at = { logIndex: 7, address: emitter }

describe('topic0Of', () => {
  // Published constants, not computed here: a typing error in a signature shows.
  const published: Readonly<Record<string, string>> = {
    'Transfer(address,address,uint256)': '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef',
    'Approval(address,address,uint256)': '0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925',
    'ApprovalForAll(address,address,bool)': '0x17307eab39ab6107e8899845ad3d59bd9653f200f220920489ca2b5937696c31',
    'TransferSingle(address,address,address,uint256,uint256)':
      '0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62',
    'TransferBatch(address,address,address,uint256[],uint256[])':
      '0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb',
    'Deposit(address,uint256)': '0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c',
    'Withdrawal(address,uint256)': '0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65',
    'PairCreated(address,address,address,uint256)':
      '0x0d3648bd0f6ba80134a33ba9275ac585d9d315f0ad8355cddefde31afa28d0e9',
    'Swap(address,uint256,uint256,uint256,uint256,address)':
      '0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822',
    'Sync(uint112,uint112)': '0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1',
    'Mint(address,uint256,uint256)': '0x4c209b5fc8ad50758f13e2e1088ba56a560dff690a1c6fef26394f4c03821c4f',
    'Burn(address,uint256,uint256,address)': '0xdccd412f0b1252819cb1fd330b93224ca42612892bb3f4f789976e6d81936496',
    'PoolCreated(address,address,uint24,int24,address)':
      '0x783cca1c0412dd0d695e784568c96da2e9c22ff989357a2e8b1d9b2b4e6b7118',
    'Swap(address,address,int256,int256,uint160,uint128,int24)':
      '0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67',
    'Mint(address,address,int24,int24,uint128,uint256,uint256)':
      '0x7a53080ba414158be7ec69b987b5fb7d07dee101fe85488f0853ae16239d0bde',
    'Burn(address,int24,int24,uint128,uint256,uint256)':
      '0x0c396cd989a39f4459b5fa1aed6a9a8dcdbc45908acfd67e028cd568da98982c',
    'Collect(address,address,int24,int24,uint128,uint128)':
      '0x70935338e69775456a85ddef226c395fb668b63fa0115f5f20610b388e6ca9c0',
    'AnswerUpdated(int256,uint256,uint256)': '0x0559884fd3a460db3073b7fc896cc77986f16e378210ded43186175bf646fc5f',
  }

  test('default: every signature that is decoded hashes to its published first topic', () => {
    const signatures = protocols.flatMap(({ events }) => events.map(({ signature }) => signature))
    expect(Object.fromEntries(signatures.map((signature) => [signature, topic0Of(signature)]))).toEqual(published)
  })

  test('behavior: no two events claim the same log', () => {
    const claims = protocols.flatMap(({ events }) => events.map((e) => `${e.signature} ${e.topics} ${e.words}`))
    expect(new Set(claims).size).toBe(claims.length)
  })
})

describe('decodeLog', () => {
  const transfer = 'Transfer(address,address,uint256)'

  test('default: a Transfer with three topics is ERC-20, with four ERC-721', () => {
    const value = 2n ** 256n - 1n
    expect(decodeLog(log(transfer, [ann, bob], data(value)))).toEqual({
      type: 'erc20-transfer',
      ...at,
      from: ann,
      to: bob,
      value,
    })
    expect(decodeLog(log(transfer, [ann, bob, 5n]))).toEqual({
      type: 'erc721-transfer',
      ...at,
      from: ann,
      to: bob,
      tokenId: 5n,
    })
  })

  test('behavior: another number of topics, other lengths of data and dirty address words stay raw', () => {
    const unfit = [
      log(transfer, [], data(ann, bob, 5n)), // CryptoKitties: nothing indexed
      log(transfer, [ann, bob], data(1n, 2n)),
      log(transfer, [ann, bob]),
      log('Deposit(address,uint256)', [ann, bob], data(1n)), // one indexed argument too many
      log(transfer, [2n ** 200n, bob], data(1n)),
      { ...log(transfer, [ann, bob]), data: '0x01' as const },
      log('ApprovalForAll(address,address,bool)', [ann, bob], data(2n)),
      log('Mint(address,uint256,uint256)', [], data(ann, 1n, 2n)), // Compound's
      { logIndex: 7, address: emitter, topics: [], data: '0x' as const },
    ]
    for (const raw of unfit) expect(decodeLog(raw)).toEqual({ type: 'log', ...at, topics: raw.topics, data: raw.data })
  })

  test('default: a v3 swap keeps the signs of its amounts and its tick', () => {
    const swap = log(
      'Swap(address,address,int256,int256,uint160,uint128,int24)',
      [ann, bob],
      data(-5n, 7n, 3n, 4n, -887272n),
    )
    expect(decodeLog(swap)).toEqual({
      type: 'uniswap-v3-swap',
      ...at,
      token0: null,
      token1: null,
      sender: ann,
      recipient: bob,
      amount0: -5n,
      amount1: 7n,
      sqrtPriceX96: 3n,
      liquidity: 4n,
      tick: -887272,
    })
    const tooFar = log(
      'Swap(address,address,int256,int256,uint160,uint128,int24)',
      [ann, bob],
      data(-5n, 7n, 3n, 4n, 2n ** 23n),
    )
    expect(decodeLog(tooFar).type).toBe('log')
  })

  test('default: an ERC-1155 batch lists what moved; lengths that differ or lie outside the data stay raw', () => {
    const batch = 'TransferBatch(address,address,address,uint256[],uint256[])'
    const good = log(batch, [ann, bob, cyd], data(64n, 160n, 2n, 10n, 11n, 2n, 1n, 3n))
    expect(decodeLog(good)).toEqual({
      type: 'erc1155-transfer',
      ...at,
      operator: ann,
      from: bob,
      to: cyd,
      items: [
        { tokenId: 10n, value: 1n },
        { tokenId: 11n, value: 3n },
      ],
    })
    for (const bad of [
      data(64n, 160n, 2n, 10n, 11n, 1n, 1n),
      data(64n, 160n, 2n ** 255n, 10n, 11n, 2n, 1n, 3n),
      data(64n, 2n ** 200n, 2n, 10n, 11n, 2n, 1n, 3n),
      data(65n, 160n, 2n, 10n, 11n, 2n, 1n, 3n),
    ])
      expect(decodeLog(log(batch, [ann, bob, cyd], bad)).type).toBe('log')
  })

  test('default: a Chainlink answer may be negative, and its time is in ms', () => {
    const answer = log('AnswerUpdated(int256,uint256,uint256)', [-1n, 9n], data(1_698_224_783n))
    expect(decodeLog(answer)).toEqual({
      type: 'chainlink-answer',
      ...at,
      answer: -1n,
      roundId: 9n,
      updatedAt: 1_698_224_783_000,
    })
    expect(decodeLog(log('AnswerUpdated(int256,uint256,uint256)', [1n, 9n], data(2n ** 60n))).type).toBe('log')
  })

  test('property: no log makes it throw, and a raw one keeps every byte', () => {
    const signatures = protocols.flatMap(({ events }) => events.map(({ signature }) => signature))
    const anyWord = fc.oneof(fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }))
    const law = fc.property(
      fc.constantFrom(...signatures),
      fc.array(anyWord, { maxLength: 3 }),
      fc.array(anyWord, { maxLength: 12 }),
      (signature, topics, words) => {
        const any = log(signature, topics, data(...words))
        const event = decodeLog(any)
        return event.type !== 'log' || (event.data === any.data && event.topics.join() === any.topics.join())
      },
    )
    expect(() => fc.assert(law, { numRuns: 2000 })).not.toThrow()
  })
})
