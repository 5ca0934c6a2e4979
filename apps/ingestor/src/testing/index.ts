export { BrokenIngestError, runIngestStorm, type StormReport } from './ingest-storm.ts'
export { runIngestKillStorm, type IngestKillReport } from './ingest-kill-storm.ts'
export { headerHash } from '../verify/hashing.ts'
export { receiptsRoot, transactionsRoot } from '../verify/roots.ts'
