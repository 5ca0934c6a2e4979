import type { ChainTransaction } from '@tocsin/chain-model'
import type { Recording } from './detector.ts'
import { byTime, type Price } from './features/price.ts'
import { namedAddresses } from './features/named-addresses.ts'

/**
 * A recording as `verifyAlert` asks it: all transactions in memory, in chain order. With `prices`, the price entries of
 * evidence must be among them; without, they are taken as listed.
 */
export function recordedTransactions(transactions: Iterable<ChainTransaction>, prices?: Iterable<Price>): Recording {
  const inOrder = [...transactions].sort((a, b) => a.block.number - b.block.number || a.index - b.index)
  const byHash = new Map(inOrder.map((transaction) => [transaction.hash as string, transaction]))
  let firstNames: ReadonlyMap<string, ChainTransaction> | undefined
  return {
    transaction: (hash) => byHash.get(hash),
    *between(from, to) {
      for (const transaction of inOrder) {
        const { timestamp } = transaction.block
        if (timestamp > to) return
        if (timestamp >= from) yield transaction
      }
    },
    firstNaming: (address) => {
      firstNames ??= firstNamesOf(inOrder)
      return firstNames.get(address)
    },
    ...(prices && { prices: [...prices].sort(byTime) }),
  }
}

function firstNamesOf(inOrder: readonly ChainTransaction[]): ReadonlyMap<string, ChainTransaction> {
  const first = new Map<string, ChainTransaction>()
  for (const transaction of inOrder)
    for (const address of namedAddresses(transaction)) if (!first.has(address)) first.set(address, transaction)
  return first
}
