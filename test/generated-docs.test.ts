import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { environmentNames } from '@tocsin/service-kit'
import { allSettings } from 'tocsin/settings'
import { describe, expect, test } from 'vitest'
import { staleDocs } from './generated-docs.ts'
import { root } from './source-files.ts'

describe('generated docs', () => {
  test('behavior: docs/errors.md and docs/settings.md say what the code says; `npm run docs` makes them anew', () => {
    expect(staleDocs().map(({ path }) => path)).toEqual([])
  })
})

describe('.env.example', () => {
  test('behavior: every variable in it is a setting, and every setting with a variable is in it', () => {
    const lines = readFileSync(join(root, '.env.example'), 'utf8').split('\n')
    const named = lines.flatMap((line) => /^#? ?(TOCSIN_[A-Z0-9_]+)=/.exec(line)?.[1] ?? [])
    expect(named.toSorted()).toEqual(environmentNames(Object.values(allSettings)))
  })
})
