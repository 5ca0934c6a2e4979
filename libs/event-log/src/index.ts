export { type EmbeddedLogOptions, openEmbeddedLog } from './embedded-log.ts'
export * from './errors.ts'
export * from './event-log.ts'
export { type KafkaLogOptions, openKafkaLog } from './kafka-log.ts'
