import { execFile } from 'node:child_process'
import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A program that does the same work, installed from its package registry into a folder that is not the project's. */
export interface Peer {
  readonly name: string
  readonly licence: string
  /** What it does otherwise than we do. */
  readonly differs: string
  install(folder: string): Promise<void>
  /** Of the packages that count. @throws if it is not installed there */
  versions(folder: string): Promise<string>
  command(folder: string): readonly [program: string, ...args: string[]]
}

/** Beside `src` and `dist`. */
const script = (name: string): string => fileURLToPath(new URL(`../../peers/${name}`, import.meta.url))

const ethereumEtl: Peer = {
  name: 'ethereum-etl',
  licence: 'MIT',
  differs:
    'receipts one transaction each, in batches of 100; verifies nothing; decodes ERC-20 and ERC-721 transfers alone; JSON lines to a file without sync',
  async install(folder) {
    await run('python3', ['-m', 'venv', folder])
    await run(join(folder, 'bin/pip'), ['install', '--quiet', 'ethereum-etl', 'setuptools<81'])
  },
  async versions(folder) {
    const { stdout } = await run(join(folder, 'bin/pip'), ['show', 'ethereum-etl', 'web3'])
    const told = [...stdout.matchAll(/^Name: (.*)\nVersion: (.*)$/gm)].map(([, name, version]) => `${name} ${version}`)
    const python = await run(join(folder, 'bin/python'), ['--version'])
    return [...told, python.stdout.trim()].join(', ')
  },
  command: (folder) => [join(folder, 'bin/python'), script('ethereum_etl.py')],
}

const subsquidPackages = ['evm-processor', 'evm-abi', 'evm-codec'].map((name) => `@subsquid/${name}`)

const subsquid: Peer = {
  name: '@subsquid/evm-processor',
  licence: 'GPL-3.0',
  differs:
    'receipts by block; checks that blocks, transactions and logs belong together and recomputes no hash; decodes ERC-20 and ERC-721 transfers alone; JSON lines to a file without sync',
  async install(folder) {
    await run('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefix', folder, ...subsquidPackages])
  },
  async versions(folder) {
    const { stdout } = await run('npm', ['ls', '--json', '--depth=0', '--prefix', folder])
    const { dependencies = {} } = JSON.parse(stdout) as { dependencies?: Record<string, { version?: string }> }
    if (dependencies['@subsquid/evm-processor'] === undefined) throw new Error('@subsquid/evm-processor is missing')
    await copyFile(script('subsquid.mjs'), join(folder, 'subsquid.mjs')) // it finds its packages from where it lies
    const named = Object.entries(dependencies).map(([name, { version }]) => `${name} ${version ?? '?'}`)
    return [...named, `Node ${process.version}`].join(', ')
  },
  command: (folder) => [process.execPath, join(folder, 'subsquid.mjs')],
}

const peers: readonly Peer[] = [ethereumEtl, subsquid]

export interface InstalledPeer extends Peer {
  readonly folder: string
  readonly installed: string
}

/** Those that are in the folder, installed there first where that is asked for; of the others, why not. */
export async function findPeers(
  folder: string,
  install: boolean,
): Promise<readonly (InstalledPeer | { readonly name: string; readonly missing: string })[]> {
  const found = []
  for (const peer of peers) {
    const own = join(folder, peer.name.replaceAll(/[^a-z-]/g, '_'))
    try {
      await mkdir(own, { recursive: true })
      const versions = await peer.versions(own).catch(async (error: unknown) => {
        if (!install) throw error
        await peer.install(own)
        return peer.versions(own)
      })
      found.push({ ...peer, folder: own, installed: versions })
    } catch (error) {
      const [reason] = (error instanceof Error ? error.message : String(error)).split('\n')
      found.push({ name: peer.name, missing: `${reason}${install ? '' : '; --install-peers installs it'}` })
    }
  }
  return found
}
