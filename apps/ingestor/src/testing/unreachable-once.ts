import { LogUnavailableError, type EventLog } from '@tocsin/event-log'

/** A log whose cluster is out of reach when `call` is made for the first time. */
export const unreachableOnce = (log: EventLog, call: 'createTopics' | 'openProducer' | 'offsets'): EventLog => {
  let isAway = true
  const at = (made: typeof call) => {
    if (made !== call || !isAway) return
    isAway = false
    throw new LogUnavailableError('no broker answers')
  }
  return {
    createTopics: async (topics) => (at('createTopics'), log.createTopics(topics)),
    partitions: (topic) => log.partitions(topic),
    offsets: async (where) => (at('offsets'), log.offsets(where)),
    openProducer: async (id) => (at('openProducer'), log.openProducer(id)),
    openReader: (positions, options) => log.openReader(positions, options),
    trim: (where, before) => log.trim(where, before),
    close: () => log.close(),
  }
}
