import { expect, test } from 'vitest'
import { pricesCodec, parseAddress } from '@tocsin/chain-model'

test('default: a price survives the wire', () => {
  const tick = {
    type: 'price',
    chainId: 1,
    asset: parseAddress('0xC02AAA39b223FE8D0A0e5C4F27eAD9083C756Cc2'),
    price8: 177_300_000_000n,
    source: 'file',
    time: 0,
    maxAge: null,
  } as const
  expect(pricesCodec.decode(pricesCodec.encode(tick))).toEqual(tick)
})
