import { event, type Protocol } from './protocol.ts'

/**
 * Deposits from L1 to an OP Stack chain. Version 0 packs mint (32 bytes), value (32), gas limit (8), whether it creates
 * (1), call data. Source: OP Stack specification, "Deposits".
 */
export const opBridge: Protocol = {
  name: 'OP bridge',
  events: [
    event('op-deposit', 'TransactionDeposited(address,address,uint256,bytes)', { topics: 4, words: null }, (read) => {
      const opaque = read.bytes(0).slice(2)
      if (opaque.length < 146 || read.topicUint(3) !== 0n) read.refuse()
      const creates = opaque.slice(144, 146) === '01'
      const to = read.topicAddress(2)
      return {
        from: read.topicAddress(1),
        to: creates ? null : to,
        mint: BigInt(`0x${opaque.slice(0, 64) || '0'}`),
        value: BigInt(`0x${opaque.slice(64, 128) || '0'}`),
        selector: !creates && opaque.length >= 154 ? (`0x${opaque.slice(146, 154)}` as const) : '0x',
      }
    }),
  ],
}
