import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const folder = new URL('../contracts/', import.meta.url)

/** The text of `contracts/DemoToken.json`: what solc makes of `DemoToken.sol`, with OpenZeppelin's sources from npm. */
export function compileDemoToken(): string {
  const solc = require('solc') as {
    compile(input: string, read: { import(path: string): { contents: string } }): string
  }
  const input = {
    language: 'Solidity',
    sources: { 'DemoToken.sol': { content: readFileSync(new URL('DemoToken.sol', folder), 'utf8') } },
    settings: {
      // Paris has no PUSH0, so the token also runs on chains that froze early; no metadata hash keeps the output stable.
      evmVersion: 'paris',
      metadata: { bytecodeHash: 'none' },
      optimizer: { enabled: true, runs: 200 },
      outputSelection: { '*': { DemoToken: ['evm.bytecode.object'] } },
    },
  }
  const read = (path: string) => ({ contents: readFileSync(require.resolve(path), 'utf8') })
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read })) as CompilerOutput
  const failure = output.errors?.find(({ severity }) => severity === 'error')
  if (failure !== undefined) throw new Error(failure.formattedMessage)
  const token = output.contracts['DemoToken.sol']?.['DemoToken']
  if (token === undefined) throw new Error('solc gave no DemoToken.')
  return `${JSON.stringify({ bytecode: `0x${token.evm.bytecode.object}` }, null, 2)}\n`
}

interface CompilerOutput {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[]
  readonly contracts: Record<
    string,
    Record<string, { readonly evm: { readonly bytecode: { readonly object: string } } }>
  >
}

// `node demo/src/compile-token.ts` writes the file anew; a test holds that the committed one is current.
if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(new URL('DemoToken.json', folder), compileDemoToken())
