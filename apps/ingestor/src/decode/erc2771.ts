import type { AbiReader } from './abi-reader.ts'
import { call, type Carry, type Protocol, type SourceCall } from './protocol.ts'
import { selectorOf } from './selector.ts'

/** A ForwardRequest: from, to, value, gas, nonce or deadline, data; in version 5 the signature is in it. */
function request(read: AbiReader, start: number, forwarder: SourceCall, carry: Carry) {
  const [from, target, value] = [read.address(start), read.address(start + 1), read.uint(start + 2)]
  read.uint(start + 3)
  read.uint(start + 4)
  const input = read.bytes(start + 5, start)
  carry({ caller: forwarder.address, address: target, value, input: `${input}${from.slice(2)}` })
  return { from, target, value, selector: selectorOf(input) }
}

const packed = '(address,address,uint256,uint256,uint48,bytes,bytes)'

/** Forwarders of meta-transactions. Source: EIP-2771; OpenZeppelin's MinimalForwarder (4) and ERC2771Forwarder (5). */
export const erc2771: Protocol = {
  name: 'ERC-2771',
  events: [],
  calls: [
    call('forward', 'execute((address,address,uint256,uint256,uint256,bytes),bytes)', (read, forwarder, carry) => {
      read.bytes(1)
      return { requests: [request(read, read.start(0), forwarder, carry)] }
    }),
    call('forward', `execute(${packed})`, (read, forwarder, carry) => {
      const start = read.start(0)
      read.bytes(start + 6, start)
      return { requests: [request(read, start, forwarder, carry)] }
    }),
    call('forward', `executeBatch(${packed}[],address)`, (read, forwarder, carry) => {
      read.address(1) // gets back what value failed requests had
      const requests = read.dynamicList(0, (start) => {
        read.bytes(start + 6, start)
        return request(read, start, forwarder, carry)
      })
      return { requests }
    }),
  ],
}
