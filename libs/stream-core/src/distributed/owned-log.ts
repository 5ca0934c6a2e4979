import { LogUnavailableError, type EventLog, type Group } from '@tocsin/event-log'

/**
 * The log as an owner of shards sees it: it opens producers only while the group cannot have given its shards away. A
 * process that was stopped for a while would else, on its way to learn how its last commit went, fence the rightful
 * owner. What it has open already the brokers refuse.
 */
export const ownedLog = (log: EventLog, group: Group): EventLog => ({
  createTopics: (topics) => log.createTopics(topics),
  partitions: (topic) => log.partitions(topic),
  offsets: (at) => log.offsets(at),
  openProducer: async (transactionalId) => {
    if (group.isMember()) return log.openProducer(transactionalId)
    throw new LogUnavailableError(`whether "${transactionalId}" is still this process's the group has not yet said`)
  },
  openReader: (positions, options) => log.openReader(positions, options),
  trim: (at, before) => log.trim(at, before),
  close: () => log.close(),
})
