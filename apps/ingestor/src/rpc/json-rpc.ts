import { isObject } from '../sources/parse-block.ts'

/** One call as it is sent. `id` is unique within a connection. */
export interface RpcRequest {
  readonly id: number
  readonly method: string
  readonly params: readonly unknown[]
}

/** What a node answers to one call: a result, or an error that it tells. */
export type RpcAnswer =
  | { readonly type: 'result'; readonly result: unknown }
  | { readonly type: 'error'; readonly code: number; readonly message: string }

/** Source: JSON-RPC 2.0, "Response object". @returns null for what is none */
export function rpcAnswer(body: unknown): RpcAnswer | null {
  if (!isObject(body)) return null
  const { error } = body
  if (isObject(error)) return { type: 'error', code: Number(error['code'] ?? 0), message: textOf(error['message']) }
  return body['result'] === undefined ? null : { type: 'result', result: body['result'] }
}

/** The id that an answer is for; null where it says none, as a refusal of a whole batch does. */
export const answerId = (body: unknown): number | null =>
  isObject(body) && typeof body['id'] === 'number' ? body['id'] : null

const textOf = (value: unknown) => (typeof value === 'string' ? value : 'no message')

/** The node has no such method: another way must be taken. Nodes agree on the code, proxies only on the words. */
export const isMissingMethod = (answer: RpcAnswer): boolean =>
  answer.type === 'error' &&
  (answer.code === -32601 ||
    /method\b.*\b(?:not found|not supported|unsupported|does not exist|not available|not whitelisted|not allowed|disabled)|unsupported method/i.test(
      answer.message,
    ))

/**
 * The node has the block and not the state it left: every node but an archive drops that after a while. geth says
 * "missing trie node" or "historical state … is not available", erigon and reth "pruned", Nethermind "No state available",
 * Besu "World state unavailable", anvil on a loaded chain "BlockOutOfRangeError".
 */
export const isPrunedState = (answer: RpcAnswer): boolean =>
  answer.type === 'error' &&
  /missing trie node|state\b.*\b(?:unavailable|not available|pruned)|no state available|due to pruning|BlockOutOfRange/i.test(
    answer.message,
  )

/**
 * The call was executed and failed, which is the contract's answer. geth: code 3 for a revert, the words of its EVM's errors
 * for the rest (`core/vm/errors.go`); Parity and Nethermind: -32015 "VM execution error"; Hardhat "VM Exception".
 */
export const isFailedExecution = (answer: RpcAnswer): boolean =>
  answer.type === 'error' &&
  (answer.code === 3 ||
    answer.code === -32015 ||
    /revert|vm (?:execution )?(?:error|exception)|invalid opcode|out of gas|gas uint64 overflow|stack (?:underflow|overflow|limit)|invalid jump|write protection|return data out of bounds|max call depth|contract address collision|insufficient balance for transfer|max code size|must not begin with 0xef/i.test(
      answer.message,
    ))

/** The node keeps no blocks or receipts so old. Source: EIP-4444 nodes; geth's code 4444 "pruned history unavailable". */
export const isPrunedHistory = (answer: RpcAnswer): boolean =>
  answer.type === 'error' &&
  (answer.code === 4444 || /pruned history|history (?:is )?(?:pruned|expired)/i.test(answer.message))

/**
 * The node does not know `finalized`, or has no final block yet: geth has "finalized block not found" (-39001, before
 * -32000), older nodes refuse the word as a number (-32602 or their parser's own words).
 */
export const isUnknownTag = (answer: RpcAnswer): boolean =>
  answer.type === 'error' &&
  (answer.code === -39001 ||
    answer.code === -32602 ||
    /finalized|\b(?:block|header) not found\b|unknown block|invalid (?:block|argument|params)|hex string without 0x/i.test(
      answer.message,
    ))

/**
 * Too much was asked for at once. geth: -32003 "response too large" for what is left of a batch, -32600 "batch too large";
 * providers: "batch limit exceeded", "query returned more than … results", "response size exceeded".
 */
export const isTooLarge = (answer: RpcAnswer): boolean =>
  answer.type === 'error' &&
  /(?:response|batch|body|request|payload|content)\b.*\b(?:too (?:large|big|many)|size (?:is )?(?:exceeded|should not exceed)|limit exceeded|exceeds)|too many (?:requests|calls) in (?:a |the )?batch/i.test(
    answer.message,
  )

/**
 * Asked too often. Providers put it into the answer with HTTP status 200 too: -32005 "limit exceeded" (EIP-1474), code
 * 429, "rate limit", "request count exceeded", "compute units".
 */
export const isRateLimited = (answer: RpcAnswer): boolean =>
  answer.type === 'error' &&
  !isTooLarge(answer) &&
  (answer.code === -32005 ||
    answer.code === 429 ||
    /rate.?limit|too many requests|(?:request|daily|call)s? (?:count|limit|rate) (?:exceeded|reached)|compute units|capacity exceeded/i.test(
      answer.message,
    ))
