import type { Address } from '@tocsin/chain-model'
import { days, valueState, type KeyedProcessFunction, type Timestamp } from '@tocsin/stream-core'
import { namedAddresses } from './features/named-addresses.ts'
import type { PricedTransaction } from './features/priced-transaction.ts'
import { transfersOf, type Transfer } from './features/transfer.ts'
import { valueCodec } from './value-codec.ts'

/** A transfer with what the log knew of its recipient when it came. */
export interface ProfiledTransfer {
  readonly transfer: Transfer
  /** No earlier transaction names the recipient. */
  readonly recipientNew: boolean
  /** How far back the log goes: the first transaction's time. */
  readonly logStart: Timestamp
}

/** What `address-profile` folds, keyed by address. */
export type Sighting =
  | { readonly type: 'named'; readonly address: Address; readonly transaction: string; readonly timestamp: Timestamp }
  | { readonly type: 'received'; readonly address: Address; readonly transfer: Transfer; readonly logStart: Timestamp }

/** Every address that the transaction names, then who received, in the order of its transfers. */
export function sightingsOf(priced: PricedTransaction): readonly Sighting[] {
  const { hash, block } = priced.transaction
  return [
    ...namedAddresses(priced.transaction).map(
      (address) => ({ type: 'named', address, transaction: hash, timestamp: block.timestamp }) as const,
    ),
    ...transfersOf(priced).map(
      (transfer) => ({ type: 'received', address: transfer.to, transfer, logStart: priced.logStart }) as const,
    ),
  ]
}

interface Profile {
  /** The transaction that named the address first. */
  readonly first: string
  readonly lastDay: number
}

/** An address not named for a year is forgotten, and new again: the bound of this state. */
const forgottenAfter = days(365)
const profileState = valueState<Profile>('profile', valueCodec())

/** Knows of each address whether it was ever named before, and says so of each recipient. */
export const profileAddresses: KeyedProcessFunction<Address, Sighting, ProfiledTransfer> = {
  processElement(sighting, ctx) {
    const profile = ctx.state(profileState)
    if (sighting.type === 'received') {
      const { transfer, logStart } = sighting
      ctx.emit({ transfer, recipientNew: profile.value?.first === transfer.transactionHash, logStart })
      return
    }
    const lastDay = dayOf(sighting.timestamp)
    if (profile.value?.lastDay === lastDay) return
    if (profile.value === undefined) ctx.timers.registerEventTimeTimer(expiryOf(lastDay))
    profile.value = { first: profile.value?.first ?? sighting.transaction, lastDay }
  },
  /** One timer an address: it moves on while the address is still named. */
  onTimer(timestamp, ctx) {
    const profile = ctx.state(profileState)
    if (profile.value === undefined) return
    const expiry = expiryOf(profile.value.lastDay)
    if (expiry <= timestamp) profile.clear()
    else ctx.timers.registerEventTimeTimer(expiry)
  },
}

const dayOf = (timestamp: Timestamp): number => Math.floor(timestamp / days(1))
const expiryOf = (lastDay: number): Timestamp => days(lastDay + 1) + forgottenAfter
