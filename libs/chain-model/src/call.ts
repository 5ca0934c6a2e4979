import { z } from 'zod'
import { accountCallSchemas } from './account-call.ts'
import { adminCallSchemas } from './admin-call.ts'
import { dexCallSchemas } from './dex-call.ts'
import { lendingCallSchemas } from './lending-call.ts'
import { tokenCallSchemas } from './token-call.ts'

/** A call of a known function, with its arguments. Amounts in base units of the token concerned. */
export const chainCallSchema = z.discriminatedUnion('type', [
  ...tokenCallSchemas,
  ...dexCallSchemas,
  ...lendingCallSchemas,
  ...adminCallSchemas,
  ...accountCallSchemas,
])
export type ChainCall = Readonly<z.output<typeof chainCallSchema>>
export type ChainCallOf<Type extends ChainCall['type']> = Extract<ChainCall, { type: Type }>
