#!/usr/bin/env node
import { oldNodeLine } from './old-node.ts'

// Before anything else is loaded: on an old Node the rest fails in words that say nothing of Node.
const line = oldNodeLine(process.versions.node)
if (line !== null) {
  process.stderr.write(`${line}\n`)
  process.exit(1)
}
await import('./run.ts')
