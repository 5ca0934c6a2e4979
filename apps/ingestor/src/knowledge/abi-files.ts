import { readFile, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { parseAddress, type Address } from '@tocsin/chain-model'
import { parseAbiEntry, type AbiEvent, type AbiFunction } from '../decode/abi.ts'
import type { ListedAbi } from '../decode/abi-registry.ts'
import { reasonOf } from './list-file.ts'

/** A file that should hold a contract's ABI and does not: which one, where in it, what was expected. */
export class AbiFileError extends Error {
  readonly code = 'INGEST_BAD_ABI_FILE'
  readonly handling = 'stop'
  readonly remedy: string
  constructor(at: { file: string; entry: string | null; reason: string }, options?: ErrorOptions) {
    super(`${at.file}${at.entry === null ? '' : `, ${at.entry}`}: ${at.reason}`, options)
    this.remedy =
      at.entry === null
        ? 'Give a JSON ABI, a compiler’s artifact or Sourcify’s metadata.json; what folders may hold is in docs/connectors.md.'
        : 'Correct the entry named here, or take it out of the file.'
  }
}

/** What compilers and Sourcify put beside ABIs, and nothing of which is one. */
const isBeside = (name: string): boolean =>
  name.startsWith('.') || name === 'build-info' || name === 'node_modules' || name.endsWith('.dbg.json')

/**
 * The ABIs at a path, which is a file, or a folder with all that is below it. What a file is of, its place says:
 *   0x….json                                     that contract, on every chain
 *   1/0x….json                                   that contract on chain 1
 *   Vault.json, Vault.abi                        any contract: by first topic and selector
 *   contracts/full_match/1/0x…/metadata.json     that contract on chain 1, as Sourcify keeps it; partial_match likewise
 * @throws {AbiFileError} naming the file, and the entry in it.
 */
export async function readAbis(path: string): Promise<readonly ListedAbi[]> {
  const files = await filesAt(path)
  const abis = await Promise.all(files.map(readAbiFile))
  if (abis.length === 0)
    throw new AbiFileError({ file: path, entry: null, reason: 'no JSON file is in it, and no .abi of solc.' })
  return abis
}

/** Compilers write `.json`, solc by itself `.abi`. */
const isAbiName = (name: string): boolean => /\.(json|abi)$/.test(name)
const withoutEnding = (name: string): string => name.replace(/\.(json|abi)$/, '')

async function filesAt(path: string): Promise<readonly string[]> {
  try {
    return (await stat(path)).isDirectory() ? await filesIn(path) : [path]
  } catch (cause) {
    throw new AbiFileError({ file: path, entry: null, reason: `it cannot be read (${reasonOf(cause)}).` }, { cause })
  }
}

/** In order of their names: of two ABIs that read a log alike the first one counts, and it must always be the same. */
async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))
  // Of a contract's own folder only what Sourcify calls its metadata: its sources may be JSON, too.
  if (addressOf(basename(folder)) !== null)
    return entries.some(({ name }) => name === 'metadata.json') ? [join(folder, 'metadata.json')] : []
  const found: string[] = []
  for (const entry of entries) {
    if (isBeside(entry.name)) continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) found.push(...(await filesIn(path)))
    else if (isAbiName(entry.name)) found.push(path)
  }
  return found
}

function addressOf(name: string): Address | null {
  try {
    return parseAddress(name)
  } catch {
    return null // a name like any other
  }
}

async function readAbiFile(file: string): Promise<ListedAbi> {
  const bad = (reason: string, cause?: unknown) => new AbiFileError({ file, entry: null, reason }, { cause })
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw bad(`it cannot be read (${reasonOf(cause)}).`, cause)
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw bad(`it is no JSON (${reasonOf(cause)}).`, cause)
  }
  const { entries, name } = abiIn(json)
  if (entries === null) throw bad('no ABI is in it: neither a list, nor `abi`, nor `output.abi`.')
  const items: (AbiEvent | AbiFunction)[] = []
  for (const [at, entry] of entries.entries()) {
    try {
      const item = parseAbiEntry(entry)
      if (item !== null) items.push(item)
    } catch (cause) {
      throw new AbiFileError({ file, entry: calledBy(entry, at), reason: `${reasonOf(cause)}.` }, { cause })
    }
  }
  const of = contractAt(file)
  return {
    ...of,
    name: name ?? of.address ?? withoutEnding(basename(file)),
    events: items.filter((item) => item.type === 'event'),
    functions: items.filter((item) => item.type === 'function'),
  }
}

function contractAt(file: string): Pick<ListedAbi, 'address' | 'chainId'> {
  const folder = dirname(file)
  const named = addressOf(withoutEnding(basename(file)))
  if (named !== null) return { address: named, chainId: chainOf(folder) }
  const own = basename(file) === 'metadata.json' ? addressOf(basename(folder)) : null
  return { address: own, chainId: own === null ? null : chainOf(dirname(folder)) }
}

const chainOf = (folder: string): number | null =>
  /^[1-9][0-9]{0,14}$/.test(basename(folder)) ? Number(basename(folder)) : null

type Json = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The ABI by itself, of Hardhat's, Foundry's or Truffle's artifact, or of solc's metadata, and the contract's name. */
function abiIn(json: unknown): { readonly entries: readonly unknown[] | null; readonly name: string | null } {
  if (Array.isArray(json)) return { entries: json, name: null }
  if (!isObject(json)) return { entries: null, name: null }
  const { abi, contractName, output, settings } = json
  if (Array.isArray(abi)) return { entries: abi, name: typeof contractName === 'string' ? contractName : null }
  if (!isObject(output) || !Array.isArray(output['abi'])) return { entries: null, name: null }
  // Of solc's metadata: the one file and contract that was compiled, `{ "src/Vault.sol": "Vault" }`.
  const target = isObject(settings) ? settings['compilationTarget'] : null
  const [contract] = isObject(target) ? Object.values(target) : []
  return { entries: output['abi'], name: typeof contract === 'string' ? contract : null }
}

/** An entry as one finds it in the file: by its place, from 1, and its name. */
function calledBy(entry: unknown, at: number): string {
  const { type, name } = isObject(entry) ? entry : { name: typeof entry === 'string' ? entry.slice(0, 80) : null }
  const called = [type, name].filter((part) => typeof part === 'string').join(' ')
  return `entry ${at + 1}${called === '' ? '' : ` (${called})`}`
}
