import { createHash } from 'node:crypto'
import { parseAddress, parseHash, type Alert } from '@tocsin/chain-model'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** An alert as a detector writes it, `name` making its id; override what the test is about. */
export function sampleAlert(name: string, overrides: Partial<Alert> = {}): Alert {
  const transactionHash = parseHash(`0x${sha256(`transaction ${name}`)}`)
  const wallet = parseAddress('0x28c6c06298d514db089934071355e5743bf21d60')
  return {
    id: sha256(name),
    revision: 1,
    status: 'provisional',
    chainId: 1,
    detector: 'transfer-volume',
    version: '1.0.0',
    severity: 'high',
    confidence: 80,
    key: wallet,
    occurrence: transactionHash,
    eventTime: 1_700_000_000_000,
    blocks: [{ number: 18_426_253, hash: parseHash(`0x${sha256(`block ${name}`)}`) }],
    title: 'Transfer volume',
    sentence: `${wallet} sent 100,100.00 USD within 10 min; the limit is 100,000.00 USD.`,
    parameters: { window: 'trailing', exclude: [] },
    evidence: [
      {
        type: 'log',
        blockNumber: 18_426_253,
        blockHash: null,
        transactionHash,
        logIndex: 7,
        address: parseAddress('0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48'),
        event: 'erc20-transfer',
        timestamp: 1_700_000_000_000,
        from: wallet,
        to: parseAddress('0x21a31ee1afc51d94c2efccaa2092ad1028285549'),
        amount: 100_100_000_000n,
        usd8: 10_010_000_000_000n,
      },
    ],
    evidenceHash: sha256('evidence'),
    ...overrides,
  }
}
