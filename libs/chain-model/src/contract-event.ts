import { abiFields } from './abi-argument.ts'
import { eventSchema } from './event-schema.ts'

/** A log of a contract whose ABI a user gave, where Tocsin itself does not know the event. */
export const contractEventSchema = eventSchema('contract-event', abiFields)
