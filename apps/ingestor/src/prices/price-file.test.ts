import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAddress } from '@tocsin/chain-model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parsePrice8, readPriceFile } from './price-file.ts'

const weth = parseAddress('0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2')
const usdc = parseAddress('0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48')
const fileOf = (text: string) => {
  const file = join(mkdtempSync(join(tmpdir(), 'tocsin-prices-')), 'prices')
  writeFileSync(file, text)
  return file
}

describe('parsePrice8', () => {
  test('default: exact to the eighth digit; more digits are cut off', () => {
    expect(['1.00', '1773.39', '0.00000001', '33930', '1.999999999'].map(parsePrice8)).toEqual([
      100_000_000n,
      177_339_000_000n,
      1n,
      3_393_000_000_000n,
      199_999_999n,
    ])
  })

  test('error: no decimal string, or not above 0', () => {
    for (const text of ['', '1e3', '-1', '1,000', 'NaN', '0', '0.000000001', '.5', 5])
      expect(() => parsePrice8(text)).toThrow(/^price /)
  })

  test('property: any price of up to eight decimals comes back exactly', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 40n }), (price8) => {
        const digits = price8.toString().padStart(9, '0')
        expect(parsePrice8(`${digits.slice(0, -8)}.${digits.slice(-8)}`)).toBe(price8)
      }),
    )
  })
})

describe('readPriceFile', () => {
  test('default: CSV or NDJSON; without a time a price holds throughout, with one for a minute', async () => {
    const csv = `asset,price,time,source\r\n${usdc},1.00,,constant\r\n"${weth.toUpperCase().replace('0X', '0x')}",1773,1698224783000,"a, b"\r\n`
    const rows = [
      { asset: usdc, price: '1.00', source: 'constant' },
      { asset: weth, price: '1773', time: 1698224783000, source: 'a, b' },
    ]
    const ndjson = rows.map((row) => JSON.stringify(row)).join('\n')
    const ticks = [
      { type: 'price', chainId: 1, asset: usdc, price8: 100_000_000n, source: 'constant', time: 0, maxAge: null },
      {
        type: 'price',
        chainId: 1,
        asset: weth,
        price8: 177_300_000_000n,
        source: 'a, b',
        time: 1698224783000,
        maxAge: 60_000,
      },
    ]
    for (const text of [csv, ndjson])
      expect(await readPriceFile(fileOf(text), { chainId: 1 })).toEqual({ ticks, bad: [] })
  })

  test('behavior: spaces around fields, empty times and columns in any order are let pass', async () => {
    const texts = [
      `source , time, price ,asset\n constant, , 1.00 , ${usdc}\n`,
      JSON.stringify({ source: 'constant', price: '1.00', asset: usdc, time: '' }),
      JSON.stringify({ asset: usdc, time: null, price: '1.00', source: 'constant' }),
    ]
    const tick = {
      type: 'price',
      chainId: 1,
      asset: usdc,
      price8: 100_000_000n,
      source: 'constant',
      time: 0,
      maxAge: null,
    }
    for (const text of texts)
      expect(await readPriceFile(fileOf(text), { chainId: 1 })).toEqual({ ticks: [tick], bad: [] })
  })

  test('default: the native coin and its wrapped token share a price if one of them has none', async () => {
    const assets = async (text: string) =>
      (await readPriceFile(fileOf(`asset,price\n${text}`), { chainId: 1, wrappedNative: () => weth })).ticks.map(
        ({ asset, price8 }) => [asset, price8],
      )
    expect(await assets(`${weth},2\n${usdc},1`)).toEqual([
      [weth, 200_000_000n],
      [usdc, 100_000_000n],
      ['native', 200_000_000n],
    ])
    expect(await assets('native,2')).toEqual([
      ['native', 200_000_000n],
      [weth, 200_000_000n],
    ])
    expect(await assets(`native,2\n${weth},3`)).toEqual([
      ['native', 200_000_000n],
      [weth, 300_000_000n],
    ])
  })

  test('error: each bad line is told with file and line, and the good ones stay', async () => {
    const file = fileOf(
      `asset,price,time\n${weth},1773,5\nWETH,1,5\n${usdc},zero,5\n${usdc},1,yesterday\n${usdc},1,3\n"${usdc},1\n`,
    )
    const { ticks, bad } = await readPriceFile(file, { chainId: 1 })
    expect(ticks.map(({ asset, time }) => [asset, time])).toEqual([
      [usdc, 3],
      [weth, 5],
    ])
    expect(bad.map(({ message }) => message.replace(file, 'prices'))).toEqual([
      'prices, line 3: "WETH" is no address: 0x and 40 hex digits.',
      'prices, line 4: price "zero" is no decimal string such as "1773.39".',
      'prices, line 5: time "yesterday" is no whole number.',
      'prices, line 7: a quote is not closed.',
    ])
    await expect(readPriceFile(join(file, 'nowhere'), { chainId: 1 })).rejects.toMatchObject({
      code: 'INGEST_BAD_LIST_FILE',
    })
  })
})
