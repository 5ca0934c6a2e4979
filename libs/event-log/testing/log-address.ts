import { openEmbeddedLog } from '../src/embedded-log.ts'
import type { EventLog } from '../src/event-log.ts'
import { openKafkaLog } from '../src/kafka-log.ts'

/** Where a log is, in a form that a child process can be given. */
export type LogAddress =
  | { readonly type: 'embedded'; readonly folder: string }
  | { readonly type: 'kafka'; readonly brokers: readonly string[] }

export async function openLogAt(address: LogAddress): Promise<EventLog> {
  switch (address.type) {
    case 'embedded':
      return openEmbeddedLog(address.folder)
    case 'kafka':
      return openKafkaLog({ brokers: address.brokers, clientId: 'event-log-suite' })
  }
}
