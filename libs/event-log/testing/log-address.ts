import type { EventLog } from '../src/event-log.ts'
import { openEmbeddedLog } from '../src/embedded-log.ts'

/** Where a log is, in a form that a child process can be given. */
export type LogAddress = { readonly type: 'embedded'; readonly folder: string }

export async function openLogAt(address: LogAddress): Promise<EventLog> {
  switch (address.type) {
    case 'embedded':
      return openEmbeddedLog(address.folder)
  }
}
