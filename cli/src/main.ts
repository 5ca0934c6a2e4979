#!/usr/bin/env node
import { holdSignals } from './held-signals.ts'
import { oldNodeLine } from './old-node.ts'

// First of all: to load the rest takes a second, in which the process may be told to end.
const host = holdSignals(process)
// Before anything else is loaded: on an old Node the rest fails in words that say nothing of Node.
const line = oldNodeLine(process.versions.node)
if (line !== null) {
  process.stderr.write(`${line}\n`)
  process.exit(1)
}
const { run } = await import('./run.ts')
await run(host)
