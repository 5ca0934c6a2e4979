import { tamedText } from '../knowledge/tamed-text.ts'
import type { AbiReader } from './abi-reader.ts'
import { call, event, type Carry, type Protocol, type SourceCall } from './protocol.ts'
import { selectorOf } from './selector.ts'

/** Target, value and data in the first three words, of one call. */
function one(read: AbiReader) {
  const [target, value, input] = [read.address(0), read.uint(1), read.bytes(2)]
  return [{ target, value, input }]
}

/** The same as three lists, of several. */
function several(read: AbiReader) {
  const [targets, values] = [read.addresses(0), read.uints(1)]
  const inputs = read.dynamicList(2, (start) => read.bytesAt(start))
  if (targets.length !== values.length || targets.length !== inputs.length) read.refuse()
  return targets.map((target, at) => ({ target, value: values[at] ?? 0n, input: inputs[at] ?? '0x' }))
}

const told = (calls: ReturnType<typeof several>) =>
  calls.map(({ target, value, input }) => ({ target, value, selector: selectorOf(input) }))

/** Nothing is carried out yet: a timelock's `schedule` and `scheduleBatch`. Behind the calls: predecessor, salt, delay. */
function scheduled(read: AbiReader, calls: ReturnType<typeof several>) {
  read.hash(3)
  read.hash(4)
  return { calls: told(calls), delay: read.uint(5) }
}

function executed(read: AbiReader, calls: ReturnType<typeof several>, timelock: SourceCall, carry: Carry) {
  read.hash(3)
  read.hash(4)
  for (const { target, value, input } of calls) carry({ caller: timelock.address, address: target, value, input })
  return { calls: told(calls) }
}

const maxDescription = 256

/** OpenZeppelin's TimelockController, Governor and Votes; Compound's GovernorBravo kept the signatures. */
export const governance: Protocol = {
  name: 'Governance',
  events: [
    event(
      'timelock-scheduled',
      'CallScheduled(bytes32,uint256,address,uint256,bytes,bytes32,uint256)',
      { topics: 3, words: null },
      (read) => ({
        id: read.topicHash(1),
        index: read.topicUint(2),
        target: read.address(0),
        value: read.uint(1),
        selector: read.selector(2),
        predecessor: read.hash(3),
        delay: read.uint(4),
      }),
    ),
    event('timelock-delay-changed', 'MinDelayChange(uint256,uint256)', { topics: 1, words: 2 }, (read) => ({
      previousDelay: read.uint(0),
      newDelay: read.uint(1),
    })),
    event(
      'governor-proposal',
      'ProposalCreated(uint256,address,address[],uint256[],string[],bytes[],uint256,uint256,string)',
      { topics: 1, words: null },
      (read) => {
        const targets = read.addresses(2)
        const values = read.uints(3)
        const selectors = read.dynamicList(5, (start) => read.selectorAt(start))
        if (targets.length !== values.length || targets.length !== selectors.length) read.refuse()
        return {
          proposalId: read.uint(0),
          proposer: read.address(1),
          calls: targets.map((target, at) => ({ target, value: values[at] ?? 0n, selector: selectors[at] ?? '0x' })),
          voteStart: read.uint(6),
          voteEnd: read.uint(7),
          description: tamedText(Buffer.from(read.bytes(8).slice(2), 'hex'), maxDescription) ?? '',
        }
      },
    ),
    event('governor-vote', 'VoteCast(address,uint256,uint8,uint256,string)', { topics: 2, words: null }, (read) => ({
      voter: read.topicAddress(1),
      proposalId: read.uint(0),
      support: read.number(1, 255),
      weight: read.uint(2),
    })),
    event(
      'delegate-votes-changed',
      'DelegateVotesChanged(address,uint256,uint256)',
      { topics: 2, words: 2 },
      (read) => ({
        delegate: read.topicAddress(1),
        previousVotes: read.uint(0),
        newVotes: read.uint(1),
      }),
    ),
  ],
  calls: [
    call('timelock-schedule', 'schedule(address,uint256,bytes,bytes32,bytes32,uint256)', (read) =>
      scheduled(read, one(read)),
    ),
    call('timelock-schedule', 'scheduleBatch(address[],uint256[],bytes[],bytes32,bytes32,uint256)', (read) =>
      scheduled(read, several(read)),
    ),
    call('timelock-execute', 'execute(address,uint256,bytes,bytes32,bytes32)', (read, timelock, carry) =>
      executed(read, one(read), timelock, carry),
    ),
    call('timelock-execute', 'executeBatch(address[],uint256[],bytes[],bytes32,bytes32)', (read, timelock, carry) =>
      executed(read, several(read), timelock, carry),
    ),
    call('timelock-update-delay', 'updateDelay(uint256)', (read) => ({ delay: read.uint(0) })),
  ],
}
