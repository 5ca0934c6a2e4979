import type { Address } from '@tocsin/chain-model'
import type { SourceFrame } from '../sources/source-block.ts'

/** What code that runs in a frame sees. */
export interface ExecutionContext {
  /** Whose storage it uses, and who emits its logs: `address(this)`. */
  readonly self: Address
  /** `msg.sender`. */
  readonly caller: Address
  /** `msg.value`. */
  readonly value: bigint
}

/** Each frame of a transaction, which stand in the order of execution, with what its code sees. */
export function eachExecution(
  frames: readonly SourceFrame[],
  visit: (frame: SourceFrame, context: ExecutionContext) => void,
): void {
  /** Of the frames that are running, by depth. */
  const running: ExecutionContext[] = []
  for (const frame of frames) {
    const { traceAddress, type, from, to, value: told } = frame
    const above = running[traceAddress.length - 1]
    const borrows = type === 'delegatecall' || type === 'callcode'
    const context = {
      self: borrows ? (above?.self ?? from) : (to ?? from),
      caller: type === 'delegatecall' ? (above?.caller ?? from) : from,
      // Of a delegatecall geth's tracer tells no value, Parity's that of the call above.
      value: type === 'delegatecall' ? (above?.value ?? told) : told,
    }
    running[traceAddress.length] = context
    visit(frame, context)
  }
}

/**
 * Whose code a contract may have run, beside its own: an address for each. `isNamed`: an ABI of a single contract has what
 * it did by its name; else only an anonymous event of one could be meant.
 */
export type CodesOf = (contract: Address, isNamed: boolean) => readonly Address[]

/**
 * The code that contracts ran in these frames by delegatecall, in the order in which they did: as proxies, and of libraries.
 * The frames are read when the first contract is asked about: of most transactions none is.
 */
export function codesRunIn(frames: readonly SourceFrame[] | null): CodesOf {
  let codes: ReadonlyMap<Address, ReadonlySet<Address>> | undefined
  return (contract) => {
    codes ??= codesByContract(frames ?? [])
    return [...(codes.get(contract) ?? [])]
  }
}

function codesByContract(frames: readonly SourceFrame[]): ReadonlyMap<Address, ReadonlySet<Address>> {
  const codes = new Map<Address, Set<Address>>()
  eachExecution(frames, ({ type, to }, { self }) => {
    if ((type !== 'delegatecall' && type !== 'callcode') || to === null || to === self) return
    const known = codes.get(self)
    if (known === undefined) codes.set(self, new Set([to]))
    else known.add(to)
  })
  return codes
}
