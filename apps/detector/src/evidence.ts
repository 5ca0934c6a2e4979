import type { Evidence } from '@tocsin/chain-model'
import { sha256Of } from './alert-id.ts'
import { canonicalJson } from './canonical-json.ts'
import type { Finding, Judgement, Reference } from './detector.ts'
import { isContractRecord, type ContractRecord } from './features/contract-record.ts'
import { byTime, type Price } from './features/price.ts'

/** References to the chain that an alert lists whole; of more it lists the first and last half and a digest. */
export const maxReferences = 100
const listedAtEachEnd = maxReferences / 2

type EvidenceOf<Type extends Evidence['type']> = Extract<Evidence, { type: Type }>
/** Evidence that a recording can prove. */
export type ReferenceEvidence = EvidenceOf<
  'transaction' | 'log' | 'frame' | 'swap' | 'contract-event' | 'contract-call' | 'raw-log'
>

/** The evidence of an alert, in its one order: references in chain order, tokens, prices, state, thresholds. */
export function evidenceOf(finding: Finding, thresholds: Judgement['thresholds']): readonly Evidence[] {
  return [
    ...listed(finding.references),
    ...tokensOf(finding.references),
    ...pricesOf(finding).map(evidenceOfPrice),
    ...Object.entries(finding.state)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => ({ type: 'state', name, value }) as const),
    ...thresholds.map((threshold) => ({ type: 'threshold', ...threshold }) as const),
  ]
}

/** Field by field: a price that has crossed to another task has them in another order, and alerts are equal in bytes. */
const evidenceOfPrice = ({ asset, price8, source, time, maxAge, outlier }: Price): EvidenceOf<'price'> => ({
  ...{ type: 'price', asset, price8, source, time, maxAge },
  ...(outlier === true && { outlier }),
})

function listed(references: readonly Reference[]): readonly Evidence[] {
  const all = references.map(evidenceOfReference)
  if (all.length <= maxReferences) return all
  const middle = references.slice(listedAtEachEnd, -listedAtEachEnd)
  return [
    ...all.slice(0, listedAtEachEnd),
    {
      type: 'range',
      of: 'references',
      count: middle.length,
      sha256: sha256Of(all.slice(listedAtEachEnd, -listedAtEachEnd)),
      usd8: middle.reduce((sum, reference) => sum + (reference.type === 'transfer' ? (reference.usd8 ?? 0n) : 0n), 0n),
    },
    ...all.slice(-listedAtEachEnd),
  ]
}

export function evidenceOfReference(reference: Reference): ReferenceEvidence {
  const { blockNumber, blockHash, transactionHash, timestamp } = reference
  const at = { blockNumber, blockHash, transactionHash }
  if (isContractRecord(reference)) return evidenceOfContractRecord(reference, at)
  if (reference.type === 'swap') {
    const { logIndex, pool, tokenIn, amountIn, tokenOut, amountOut } = reference
    return { type: 'swap', ...at, logIndex, pool, timestamp, tokenIn, amountIn, tokenOut, amountOut }
  }
  const { via, from, to, amount, usd8, asset } = reference
  switch (via.type) {
    case 'value':
      return { type: 'transaction', ...at, from, to, value: amount, timestamp }
    case 'frame':
      return { type: 'frame', ...at, traceAddress: [...via.traceAddress], from, to, value: amount, timestamp, usd8 }
    case 'log':
      // A log's asset is its token: only value and frames move the native coin.
      if (asset === 'native') throw new TypeError('A log that moved the native coin.')
      return {
        type: 'log',
        ...at,
        logIndex: via.logIndex,
        address: asset,
        event: 'erc20-transfer',
        timestamp,
        from,
        to,
        amount,
        usd8,
      }
  }
}

function evidenceOfContractRecord(
  record: ContractRecord,
  at: Pick<ContractRecord, 'blockNumber' | 'blockHash' | 'transactionHash'>,
): ReferenceEvidence {
  const { address, actor, timestamp } = record
  const told = { ...at, address, actor, timestamp }
  if (record.type === 'raw-log') {
    const { logIndex, topics, data } = record
    return { type: 'raw-log', ...told, logIndex, topics: [...topics], data }
  }
  const { abi, signature } = record
  const decoded = { abi, signature, arguments: [...record.arguments] }
  if (record.type === 'contract-event')
    return { type: 'contract-event', ...told, logIndex: record.logIndex, ...decoded }
  const { position, traceAddress, caller, value } = record
  return {
    ...{ type: 'contract-call', ...told, position, traceAddress: traceAddress && [...traceAddress], caller, value },
    ...decoded,
  }
}

/** Decimals of every token that a reference moves, by address: with them the amounts can be read. */
function tokensOf(references: readonly Reference[]): readonly EvidenceOf<'token'>[] {
  const tokens = references.flatMap((reference) =>
    isContractRecord(reference)
      ? []
      : reference.type === 'swap'
        ? [
            { address: reference.tokenIn, ...reference.tokens.in },
            { address: reference.tokenOut, ...reference.tokens.out },
          ]
        : reference.asset === 'native'
          ? []
          : [{ address: reference.asset, ...reference.token }],
  )
  const known = new Map(
    tokens.flatMap(({ address, symbol, decimals }) =>
      decimals === null ? [] : [[address, { type: 'token', address, symbol, decimals } as const] as const],
    ),
  )
  return [...known.values()].sort((a, b) => (a.address < b.address ? -1 : 1))
}

/** Every price that the finding rests on, and the outliers passed over for them, each once: by asset, then time. */
function pricesOf({ references, prices }: Finding): readonly Price[] {
  const used = references.flatMap((reference) =>
    reference.type === 'transfer' ? [reference.price, reference.passedOver].filter((price) => price !== null) : [],
  )
  const each = new Map([...prices, ...used].map((price) => [nameOfPrice(price), price]))
  return [...each.values()].sort((a, b) => (a.asset < b.asset ? -1 : a.asset > b.asset ? 1 : byTime(a, b)))
}

const nameOfPrice = ({ asset, time, price8, maxAge, source }: Price): string =>
  `${asset} ${time} ${price8} ${maxAge} ${source}`

/** The blocks that the references stand in, oldest first. */
export function blocksOf(references: readonly Reference[]) {
  const blocks = new Map(references.map(({ blockNumber, blockHash }) => [blockNumber, blockHash]))
  return [...blocks].map(([number, hash]) => ({ number, hash })).sort((a, b) => a.number - b.number)
}

/** How two entries differ, field by field in plain words; empty: they are equal. */
export function differences(name: string, said: object, found: object): readonly string[] {
  const fields = [...new Set([...Object.keys(said), ...Object.keys(found)])].sort()
  const at = (entry: object, field: string): string =>
    canonicalJson(Object.entries(entry).find(([key]) => key === field)?.[1] ?? null)
  return fields
    .filter((field) => at(said, field) !== at(found, field))
    .map((field) => `${name}: ${field} is ${at(said, field)}, not ${at(found, field)}.`)
}
