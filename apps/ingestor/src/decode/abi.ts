import { Fragment, id, type EventFragment, type FunctionFragment, type JsonFragment, type ParamType } from 'ethers'
import { parseHash, type Hash, type Hex } from '@tocsin/chain-model'
import type { AbiParameter, AbiType } from './abi-type.ts'
import { selectorOf } from './selector.ts'

/** The first topic of an event: Keccak-256 of its canonical signature, `Transfer(address,address,uint256)`. */
export const topic0Of = (signature: string): Hash => parseHash(id(signature))

/** The selector of a function: the first four bytes of the same hash of `transfer(address,uint256)`. */
export const functionSelector = (signature: string): Hex => selectorOf(topic0Of(signature))

export interface AbiEvent {
  readonly type: 'event'
  readonly signature: string
  /** Null of an anonymous event: then its topics are its arguments alone. */
  readonly topic0: Hash | null
  readonly inputs: readonly (AbiParameter & { readonly indexed: boolean })[]
}

export interface AbiFunction {
  readonly type: 'function'
  readonly signature: string
  readonly selector: Hex
  readonly inputs: readonly AbiParameter[]
}

/**
 * An entry of a contract's ABI, as JSON or as ethers' human-readable text; null for one that no log and no transaction's
 * call shows: a constructor, an error, a view. @throws {TypeError} saying what is wrong with it.
 */
export function parseAbiEntry(entry: unknown): AbiEvent | AbiFunction | null {
  if (typeof entry !== 'string' && (typeof entry !== 'object' || entry === null))
    throw new TypeError(`${JSON.stringify(entry)} is no entry of an ABI`)
  // The ABI specification lets a function go without saying that it is one.
  const fragment = readFragment(typeof entry === 'string' ? entry : { type: 'function', ...(entry as JsonFragment) })
  if (Fragment.isEvent(fragment)) return eventOf(fragment)
  return Fragment.isFunction(fragment) && !fragment.constant ? functionOf(fragment) : null
}

function readFragment(entry: string | JsonFragment): Fragment {
  try {
    return Fragment.from(entry)
  } catch (cause) {
    // ethers adds the whole value to its messages; the short one says what is wrong.
    const { shortMessage, message } = cause as { readonly shortMessage?: string; readonly message: string } // an Error
    throw new TypeError(shortMessage || message || 'it lacks what its type needs', { cause })
  }
}

function eventOf(fragment: EventFragment): AbiEvent {
  const signature = fragment.format('sighash')
  const inputs = fragment.inputs.map((input) => ({ ...parameterOf(input), indexed: input.indexed === true }))
  const most = fragment.anonymous ? 4 : 3
  if (inputs.filter(({ indexed }) => indexed).length > most)
    throw new TypeError(`it has more than ${most} indexed inputs`)
  return { type: 'event', signature, topic0: fragment.anonymous ? null : topic0Of(signature), inputs }
}

function functionOf(fragment: FunctionFragment): AbiFunction {
  const signature = fragment.format('sighash')
  return {
    type: 'function',
    signature,
    selector: functionSelector(signature),
    inputs: fragment.inputs.map(parameterOf),
  }
}

const parameterOf = (input: ParamType): AbiParameter => ({
  name: input.name,
  type: input.format('sighash'),
  is: typeOf(input),
})

function typeOf(input: ParamType): AbiType {
  const { type } = input
  if (input.isArray()) {
    // No such type is in Solidity or Vyper, and data of it would be of any length.
    if (input.arrayLength === 0) throw new TypeError(`an array of none: ${type}`)
    return {
      kind: 'array',
      of: typeOf(input.arrayChildren),
      length: input.arrayLength === -1 ? null : input.arrayLength,
    }
  }
  if (input.isTuple()) {
    if (input.components.length === 0) throw new TypeError('a tuple without components')
    return { kind: 'tuple', components: input.components.map(parameterOf) }
  }
  if (type === 'address' || type === 'bool' || type === 'bytes' || type === 'string') return { kind: type }
  const [, kind, size] = /^(uint|int|bytes)(\d+)$/.exec(type) ?? []
  if (kind === undefined) throw new TypeError(`invalid type ${JSON.stringify(type)}`)
  return kind === 'bytes'
    ? { kind: 'fixed-bytes', bytes: Number(size) }
    : { kind: kind as 'uint' | 'int', bits: Number(size) }
}
