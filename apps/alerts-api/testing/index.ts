export { emptyDatabase, reachableFolder, stopTestServer, testServer } from './test-postgres.ts'
export { sampleAlert } from './sample-alert.ts'
