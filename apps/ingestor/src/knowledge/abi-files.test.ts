import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readAbis } from './abi-files.ts'

const [vault, proxy] = [`0x${'ee'.repeat(20)}`, `0x${'dd'.repeat(20)}`]
const deposit = { type: 'event', name: 'Deposit', inputs: [{ name: 'amount', type: 'uint256', indexed: false }] }
const pay = { name: 'pay', inputs: [{ name: 'to', type: 'address' }], outputs: [] } // its type left out, as of old
const look = { type: 'function', name: 'look', inputs: [], outputs: [], stateMutability: 'view' }

/** A folder with these files; what is no text is written as JSON. */
function folderOf(files: Readonly<Record<string, unknown>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-abi-'))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return folder
}
const read = async (path: string) =>
  (await readAbis(path)).map(({ name, address, chainId, events, functions }) => ({
    of: [name, address, chainId],
    has: [...events, ...functions].map(({ signature }) => signature),
  }))

describe('readAbis', () => {
  test('default: a folder says by its paths what each ABI is of', async () => {
    const folder = folderOf({
      'Any.json': [deposit, look],
      [`${vault.toUpperCase().replace('0X', '0x')}.json`]: [deposit],
      [`10/${proxy}.json`]: [pay],
      'solc/Vault.abi': [pay],
      'solc/Vault.bin': '6080',
    })
    expect(await read(folder)).toEqual([
      { of: [vault, vault, null], has: ['Deposit(uint256)'] },
      { of: [proxy, proxy, 10], has: ['pay(address)'] },
      { of: ['Any', null, null], has: ['Deposit(uint256)'] },
      { of: ['Vault', null, null], has: ['pay(address)'] },
    ])
    expect(await read(join(folder, 'Any.json'))).toEqual([{ of: ['Any', null, null], has: ['Deposit(uint256)'] }])
  })

  test('behavior: a Sourcify folder, of which only the metadata are read', async () => {
    const metadata = {
      compiler: { version: '0.8.20' },
      output: { abi: [deposit] },
      settings: { compilationTarget: { 'src/Vault.sol': 'Vault' } },
    }
    const folder = folderOf({
      [`contracts/full_match/1/${vault}/metadata.json`]: metadata,
      [`contracts/full_match/1/${vault}/sources/data.json`]: { no: 'ABI' },
      [`contracts/full_match/1/${vault}/immutable-references.json`]: {},
      [`contracts/partial_match/10/${proxy}/metadata.json`]: { ...metadata, settings: {} },
    })
    expect(await read(folder)).toEqual([
      { of: ['Vault', vault, 1], has: ['Deposit(uint256)'] },
      { of: [proxy, proxy, 10], has: ['Deposit(uint256)'] },
    ])
  })

  test('behavior: artifacts of compilers, without what they put beside; and text as ethers reads it', async () => {
    const folder = folderOf({
      'Vault.sol/Vault.json': { _format: 'hh-sol-artifact-1', contractName: 'TheVault', abi: [deposit] },
      'Vault.sol/Vault.dbg.json': { buildInfo: '…' },
      'build-info/abc.json': { input: {} },
      'text.json': ['event Paid(address indexed to, uint256)', 'error Broken(uint256 code)'],
    })
    expect(await read(folder)).toEqual([
      { of: ['TheVault', null, null], has: ['Deposit(uint256)'] },
      { of: ['text', null, null], has: ['Paid(address,uint256)'] },
    ])
  })

  test.each([
    ['{ "abi": ', /file\.json: it is no JSON \(/],
    [{ bytecode: '0x' }, /file\.json: no ABI is in it: neither a list, nor `abi`, nor `output\.abi`\.$/],
    [
      [deposit, { ...deposit, inputs: [{ name: 'x', type: 'fixed' }] }],
      /file\.json, entry 2 \(event Deposit\): invalid type\.$/,
    ],
    [
      [{ ...deposit, inputs: [{ name: 'x', type: 'uint8[0]' }] }],
      /entry 1 \(event Deposit\): an array of none: uint8\[0\]\.$/,
    ],
    [
      [{ ...pay, inputs: [{ name: 'x', type: 'tuple', components: [] }] }],
      /entry 1 \(pay\): a tuple without components\.$/,
    ],
    [[{ type: 'evnt', name: 'Deposit' }], /entry 1 \(evnt Deposit\): unsupported type: evnt\.$/],
    [[7], /entry 1: 7 is no entry of an ABI\.$/],
    [['event Deposit(uint256'], /entry 1 \(event Deposit\(uint256\): .+\.$/],
  ])('error: %j is told in one line, with file, entry and remedy', async (content, message) => {
    const reading = readAbis(join(folderOf({ 'file.json': content }), 'file.json'))
    await expect(reading).rejects.toMatchObject({
      code: 'INGEST_BAD_ABI_FILE',
      message: expect.stringMatching(message) as unknown,
      remedy: expect.stringMatching(/^(Give|Correct) .+\.$/) as unknown,
    })
  })

  test('error: a path that is not there, and a folder without any', async () => {
    const folder = folderOf({ 'notes.txt': '' })
    await expect(readAbis(join(folder, 'none'))).rejects.toThrow(/none: it cannot be read \(ENOENT/)
    await expect(readAbis(folder)).rejects.toThrow(/no JSON file is in it, and no \.abi of solc\.$/)
  })
})
