import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema } from './amount.ts'
import { callSchema, carriedCallSchema } from './call-schema.ts'
import { hashSchema, hexSchema } from './hash.ts'

/** OpenZeppelin's Ownable and Ownable2Step. */
export const transferOwnershipCallSchema = callSchema('transfer-ownership', { newOwner: addressSchema })
export const acceptOwnershipCallSchema = callSchema('accept-ownership', {})
export const renounceOwnershipCallSchema = callSchema('renounce-ownership', {})
/** OpenZeppelin's AccessControl. Role 0 is DEFAULT_ADMIN_ROLE. */
export const grantRoleCallSchema = callSchema('grant-role', { role: hashSchema, account: addressSchema })
export const revokeRoleCallSchema = callSchema('revoke-role', { role: hashSchema, account: addressSchema })
/** OpenZeppelin's Pausable and what is called alike. */
export const pauseCallSchema = callSchema('pause', {})
export const unpauseCallSchema = callSchema('unpause', {})
/** A proxy (ERC-1967, UUPS), or by its ProxyAdmin, gets other code; `selector` of what is called in it at once. */
export const upgradeCallSchema = callSchema('upgrade', {
  proxy: addressSchema,
  implementation: addressSchema,
  selector: hexSchema,
})
export const changeAdminCallSchema = callSchema('change-admin', { proxy: addressSchema, newAdmin: addressSchema })
/** EIP-2535 `diamondCut`. */
export const diamondCutCallSchema = callSchema('diamond-cut', {
  cuts: z.array(
    z.object({ facet: addressSchema, action: z.enum(['add', 'replace', 'remove']), selectors: z.array(hexSchema) }),
  ),
  init: addressSchema,
  initSelector: hexSchema,
})
/** OpenZeppelin's TimelockController; `delay` in seconds, as told. */
export const timelockScheduleCallSchema = callSchema('timelock-schedule', {
  calls: z.array(carriedCallSchema),
  delay: amountSchema,
})
export const timelockExecuteCallSchema = callSchema('timelock-execute', { calls: z.array(carriedCallSchema) })
export const timelockUpdateDelayCallSchema = callSchema('timelock-update-delay', { delay: amountSchema })
/** What a Safe does to itself. */
export const safeAddOwnerCallSchema = callSchema('safe-add-owner', { owner: addressSchema, threshold: amountSchema })
export const safeRemoveOwnerCallSchema = callSchema('safe-remove-owner', {
  owner: addressSchema,
  threshold: amountSchema,
})
export const safeSwapOwnerCallSchema = callSchema('safe-swap-owner', {
  oldOwner: addressSchema,
  newOwner: addressSchema,
})
export const safeChangeThresholdCallSchema = callSchema('safe-change-threshold', { threshold: amountSchema })
export const safeEnableModuleCallSchema = callSchema('safe-enable-module', { module: addressSchema })
export const safeSetGuardCallSchema = callSchema('safe-set-guard', { guard: addressSchema })

export const adminCallSchemas = [
  transferOwnershipCallSchema,
  acceptOwnershipCallSchema,
  renounceOwnershipCallSchema,
  grantRoleCallSchema,
  revokeRoleCallSchema,
  pauseCallSchema,
  unpauseCallSchema,
  upgradeCallSchema,
  changeAdminCallSchema,
  diamondCutCallSchema,
  timelockScheduleCallSchema,
  timelockExecuteCallSchema,
  timelockUpdateDelayCallSchema,
  safeAddOwnerCallSchema,
  safeRemoveOwnerCallSchema,
  safeSwapOwnerCallSchema,
  safeChangeThresholdCallSchema,
  safeEnableModuleCallSchema,
  safeSetGuardCallSchema,
] as const
