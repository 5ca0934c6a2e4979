export { sampleAlert } from './sample-alert.ts'
export { emptyDatabase } from './test-database.ts'
export { reachableFolder } from './test-server.ts'
