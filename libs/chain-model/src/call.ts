import { z } from 'zod'
import { accountCallSchemas } from './account-call.ts'
import { adminCallSchemas } from './admin-call.ts'
import { contractCallSchema } from './contract-call.ts'
import { dexCallSchemas } from './dex-call.ts'
import { lendingCallSchemas } from './lending-call.ts'
import { tokenCallSchemas } from './token-call.ts'

/** A call of a function that Tocsin knows, or a user's ABI, with its arguments. Amounts in base units of the token concerned. */
export const chainCallSchema = z.discriminatedUnion('type', [
  ...tokenCallSchemas,
  ...dexCallSchemas,
  ...lendingCallSchemas,
  ...adminCallSchemas,
  ...accountCallSchemas,
  contractCallSchema,
])
export type ChainCall = Readonly<z.output<typeof chainCallSchema>>
export type ChainCallOf<Type extends ChainCall['type']> = Extract<ChainCall, { type: Type }>
