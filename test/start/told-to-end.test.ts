import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { runTocsin } from '../tocsin-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'tocsin-told-to-end-'))

// The process is sent SIGTERM when it asks for what it loads second, and has turns of the event loop to see it.
const preload = join(folder, 'tell-while-loading.mjs')
writeFileSync(
  preload,
  `import { registerHooks } from 'node:module'
   registerHooks({
     load: (url, context, next) => {
       const loaded = next(url, context)
       if (!url.endsWith('/cli/dist/run.js')) return loaded
       process.kill(process.pid, 'SIGTERM')
       const turn = 'await new Promise((resolve) => setImmediate(resolve));'
       return { ...loaded, source: turn + turn + loaded.source }
     },
   })`,
)

describe('tocsin, told to end while it is being loaded', () => {
  test.each([
    { words: 'serve --kafka-brokers 127.0.0.1:1', ends: 'cleanly', code: 0 },
    {
      words: 'verify alerts.ndjson --recording blocks',
      ends: 'as interrupted, since its end would be another',
      code: 130,
    },
  ])('behavior: $words begins nothing and ends $ends', async ({ words, code }) => {
    const env = { NODE_OPTIONS: `--import=${pathToFileURL(preload).href}` }
    const { stderr, ...ended } = await runTocsin(words.split(' '), { cwd: folder, env })
    expect(ended).toEqual({ code, signal: null, stdout: '' })
    expect(stderr).toMatch(/^\S+ INFO +[a-z]+: stopping; press Ctrl-C again to stop at once\n$/)
  })
})
