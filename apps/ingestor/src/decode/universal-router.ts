import { parseAddress, type Address, type ChainCallOf, type Hex } from '@tocsin/chain-model'
import { AbiReader } from './abi-reader.ts'
import { call, type Protocol, type SourceCall } from './protocol.ts'
import { tokensOfPath } from './v3-path.ts'

type Swap = ChainCallOf<'universal-router-execute'>['swaps'][number]
type Permit = ChainCallOf<'universal-router-execute'>['permits'][number]

/** The last bit lets a command fail; its number is in the lower six. */
const commandOf = (commands: Hex, at: number) => Number.parseInt(commands.slice(2 + at * 2, 4 + at * 2), 16) & 0x3f
const v3ExactIn = 0x00
const v3ExactOut = 0x01
const permitBatch = 0x03
const v2ExactIn = 0x08
const v2ExactOut = 0x09
const permit = 0x0a

/** Addresses 1 and 2 stand for the caller and the router. Source: universal-router, Constants.sol, ActionConstants. */
const [callerAlias, routerAlias] = [1, 2].map((alias) => parseAddress(`0x${alias.toString(16).padStart(40, '0')}`))

function recipientOf(read: AbiReader, { caller, address }: SourceCall): Address {
  const recipient = read.address(0)
  return recipient === callerAlias ? caller : recipient === routerAlias ? address : recipient
}

/** recipient, two amounts (the exact one first), path, payer is the caller; a v3 path of an exact output runs backwards. */
function swapOf(read: AbiReader, command: number, made: SourceCall): Swap | null {
  const exact = command === v3ExactIn || command === v2ExactIn ? 'in' : 'out'
  const isV3 = command === v3ExactIn || command === v3ExactOut
  const tokens = isV3 ? tokensOfPath(read.bytes(3)) : read.addresses(3)
  const path = isV3 && exact === 'out' ? tokens.toReversed() : [...tokens]
  read.bool(4)
  const [assetIn, assetOut] = [path.at(0), path.at(-1)]
  if (assetIn === undefined || assetOut === undefined || path.length < 2) return null
  const [first, second] = [read.uint(1), read.uint(2)]
  const [amountIn, amountOut] = exact === 'in' ? [first, second] : [second, first]
  const protocol = isV3 ? 'uniswap-v3' : 'uniswap-v2'
  return { protocol, exact, assetIn, assetOut, path, amountIn, amountOut, recipient: recipientOf(read, made) }
}

const allowance = (read: AbiReader, at: number) => ({
  token: read.address(at),
  amount: read.uint(at + 1, 160),
  expiration: read.deadline(at + 2, 48),
})

/** A Permit2 PermitSingle of six words, or a PermitBatch behind an offset; the caller's. */
function permitsOf(read: AbiReader, command: number): readonly Permit[] {
  if (command === permit) return [{ ...allowance(read, 0), spender: read.address(4) }]
  const start = read.start(0)
  const spender = read.address(start + 1)
  return read.list(start, (at) => ({ ...allowance(read, at), spender }), 4, start)
}

function execute(read: AbiReader, made: SourceCall) {
  const commands = read.bytes(0)
  const inputs = read.dynamicList(1, (start) => read.bytesAt(start))
  if (inputs.length !== commands.length / 2 - 1) read.refuse()
  const swaps: Swap[] = []
  const permits: Permit[] = []
  for (const [at, input] of inputs.entries()) {
    const command = commandOf(commands, at)
    const own = new AbiReader({ topics: [], data: input })
    if (command === permit || command === permitBatch) {
      const found = permitsOf(own, command)
      if (own.fits) permits.push(...found)
    } else if ([v3ExactIn, v3ExactOut, v2ExactIn, v2ExactOut].includes(command)) {
      const found = swapOf(own, command, made)
      if (own.fits && found !== null) swaps.push(found)
    }
  }
  return { commands, swaps, permits }
}

/** Uniswap's Universal Router and the forks that kept its commands. Source: universal-router, Commands.sol, Dispatcher. */
export const universalRouter: Protocol = {
  name: 'Universal Router',
  events: [],
  calls: [
    call('universal-router-execute', 'execute(bytes,bytes[])', (read, made) => ({
      ...execute(read, made),
      deadline: null,
    })),
    call('universal-router-execute', 'execute(bytes,bytes[],uint256)', (read, made) => ({
      ...execute(read, made),
      deadline: read.deadline(2),
    })),
  ],
}
