import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAddress, type Hex } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { chainFacts, watermarkAfter } from './chains.ts'
import { readToken, symbolOf } from './contract-facts.ts'
import { bundledLabels, labelsOfChain, readLabelFile } from './label-list.ts'
import { bundledTokens, readTokenFile, tokensOfChain, wrappedNativeOf } from './token-list.ts'

const weth = parseAddress('0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2')
const ann = parseAddress(`0x${'a1'.repeat(20)}`)
const fileOf = (text: string) => {
  const file = join(mkdtempSync(join(tmpdir(), 'tocsin-list-')), 'list')
  writeFileSync(file, text)
  return file
}

describe('bundledTokens', () => {
  test('default: each chain has its wrapped native token and dollar tokens, none twice', () => {
    const tokens = bundledTokens()
    expect(
      [1, 10, 137, 8453].map(
        (chain) => tokensOfChain(tokens, chain).get(wrappedNativeOf(tokens, chain) ?? ann)?.symbol,
      ),
    ).toEqual(['WETH', 'WETH', 'WPOL', 'WETH'])
    expect(tokensOfChain(tokens, 1).get(weth)).toEqual({
      address: weth,
      symbol: 'WETH',
      decimals: 18,
      kind: 'wrapped-native',
      recognised: true,
    })
    expect(new Set(tokens.map(({ chainId, address }) => `${chainId} ${address}`)).size).toBe(tokens.length)
  })
})

describe('readTokenFile', () => {
  test('default: a token list of the standard form, or rows', async () => {
    const token = { chainId: 31337, address: ann, symbol: 'TUSD', decimals: 6 }
    const expected = [{ ...token, kind: 'other', recognised: true }]
    expect(await readTokenFile(fileOf(JSON.stringify({ name: 'mine', tokens: [token] })))).toEqual(expected)
    expect(await readTokenFile(fileOf(`chainId,address,symbol,decimals\n31337,${ann},TUSD,6`))).toEqual(expected)
  })

  test('error: unknown decimals are never guessed', async () => {
    await expect(readTokenFile(fileOf(`address,symbol\n${ann},TUSD`))).rejects.toThrow(/list, line 2: decimals: /)
    await expect(readTokenFile(fileOf(`address,decimals,kind\n${ann},6,gold`))).rejects.toThrow(
      /line 2: kind is "gold"/,
    )
  })
})

describe('readLabelFile', () => {
  test('default: a label holds from validFrom to just before validTo, on its chain', async () => {
    const labels = await readLabelFile(
      fileOf(
        `address,class,source,validFrom,validTo,chainId\n${ann.toUpperCase().replace('0X', '0x')},mixer,test,100,200,1\n`,
      ),
    )
    const holds = labelsOfChain(labels, 1)
    expect([99, 100, 199, 200].map((time) => holds(ann, time).length)).toEqual([0, 1, 1, 0])
    expect(labelsOfChain(labels, 10)(ann, 150)).toEqual([])
  })

  test('error: a class that is none is told with its line', async () => {
    await expect(readLabelFile(fileOf(`{"address":"${ann}","class":"crook"}`))).rejects.toThrow(/list, line 1: class: /)
  })

  test('behavior: the bundled labels are whole, and Ethereum’s routers are not those of other chains', () => {
    const router = parseAddress('0x7a250d5630b4cf539739df2c5dacb4c659f2488d')
    expect(labelsOfChain(bundledLabels(), 1)(router, 0).map((label) => label.class)).toEqual(['dex-router'])
    expect(labelsOfChain(bundledLabels(), 137)(router, 0)).toEqual([])
  })
})

describe('watermarkAfter', () => {
  test('default: a slot further where slots are fixed, else just before the block', () => {
    const [ethereum, polygon] = [chainFacts(1), chainFacts(137)]
    expect(watermarkAfter(ethereum, { number: 15_537_394, timestamp: 24_000 })).toBe(35_999)
    expect(watermarkAfter(ethereum, { number: 15_537_393, timestamp: 24_000 })).toBe(23_999)
    expect(watermarkAfter(polygon, { number: 50_000_000, timestamp: 24_000 })).toBe(23_999)
  })
})

const word = (value: bigint) => value.toString(16).padStart(64, '0')
const asString = (text: string | Buffer): Hex => {
  const bytes = Buffer.from(text)
  return `0x${word(32n)}${word(BigInt(bytes.length))}${bytes.toString('hex').padEnd(Math.ceil(bytes.length / 32) * 64, '0')}`
}

describe('symbolOf', () => {
  test('default: from string, or from bytes32 as MKR has it', () => {
    expect(symbolOf(asString('USDC'))).toBe('USDC')
    expect(symbolOf(`0x${Buffer.from('MKR').toString('hex').padEnd(64, '0')}`)).toBe('MKR')
  })

  test('behavior: a huge symbol is cut at 32 characters and never inside one; what is no text is unknown', () => {
    expect(symbolOf(asString('A'.repeat(1_000_000)))).toBe('A'.repeat(32))
    expect(symbolOf(asString(`${'A'.repeat(31)}😀`))).toBe('A'.repeat(31))
    for (const none of [
      null,
      '0x',
      '0x00',
      asString(''),
      asString(Buffer.from([0xff, 0xfe])),
      `0x${word(32n)}${word(2n ** 255n)}`,
    ] as const)
      expect(symbolOf(none)).toBeNull()
  })
})

describe('readToken', () => {
  const answering = (decimals: Hex | null) => async (_: unknown, data: Hex) =>
    data === '0x313ce567' ? decimals : asString('TKN')

  test('default: what the contract says, unrecognised', async () => {
    expect(await readToken(ann, answering(`0x${word(6n)}`))).toEqual({
      address: ann,
      symbol: 'TKN',
      decimals: 6,
      kind: 'other',
      recognised: false,
    })
  })

  test('behavior: a symbol that may pass for another token’s is flagged', async () => {
    const answer = async (_: unknown, data: Hex) =>
      data === '0x313ce567' ? (`0x${word(6n)}` as const) : asString('USDС')
    expect(await readToken(ann, answer)).toMatchObject({ symbol: 'USDС', confusable: true }) // the last is Cyrillic
  })

  test('behavior: a contract without decimals, or with absurd ones, is no known token', async () => {
    for (const decimals of [null, '0x', `0x${word(256n)}`] as const)
      expect(await readToken(ann, answering(decimals))).toBeNull()
  })
})
