import { addressesOf, parseAddress, type Address, type ChainEvent, type ChainTransaction } from '@tocsin/chain-model'

/**
 * Every address that the transaction names, each once, in order of the text: sender, callee, created contract, emitters,
 * what the events say, both ends of each frame. A failed transaction names its own too: it is proof of existence.
 */
export function namedAddresses(transaction: ChainTransaction): readonly Address[] {
  const named = new Set<Address>()
  const name = (address: Address | null) => {
    if (address !== null) named.add(address)
  }
  name(transaction.from)
  name(transaction.to)
  name(transaction.contractAddress)
  for (const event of transaction.events) {
    name(event.address)
    for (const address of addressesIn(event)) name(address)
  }
  for (const { from, to } of transaction.frames ?? []) {
    name(from)
    name(to)
  }
  return [...named].sort()
}

/** A topic that may be an address: twelve zero bytes, then not as many zeros as a small number has. */
const addressTopic = /^0x0{24}(?!0{12})[0-9a-f]{40}$/

function addressesIn(event: ChainEvent): readonly Address[] {
  if (event.type === 'log')
    return event.topics.filter((topic) => addressTopic.test(topic)).map((topic) => parseAddress(`0x${topic.slice(26)}`))
  return addressesOf(event)
}
