import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { jsonSchemas } from './json-schemas.ts'

const folder = fileURLToPath(new URL('../../../docs/schemas', import.meta.url))

describe('jsonSchemas', () => {
  // After a change of the types: `npx vitest run libs/chain-model -u` writes them anew.
  test.for(Object.entries(jsonSchemas()))('default: docs/schemas/%s is what the types say', async ([file, schema]) => {
    await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(`${folder}/${file}`)
  })

  test('behavior: no schema of a record that is gone stays behind', () => {
    expect(readdirSync(folder).sort()).toEqual(Object.keys(jsonSchemas()).sort())
  })
})
