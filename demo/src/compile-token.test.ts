import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { compileDemoToken } from './compile-token.ts'

test('default: the committed bytecode is what solc makes of DemoToken.sol', () => {
  const committed = readFileSync(new URL('../contracts/DemoToken.json', import.meta.url), 'utf8')
  expect(committed === compileDemoToken(), 'run: node demo/src/compile-token.ts').toBe(true)
})
