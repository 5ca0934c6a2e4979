import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'

/** The local chain could not be started, or ended by itself. */
export class AnvilError extends Error {
  readonly code = 'DEMO_ANVIL'
  readonly handling = 'stop'
  readonly remedy: string
  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options)
    this.remedy = remedy
  }
}

/** A running anvil. */
export interface Anvil {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<void>
  /** Ends the process and waits until it has. */
  stop(): Promise<void>
}

export interface AnvilOptions {
  /** 0 asks the system for a free one. */
  readonly port: number
  readonly chainId: number
  /** `finalized` is the head less twice this. */
  readonly slotsInEpoch: number
  /** Of the genesis block, in seconds. */
  readonly genesisTime: number
  /** Where anvil may put its cache files; never the home directory, which a service user may not have. */
  readonly cacheFolder: string
  /** A state file to begin with, as `anvil_dumpState` gives it, unpacked. */
  readonly stateFile?: string
}

/** How many of the newest blocks keep their state (for `anvil_rollback`) and their transactions. */
export const blocksInMemory = 400

const startTimeoutMs = 20_000

/**
 * Starts anvil without mining of its own: a block comes when `evm_mine` asks for one, so that the demo decides what is
 * in it and when. The process is in a group of its own, so that Ctrl-C ends the demo first, which then saves the chain
 * and ends anvil. A shell beside it reads a pipe that only this process holds open: when this process dies, even by
 * `kill -9`, the pipe closes and the shell ends anvil. (Not on Windows, which has no such shell.)
 * @throws {AnvilError} with what anvil said.
 */
export async function startAnvil(options: AnvilOptions): Promise<Anvil> {
  const binary = anvilBinary()
  mkdirSync(options.cacheFolder, { recursive: true })
  const words = [
    ...['--host', '127.0.0.1', '--port', String(options.port), '--chain-id', String(options.chainId)],
    ...['--no-mining', '--order', 'fifo', '--gas-limit', '60000000'],
    ...['--slots-in-an-epoch', String(options.slotsInEpoch), '--timestamp', String(options.genesisTime)],
    ...['--prune-history', String(blocksInMemory), '--transaction-block-keeper', String(blocksInMemory)],
    ...['--accounts', '1', '--cache-path', options.cacheFolder, '--no-request-size-limit'],
    ...(options.stateFile === undefined ? [] : ['--load-state', options.stateFile]),
  ]
  const child =
    process.platform === 'win32'
      ? spawn(binary, words, { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true })
      : spawn('/bin/sh', ['-c', guarded, 'anvil', binary, ...words], { stdio: 'pipe', detached: true })
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      child.stdin?.destroy() // the guard sees the end of its pipe and ends too
      resolve()
    })
    child.once('error', () => resolve())
  })
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL') // its state is saved by us, not by it
    await ended
  }
  try {
    const url = await listening(child, binary)
    // Its log lines (one a request) are thrown away from here on; left in the pipe they would block it.
    for (const stream of [child.stdout, child.stderr]) stream?.removeAllListeners('data').resume()
    return { url, port: Number(new URL(url).port), pid: child.pid ?? 0, ended, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** `exec` makes the shell become anvil, so that the child's pid and exit are anvil's own. */
const guarded = 'exec 3<&0; (cat <&3 >/dev/null 2>&1; kill -KILL $$) >/dev/null 2>&1 & exec "$@" 3<&- </dev/null'

async function listening(child: ChildProcess, binary: string): Promise<string> {
  const said: string[] = []
  const tail = () => said.join('').trim().split('\n').slice(-3).join(' ') || 'it said nothing'
  const port = new Promise<string>((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      said.push(chunk.toString())
      const address = /Listening on (\S+)/.exec(said.join(''))?.[1]
      if (address !== undefined) resolve(`http://${address}`)
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.once('error', (cause) =>
      reject(new AnvilError(`${binary} cannot be run: ${cause.message}.`, 'Check that it may be executed.', { cause })),
    )
    child.once('exit', (code, signal) =>
      reject(
        new AnvilError(
          `The local chain ended at its start (${signal ?? `exit code ${code}`}): ${tail()}.`,
          'If it names the state file, remove the data folder to begin a new chain.',
        ),
      ),
    )
  })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const message = `The local chain was not listening after ${startTimeoutMs} ms: ${tail()}.`
      reject(new AnvilError(message, 'Start again when the machine is less busy.'))
    }, startTimeoutMs)
  })
  try {
    return await Promise.race([port, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * The binary in the platform's own npm package. Run directly and not by the package's `bin.mjs`, which is another node
 * process to keep and to end.
 * @throws {AnvilError} if npm did not install it.
 */
export function anvilBinary(): string {
  const names: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }
  const file = process.platform === 'win32' ? 'anvil.exe' : 'anvil'
  const name = `@foundry-rs/anvil-${process.platform}-${names[process.arch] ?? process.arch}`
  try {
    const anvil = createRequire(import.meta.url).resolve('@foundry-rs/anvil/package.json')
    return createRequire(anvil).resolve(`${name}/bin/${file}`)
  } catch (cause) {
    throw new AnvilError(
      `The local chain needs the npm package ${name}, which is not installed.`,
      'Run "npm ci" with optional dependencies, or give a node of your own: tocsin start --rpc URL.',
      { cause },
    )
  }
}
