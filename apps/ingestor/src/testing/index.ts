export { BrokenIngestError, runIngestStorm, type StormReport } from './ingest-storm.ts'
