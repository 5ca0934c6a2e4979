export { BrokenIngestError, runIngestStorm, type StormReport } from './ingest-storm.ts'
export { runIngestKillStorm, type IngestKillReport } from './ingest-kill-storm.ts'
