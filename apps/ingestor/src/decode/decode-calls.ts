import type { ChainCall, Hex } from '@tocsin/chain-model'
import type { Envelope, SourceFrame, SourceTransaction } from '../sources/source-block.ts'
import { AbiReader } from './abi-reader.ts'
import type { AbiRegistry } from './abi-registry.ts'
import { functionSelector } from './abi.ts'
import { eachExecution } from './execution.ts'
import type { CallDecoder, CarriedCall, SourceCall } from './protocol.ts'
import { protocols } from './protocols.ts'
import { selectorOf } from './selector.ts'

const decoders = new Map<Hex, CallDecoder>(
  protocols.flatMap(({ calls = [] }) => calls).map((decoder) => [functionSelector(decoder.signature), decoder]),
)

/** Whether calls of the function are typed ones of a protocol, whatever an ABI calls it. */
export const isProtocolCall = ({ selector }: { readonly selector: Hex }): boolean => decoders.has(selector)

/** Call data in call data in call data: whoever goes deeper hides something, and is not followed. */
const maxCarriedDepth = 16

/** A typed call, and the calls that its data carry. */
interface DecodedCall {
  readonly call: ChainCall
  readonly carried: readonly CarriedCall[]
}

/** What users' ABIs say of calls; null: there are none. */
type Abis = Pick<AbiRegistry, 'call' | 'hasFunction'> | null

/** Null where neither a protocol claims it nor an ABI explains it, or its call data do not fit. Never throws. */
export function decodeCall(made: SourceCall, borrowed = false, abis: Abis = null): DecodedCall | null {
  const decoder = decoders.get(selectorOf(made.input))
  if (decoder !== undefined && (!borrowed || decoder.borrowed)) {
    const read = new AbiReader({ topics: [], data: made.input }, 10)
    const carried: CarriedCall[] = []
    const call = decoder.decode(read, made, (one) => carried.push(one))
    if (read.fits) return { call, carried }
  }
  const explained = borrowed ? undefined : abis?.call(made)
  return explained === undefined ? null : { call: explained, carried: [] }
}

/**
 * The typed calls of a transaction, in order of execution: of its frames, else of its call data and what these carry.
 * Null where it has neither.
 */
export function callsOf({ frames, envelope }: SourceTransaction, abis: Abis = null): ChainCall[] | null {
  if (frames !== null) return callsOfFrames(frames, abis)
  return envelope === null ? null : callsOfEnvelope(envelope, abis)
}

function callsOfFrames(frames: readonly SourceFrame[], abis: Abis): ChainCall[] {
  const calls: ChainCall[] = []
  eachExecution(frames, ({ traceAddress, type, to, selector, input }, { self, caller, value }) => {
    if (to === null || !(decoders.has(selector) || abis?.hasFunction(selector) === true)) return
    // A view changes nothing. Another contract's code on one's own storage is a proxy that hands the call on, or a
    // library; on one's own code it is a multicall.
    const isOwn = type === 'call' || (type === 'delegatecall' && to === self)
    if (!isOwn && type !== 'delegatecall') return
    const decoded = decodeCall({ traceAddress, caller, address: self, value, input }, !isOwn, abis)
    if (decoded !== null) calls.push(decoded.call)
  })
  return calls
}

/** The calls that a transaction wants to make, as far as its call data tell: of one that is not executed yet nothing else does. */
export function callsOfEnvelope(
  { from, to, value, input }: Pick<Envelope, 'from' | 'to' | 'value' | 'input'>,
  abis: Abis = null,
): ChainCall[] {
  if (to === null) return []
  const calls: ChainCall[] = []
  const follow = (made: SourceCall, borrowed: boolean, depth: number): void => {
    const decoded = decodeCall(made, borrowed, abis)
    if (decoded === null) return
    calls.push(decoded.call)
    if (depth === maxCarriedDepth) return
    for (const { borrowed: isBorrowed = false, ...carried } of decoded.carried)
      follow({ ...carried, traceAddress: null }, isBorrowed, depth + 1)
  }
  follow({ traceAddress: [], caller: from, address: to, value, input }, false, 0)
  return calls
}
