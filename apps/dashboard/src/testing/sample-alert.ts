import { alertSchema, type Alert } from '@tocsin/chain-model'

const hex = (digit: string, length: number) => digit.repeat(length)

/** Addresses and hashes that a reader tells apart: all of one digit. */
export const address = (digit: string) => `0x${hex(digit, 40)}`
export const hash = (digit: string) => `0x${hex(digit, 64)}`
export const alertId = (number: number) => number.toString(16).padStart(64, '0')

/** An alert by the real schema; `fields` as JSON, over what every alert needs. */
export function sampleAlert(fields: Readonly<Record<string, unknown>> = {}): Alert {
  return alertSchema.parse({
    id: alertId(1),
    revision: 1,
    status: 'provisional',
    chainId: 31_337,
    detector: 'transfer-volume',
    version: '1.0.0',
    severity: 'high',
    confidence: 80,
    key: address('a'),
    occurrence: '0',
    eventTime: 1_000,
    blocks: [{ number: 1, hash: hash('b') }],
    title: 'title',
    sentence: 'sentence',
    parameters: {},
    evidence: [],
    evidenceHash: hex('c', 64),
    ...fields,
  })
}

/** A transfer of USDC as an alert's evidence has it, in JSON. */
export const transferOf = (from: string, to: string, dollars: number, timestamp: number) => ({
  type: 'log',
  blockNumber: 1,
  blockHash: hash('b'),
  transactionHash: hash('d'),
  logIndex: 0,
  address: address('e'),
  event: 'erc20-transfer',
  timestamp,
  from,
  to,
  amount: `${dollars}000000`,
  usd8: `${dollars}00000000`,
})
