import type { AbortedTransaction } from './record-batch.ts'

/** What a broker answers for one partition. `batches` are undecoded. */
export interface FetchedPartition {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly aborted: readonly AbortedTransaction[]
  readonly batches: Buffer
}

export interface FetchResponse {
  readonly throttleMs: number
  readonly errorCode: number
  readonly partitions: readonly FetchedPartition[]
}

/** Source: Kafka's protocol, Fetch response version 11, after the correlation id. */
export function decodeFetchResponse(bytes: Buffer): FetchResponse {
  let at = 0
  const int16 = () => bytes.readInt16BE((at += 2) - 2)
  const int32 = () => bytes.readInt32BE((at += 4) - 4)
  const int64 = () => bytes.readBigInt64BE((at += 8) - 8)
  const take = (length: number) => bytes.subarray((at += Math.max(0, length)) - Math.max(0, length), at)
  const array = <T>(element: () => T): T[] => Array.from({ length: Math.max(0, int32()) }, element) // -1 is null

  const throttleMs = int32()
  const errorCode = int16()
  int32() // session id: none is used
  const topics = array(() => {
    const topic = take(int16()).toString()
    return array(() => {
      const partition = int32()
      const partitionErrorCode = int16()
      int64() // high watermark
      int64() // last stable offset
      int64() // log start offset
      const aborted = array(() => ({ producerId: int64(), firstOffset: Number(int64()) }))
      int32() // preferred read replica
      return { topic, partition, errorCode: partitionErrorCode, aborted, batches: take(int32()) }
    })
  })
  return { throttleMs, errorCode, partitions: topics.flat() }
}
