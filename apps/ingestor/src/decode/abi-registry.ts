import type { AbiArgument, Address, ChainCallOf, ChainEventOf, Hash, Hex } from '@tocsin/chain-model'
import type { SourceLog } from '../sources/source-block.ts'
import { AbiReader } from './abi-reader.ts'
import { argumentsReader, type ArgumentsReader } from './abi-type.ts'
import type { AbiEvent, AbiFunction } from './abi.ts'
import type { CodesOf } from './execution.ts'
import type { SourceCall } from './protocol.ts'
import { selectorOf } from './selector.ts'

/** A contract's ABI as a user gave it. Plain data: it is sent to worker threads. */
export interface ListedAbi {
  /** What its records are called by: its contract's name, or its file's. */
  readonly name: string
  /** The contract that it is of; null: of any that has such events and functions. */
  readonly address: Address | null
  /** The chain of that contract; null: every one. */
  readonly chainId: number | null
  readonly events: readonly AbiEvent[]
  readonly functions: readonly AbiFunction[]
}

/** The ABIs of users' contracts on one chain. A contract's own goes first, then those of code that it runs, then any. */
export interface AbiRegistry {
  /** Undefined where no ABI fits the log. */
  event(log: SourceLog): ChainEventOf<'contract-event'> | undefined
  /** The signature of the event that the log claims to be by an ABI that does not fit it. */
  claimed(log: Pick<SourceLog, 'address' | 'topics'>): string | undefined
  /** Whether any contract at all has a function of this selector. */
  hasFunction(selector: Hex): boolean
  /** The same of a call. Of functions alone that change something: views are left out. */
  call(made: SourceCall): ChainCallOf<'contract-call'> | undefined
  /** Whether this very contract has an ABI. */
  explains(contract: Address): boolean
  /** The same where contracts run the code of others: proxies. */
  running(codesOf: CodesOf): AbiRegistry
}

interface EventLayout {
  readonly abi: string
  readonly signature: string
  readonly topics: number
  readonly read: (log: SourceLog) => AbiArgument[] | null
}

interface FunctionLayout {
  readonly abi: string
  readonly signature: string
  readonly reader: ArgumentsReader
}

/** The events, by first topic and anonymous ones, and the functions of one contract, or of any. */
class Contract {
  /** By signature and what of it is indexed: the same again says nothing new. */
  readonly #known = new Set<string>()
  readonly events = new Map<Hash, EventLayout[]>()
  readonly anonymous: EventLayout[] = []
  readonly functions = new Map<Hex, FunctionLayout[]>()

  add({ name, address, events, functions }: ListedAbi): void {
    for (const event of events) {
      // Nothing but its emitter says which event an anonymous log is of.
      if (event.topic0 === null && address === null) continue
      const indexed = event.inputs.map((input) => (input.indexed ? 'i' : 'd')).join('')
      if (!this.#isNew(`${event.topic0 ?? 'anonymous'} ${indexed} ${event.signature}`)) continue
      const layout = eventLayout(name, event)
      if (event.topic0 === null) this.anonymous.push(layout)
      else this.events.set(event.topic0, [...(this.events.get(event.topic0) ?? []), layout])
    }
    for (const { signature, selector, inputs } of functions) {
      if (!this.#isNew(signature)) continue
      const layout = { abi: name, signature, reader: argumentsReader(inputs) }
      this.functions.set(selector, [...(this.functions.get(selector) ?? []), layout])
    }
  }

  #isNew(key: string): boolean {
    return this.#known.size < this.#known.add(key).size
  }
}

function eventLayout(abi: string, { signature, topic0, inputs }: AbiEvent): EventLayout {
  const indexed = inputs.filter((input) => input.indexed)
  const data = argumentsReader(inputs.filter((input) => !input.indexed))
  // A topic is one word: it has the value of a type of one word, and of any other the hash.
  const topics = argumentsReader(
    indexed.map((input) => (fitsInTopic(input.is.kind) ? input : { ...input, is: { kind: 'fixed-bytes', bytes: 32 } })),
  )
  const skipped = topic0 === null ? 0 : 1
  return {
    abi,
    signature,
    topics: indexed.length + skipped,
    read(log) {
      if (!data.isDynamic && log.data.length !== 2 + data.words * 64) return null
      const words = log.topics.slice(skipped).map((topic) => topic.slice(2))
      const [fromTopics, fromData] = [
        new AbiReader({ topics: [], data: `0x${words.join('')}` }),
        new AbiReader({ topics: [], data: log.data }),
      ]
      const [inTopics, inData] = [topics.read(fromTopics, 0).values(), data.read(fromData, 0).values()]
      const all = inputs.flatMap((input) => {
        const argument = (input.indexed ? inTopics : inData).next().value
        if (argument === undefined) return []
        // The 32 bytes that were read of it as `fixed-bytes`.
        return input.indexed && !fitsInTopic(input.is.kind)
          ? [{ ...argument, value: null, hash: argument.value as Hash }]
          : [argument]
      })
      return fromTopics.fits && fromData.fits ? all : null
    },
  }
}

const fitsInTopic = (kind: AbiEvent['inputs'][number]['is']['kind']): boolean =>
  kind === 'address' || kind === 'bool' || kind === 'uint' || kind === 'int' || kind === 'fixed-bytes'

/** The one of these that gives something: two that read the same words differently tell nothing. */
function onlyOne<Layout, Read>(
  layouts: readonly Layout[],
  read: (layout: Layout) => Read | null,
): readonly [Layout, Read] | undefined {
  let found: readonly [Layout, Read] | undefined
  for (const layout of layouts) {
    const value = read(layout)
    if (value === null) continue
    if (found !== undefined) return undefined
    found = [layout, value]
  }
  return found
}

export function abiRegistry(abis: readonly ListedAbi[], chainId: number): AbiRegistry {
  const any = new Contract()
  const contracts = new Map<Address, Contract>()
  const selectors = new Set<Hex>()
  // What no ABI has need not be asked of the code that its contract runs: most logs of a chain are of this kind.
  const topics = new Set<Hash>()
  let hasAnonymous = false
  /** What the ABIs of single contracts can explain: for nothing else it matters whose code a contract runs. */
  const ofCode = { topics: new Set<Hash>(), selectors: new Set<Hex>() }
  for (const abi of abis) {
    if (abi.chainId !== null && abi.chainId !== chainId) continue
    let contract = any
    if (abi.address !== null) {
      contract = contracts.get(abi.address) ?? new Contract()
      contracts.set(abi.address, contract)
    }
    contract.add(abi)
    for (const { selector } of abi.functions) selectors.add(selector)
    for (const { topic0 } of abi.events)
      if (topic0 === null) hasAnonymous = true
      else topics.add(topic0)
    if (abi.address === null) continue
    for (const { selector } of abi.functions) ofCode.selectors.add(selector)
    for (const { topic0 } of abi.events) if (topic0 !== null) ofCode.topics.add(topic0)
  }

  const eventBy = (contract: Contract, log: SourceLog) => {
    const [topic0] = log.topics
    const named = topic0 === undefined ? undefined : contract.events.get(topic0)
    const read = (layout: EventLayout) => (layout.topics === log.topics.length ? layout.read(log) : null)
    return (named && onlyOne(named, read)) ?? onlyOne(contract.anonymous, read)
  }

  const running = (codesOf: CodesOf): AbiRegistry => {
    /** What the first of the contract's ABIs says that says anything. */
    function first<Said>(
      address: Address,
      how: 'named' | 'anonymous' | 'none',
      ask: (contract: Contract) => Said | undefined,
    ): Said | undefined {
      const own = contracts.get(address)
      const said = own && ask(own)
      if (said !== undefined || how === 'none') return said ?? ask(any)
      for (const code of codesOf(address, how === 'named')) {
        const contract = contracts.get(code)
        const saidOfCode = contract && ask(contract)
        if (saidOfCode !== undefined) return saidOfCode
      }
      return ask(any)
    }
    const named = (topic0: Hash | undefined) => {
      if (topic0 !== undefined && ofCode.topics.has(topic0)) return 'named'
      return hasAnonymous ? 'anonymous' : 'none'
    }
    return {
      event(log) {
        const [topic0] = log.topics
        if (!hasAnonymous && (topic0 === undefined || !topics.has(topic0))) return undefined
        const found = first(log.address, named(topic0), (contract) => eventBy(contract, log))
        if (found === undefined) return undefined
        const [{ abi, signature }, args] = found
        return { type: 'contract-event', logIndex: log.logIndex, address: log.address, abi, signature, arguments: args }
      },
      claimed: ({ address, topics: [topic0, ...more] }) =>
        topic0 === undefined || !topics.has(topic0)
          ? undefined
          : first(address, ofCode.topics.has(topic0) ? 'named' : 'none', (contract) => {
              // Of an ABI for any contract another number of topics is another contract's event of that name.
              const claims = (layout: EventLayout) => contract !== any || layout.topics === more.length + 1
              return contract.events.get(topic0)?.find(claims)?.signature
            }),
      hasFunction: (selector) => selectors.has(selector),
      call(made) {
        const selector = selectorOf(made.input)
        if (!selectors.has(selector)) return undefined
        const read = ({ reader }: FunctionLayout) => {
          const from = new AbiReader({ topics: [], data: made.input }, 10)
          const args = reader.read(from, 0)
          return from.fits ? { arguments: args, rest: from.rest } : null
        }
        const by = (contract: Contract) => onlyOne(contract.functions.get(selector) ?? [], read)
        const found = first(made.address, ofCode.selectors.has(selector) ? 'named' : 'none', by)
        if (found === undefined) return undefined
        const [{ abi, signature }, { rest, arguments: args }] = found
        const { traceAddress, caller, address, value } = made
        const at = { traceAddress: traceAddress === null ? null : [...traceAddress], caller, address, value, rest }
        return { type: 'contract-call', ...at, abi, signature, arguments: args }
      },
      explains: (contract) => contracts.has(contract),
      running,
    }
  }
  return running(() => [])
}
