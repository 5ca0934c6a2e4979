import { OffsetOutOfRangeError, type EventLog, type NewRecord } from '@tocsin/event-log'
import { decodeMarker, encodeMarker, type ProgressMarker } from './marker.ts'

/** Where a task's commits leave their markers, and under which id they are made: of one task alone. */
export interface ProgressPosition {
  readonly topic: string
  readonly partition: number
  /** Of its markers; those of another key in the same partition are another task's. */
  readonly key: string
  readonly transactionalId: string
}

const pollWaitMs = 100

export const markerRecord = ({ topic, partition, key }: ProgressPosition, marker: ProgressMarker): NewRecord => ({
  topic,
  partition,
  key: Buffer.from(key),
  value: encodeMarker(marker),
})

/** All markers of the task that its progress topic holds, oldest first. */
export const readMarkers = async (log: EventLog, position: ProgressPosition): Promise<readonly ProgressMarker[]> => {
  const at = { topic: position.topic, partition: position.partition }
  const own = Buffer.from(position.key)
  for (;;) {
    const { beginning, end } = await log.offsets(at)
    const markers: ProgressMarker[] = []
    const reader = await log.openReader([{ ...at, offset: beginning }])
    try {
      for (let next = beginning; next < end;) {
        for (const { records, nextOffset } of await reader.poll(pollWaitMs)) {
          for (const { key, value } of records) if (key !== null && own.equals(key)) markers.push(decodeMarker(value))
          next = nextOffset
        }
      }
      return markers
    } catch (error) {
      // A fenced owner commits no more, but may still trim below its last checkpoint: then the rest is read anew.
      const wasTrimmed = error instanceof OffsetOutOfRangeError && (await log.offsets(at)).beginning > beginning
      if (!wasTrimmed) throw error
    } finally {
      await reader.close()
    }
  }
}
