import { abiFields } from './abi-argument.ts'
import { callSchema } from './call-schema.ts'

/** A call of a contract whose ABI a user gave, where Tocsin itself does not know the function. */
export const contractCallSchema = callSchema('contract-call', abiFields)
