import { z } from 'zod'
import { abiFields } from './abi-argument.ts'
import { addressSchema } from './address.ts'
import { amountSchema } from './amount.ts'
import { traceAddressSchema } from './frame.ts'
import { hashSchema, hexSchema } from './hash.ts'
import { labelClassSchema } from './label.ts'
import { assetSchema } from './price.ts'

export const severities = ['info', 'low', 'medium', 'high', 'critical'] as const
export type Severity = (typeof severities)[number]

/** `provisional` until its blocks are final (`confirmed`) or reverted (`retracted`). */
export const alertStatuses = ['provisional', 'confirmed', 'retracted'] as const
export type AlertStatus = (typeof alertStatuses)[number]

const inBlock = { blockNumber: z.int().nonnegative(), blockHash: hashSchema.nullable(), transactionHash: hashSchema }

/** What made an alert fire. Amounts are decimal strings in base units; `usd8` is in 1e-8 USD. */
export const evidenceSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('transaction'),
    ...inBlock,
    from: addressSchema.nullable(),
    to: addressSchema.nullable(),
    value: amountSchema,
    timestamp: z.int(),
  }),
  /** A log that moved a token: found again by its transaction and index, and compared value by value. */
  z.object({
    type: z.literal('log'),
    ...inBlock,
    logIndex: z.int().nonnegative(),
    address: addressSchema,
    event: z.string(),
    timestamp: z.int(),
    from: addressSchema.nullable(),
    to: addressSchema.nullable(),
    amount: amountSchema.nullable(),
    usd8: amountSchema.nullable(),
  }),
  /** A swap leg, in the direction of the trade. */
  z.object({
    type: z.literal('swap'),
    ...inBlock,
    logIndex: z.int().nonnegative(),
    pool: addressSchema,
    timestamp: z.int(),
    tokenIn: addressSchema,
    amountIn: amountSchema,
    tokenOut: addressSchema,
    amountOut: amountSchema,
  }),
  z.object({
    type: z.literal('frame'),
    ...inBlock,
    traceAddress: z.array(z.int()),
    from: addressSchema,
    to: addressSchema.nullable(),
    value: amountSchema,
    timestamp: z.int(),
    usd8: amountSchema.nullable(),
  }),
  /** An event of a contract whose ABI a user gave, as it was decoded. `actor` is who acted; null: it is not told. */
  z.object({
    type: z.literal('contract-event'),
    ...inBlock,
    address: addressSchema,
    actor: addressSchema.nullable(),
    timestamp: z.int(),
    logIndex: z.int().nonnegative(),
    ...abiFields,
  }),
  /** A call of such a contract; `position` is its own among the calls of its transaction. */
  z.object({
    type: z.literal('contract-call'),
    ...inBlock,
    address: addressSchema,
    actor: addressSchema.nullable(),
    timestamp: z.int(),
    position: z.int().nonnegative(),
    traceAddress: traceAddressSchema.nullable(),
    caller: addressSchema,
    value: amountSchema,
    ...abiFields,
  }),
  /** A log that nothing decodes, as it is. */
  z.object({
    type: z.literal('raw-log'),
    ...inBlock,
    address: addressSchema,
    actor: addressSchema.nullable(),
    timestamp: z.int(),
    logIndex: z.int().nonnegative(),
    topics: z.array(hashSchema).max(4),
    data: hexSchema,
  }),
  z.object({ type: z.literal('token'), address: addressSchema, symbol: z.string().nullable(), decimals: z.int() }),
  z.object({
    type: z.literal('price'),
    asset: assetSchema,
    price8: amountSchema,
    source: z.string(),
    time: z.int(),
    maxAge: z.int().nullable(),
    /** It was marked as an outlier, so nothing was valued with it, though it was the newest. */
    outlier: z.literal(true).optional(),
  }),
  z.object({ type: z.literal('label'), address: addressSchema, class: labelClassSchema, source: z.string() }),
  /** A value of the detector's state before the element. */
  z.object({ type: z.literal('state'), name: z.string(), value: z.string() }),
  /** A parameter's limit and what was observed against it, both in the parameter's unit. */
  z.object({ type: z.literal('threshold'), parameter: z.string(), limit: z.string(), observed: z.string() }),
  /** More references than are listed (over 100): how many, and the SHA-256 of all of them in order. */
  z.object({
    type: z.literal('range'),
    of: z.string(),
    count: z.int(),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    usd8: amountSchema.nullable(),
  }),
])
export type Evidence = Readonly<z.output<typeof evidenceSchema>>

/** A parameter's value as JSON: durations in ms, USD as a decimal string. */
export const parameterValueSchema = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])
export type ParameterValue = z.output<typeof parameterValueSchema>

/**
 * An alert in one of its transitions: the same object in `<p>.alerts`, in files, over REST and in webhooks. `id` is
 * stable over replays and re-inclusion; (`id`, `revision`) names a transition, revisions count from 1.
 */
export const alertSchema = z.object({
  id: z.string().regex(/^[0-9a-f]{64}$/),
  revision: z.int().positive(),
  status: z.enum(alertStatuses),
  chainId: z.int().positive(),
  detector: z.string(),
  version: z.string(),
  severity: z.enum(severities),
  confidence: z.int().min(1).max(99),
  key: z.string(),
  occurrence: z.string(),
  eventTime: z.int(),
  /** The blocks it rests on, oldest first: the newest one's finality confirms it. */
  blocks: z.array(z.object({ number: z.int().nonnegative(), hash: hashSchema.nullable() })),
  title: z.string(),
  sentence: z.string(),
  parameters: z.record(z.string(), parameterValueSchema),
  evidence: z.array(evidenceSchema),
  /** SHA-256 of parameters and evidence as canonical JSON: any digit changed in either is found at once. */
  evidenceHash: z.string().regex(/^[0-9a-f]{64}$/),
})
export type Alert = Readonly<z.output<typeof alertSchema>>
