import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema } from './amount.ts'
import { eventSchema } from './event-schema.ts'
import { hashSchema, hexSchema } from './hash.ts'

/** ERC-1967 Upgraded, AdminChanged, BeaconUpgraded. `address` is the proxy, or of `Upgraded` the beacon. */
export const proxyUpgradedSchema = eventSchema('proxy-upgraded', { implementation: addressSchema })
export const proxyAdminChangedSchema = eventSchema('proxy-admin-changed', {
  previousAdmin: addressSchema,
  newAdmin: addressSchema,
})
export const beaconUpgradedSchema = eventSchema('beacon-upgraded', { beacon: addressSchema })
/** EIP-2535 DiamondCut: which functions go to which facet from now on. */
export const diamondCutSchema = eventSchema('diamond-cut', {
  cuts: z.array(
    z.object({
      facet: addressSchema,
      action: z.enum(['add', 'replace', 'remove']),
      selectors: z.array(hexSchema),
    }),
  ),
  /** Called once with `initSelector`; the zero address: nothing is. */
  init: addressSchema,
  initSelector: hexSchema,
})
export const ownershipTransferredSchema = eventSchema('ownership-transferred', {
  previousOwner: addressSchema,
  newOwner: addressSchema,
})
export const ownershipTransferStartedSchema = eventSchema('ownership-transfer-started', {
  previousOwner: addressSchema,
  newOwner: addressSchema,
})
/** OpenZeppelin AccessControl. Role 0 is DEFAULT_ADMIN_ROLE. */
export const roleGrantedSchema = eventSchema('role-granted', {
  role: hashSchema,
  account: addressSchema,
  sender: addressSchema,
})
export const roleRevokedSchema = eventSchema('role-revoked', {
  role: hashSchema,
  account: addressSchema,
  sender: addressSchema,
})
export const roleAdminChangedSchema = eventSchema('role-admin-changed', {
  role: hashSchema,
  previousAdminRole: hashSchema,
  newAdminRole: hashSchema,
})
/** Paused(address), Unpaused(address), and Pause(), Unpause() of older contracts, which do not say by whom. */
export const pausedSchema = eventSchema('paused', { by: addressSchema.nullable() })
export const unpausedSchema = eventSchema('unpaused', { by: addressSchema.nullable() })
/** Changes of a Safe, whose `address` it is. */
export const safeOwnerAddedSchema = eventSchema('safe-owner-added', { owner: addressSchema })
export const safeOwnerRemovedSchema = eventSchema('safe-owner-removed', { owner: addressSchema })
export const safeThresholdChangedSchema = eventSchema('safe-threshold-changed', { threshold: amountSchema })
export const safeModuleEnabledSchema = eventSchema('safe-module-enabled', { module: addressSchema })
export const safeGuardChangedSchema = eventSchema('safe-guard-changed', { guard: addressSchema })
export const safeMasterCopyChangedSchema = eventSchema('safe-master-copy-changed', { masterCopy: addressSchema })
/** The owners' transaction was executed: what it emitted stands before this. */
export const safeExecutionSchema = eventSchema('safe-execution', { safeTxHash: hashSchema, payment: amountSchema })
/** The owners' transaction failed inside, the Safe's nonce and payment stand. */
export const safeExecutionFailedSchema = eventSchema('safe-execution-failed', {
  safeTxHash: hashSchema,
  payment: amountSchema,
})
/** An enabled module had the Safe execute a transaction. */
export const safeModuleExecutionSchema = eventSchema('safe-module-execution', {
  module: addressSchema,
  success: z.boolean(),
})
/** OpenZeppelin TimelockController; `delay` in seconds, as set. */
export const timelockScheduledSchema = eventSchema('timelock-scheduled', {
  id: hashSchema,
  index: amountSchema,
  target: addressSchema,
  value: amountSchema,
  selector: hexSchema,
  predecessor: hashSchema,
  delay: amountSchema,
})
export const timelockDelayChangedSchema = eventSchema('timelock-delay-changed', {
  previousDelay: amountSchema,
  newDelay: amountSchema,
})
/** A Governor's proposal. `selectors` of its calls, by target; votes run between two blocks (or times, EIP-6372). */
export const governorProposalSchema = eventSchema('governor-proposal', {
  proposalId: amountSchema,
  proposer: addressSchema,
  calls: z.array(z.object({ target: addressSchema, value: amountSchema, selector: hexSchema })),
  voteStart: amountSchema,
  voteEnd: amountSchema,
  /** A stranger's text, tamed and cut at 256 characters. */
  description: z.string().max(256),
})
export const governorVoteSchema = eventSchema('governor-vote', {
  voter: addressSchema,
  proposalId: amountSchema,
  /** 0 against, 1 for, 2 abstain. */
  support: z.int(),
  weight: amountSchema,
})
export const delegateVotesChangedSchema = eventSchema('delegate-votes-changed', {
  delegate: addressSchema,
  previousVotes: amountSchema,
  newVotes: amountSchema,
})

export const adminEventSchemas = [
  proxyUpgradedSchema,
  proxyAdminChangedSchema,
  beaconUpgradedSchema,
  diamondCutSchema,
  ownershipTransferredSchema,
  ownershipTransferStartedSchema,
  roleGrantedSchema,
  roleRevokedSchema,
  roleAdminChangedSchema,
  pausedSchema,
  unpausedSchema,
  safeOwnerAddedSchema,
  safeOwnerRemovedSchema,
  safeThresholdChangedSchema,
  safeModuleEnabledSchema,
  safeGuardChangedSchema,
  safeMasterCopyChangedSchema,
  safeExecutionSchema,
  safeExecutionFailedSchema,
  safeModuleExecutionSchema,
  timelockScheduledSchema,
  timelockDelayChangedSchema,
  governorProposalSchema,
  governorVoteSchema,
  delegateVotesChangedSchema,
] as const
