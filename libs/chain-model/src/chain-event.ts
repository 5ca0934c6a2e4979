import { z } from 'zod'
import type { Address } from './address.ts'
import { addressesOfArguments } from './abi-argument.ts'
import type { ChainCall } from './call.ts'
import { accountEventSchemas } from './account-event.ts'
import { adminEventSchemas } from './admin-event.ts'
import { contractEventSchema } from './contract-event.ts'
import { dexEventSchemas } from './dex-event.ts'
import { eventSchema } from './event-schema.ts'
import { hashSchema, hexSchema } from './hash.ts'
import { lowerCaseHex } from './hex-digits.ts'
import { lendingEventSchemas } from './lending-event.ts'
import { chainlinkAnswerSchema } from './oracle-event.ts'
import { tokenEventSchemas } from './token-event.ts'

/** A log that neither a decoder claims nor an ABI explains, whole: nothing of a block is lost. */
export const rawLogSchema = eventSchema('log', { topics: z.array(hashSchema).max(4), data: hexSchema })

/** A log as a typed event. Amounts in base units of the token concerned. */
export const chainEventSchema = z.discriminatedUnion('type', [
  ...tokenEventSchemas,
  ...dexEventSchemas,
  ...lendingEventSchemas,
  ...adminEventSchemas,
  ...accountEventSchemas,
  chainlinkAnswerSchema,
  contractEventSchema,
  rawLogSchema,
])
export type ChainEvent = Readonly<z.output<typeof chainEventSchema>>
export type ChainEventOf<Type extends ChainEvent['type']> = Extract<ChainEvent, { type: Type }>

/**
 * Every address that the event names, its emitter first, as often as it stands there. Of a raw log the emitter alone: its
 * words have no type.
 */
export function addressesOf(event: ChainEvent): readonly Address[] {
  if (event.type === 'log') return [event.address]
  if (event.type === 'contract-event') return [event.address, ...addressesOfArguments(event.arguments)]
  const found: Address[] = []
  // A description is a stranger's text: an address in it is no party to the event.
  collect(Object.values(event.type === 'governor-proposal' ? { ...event, description: '' } : event), found)
  return found
}

/** Every address that the call names, its caller and callee among them, as often as it stands there. */
export function addressesOfCall(call: ChainCall): readonly Address[] {
  if (call.type === 'contract-call') return [call.caller, call.address, ...addressesOfArguments(call.arguments)]
  const found: Address[] = []
  collect(Object.values<unknown>(call), found)
  return found
}

function collect(values: readonly unknown[], found: Address[]): void {
  for (const value of values) {
    // Of the others no text but an address is 42 characters long and begins so.
    if (typeof value === 'string') {
      if (value.length === 42 && lowerCaseHex(value, 40) === value) found.push(value as Address)
    } else if (typeof value === 'object' && value !== null) collect(Object.values(value), found)
  }
}
