import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createLogger } from '@tocsin/service-kit'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { reachableFolder } from '../testing/index.ts'
import { DatabaseUnavailableError, openDatabase } from './database.ts'
import { EmbeddedPostgresError, openEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.ts'

const isRoot = process.getuid?.() === 0
let parent: string
let folder: string
let said: string
let open: EmbeddedPostgres | undefined

const logger = createLogger({ place: 'test', write: (line) => (said += line), now: () => 0 })
const start = async (at = folder) => (open = await openEmbeddedPostgres(at, { logger, volatile: true }))
const query = async (url: string, text: string) => {
  const database = await openDatabase({ url })
  const rows = await database.query(text)
  await database.close()
  return rows
}
const serverPid = async (at = folder) => Number((await readFile(join(at, 'postmaster.pid'), 'utf8')).split('\n')[0])
/** In a process of its own, to be killed. */
async function startInProcess() {
  const script = fileURLToPath(new URL('../testing/postgres-until-killed.ts', import.meta.url))
  const child = spawn(process.execPath, ['--conditions=@tocsin/source', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, url: line.toString().trim() }
}

beforeEach(async () => {
  said = ''
  parent = await reachableFolder('embedded')
  folder = join(parent, 'postgres')
})
afterEach(async () => {
  await open?.close()
  open = undefined
  await rm(parent, { recursive: true, force: true })
})

describe('openEmbeddedPostgres', () => {
  test('default: a database that is there again, at the same address, after a restart', async () => {
    const { url } = await start()
    await query(url, `insert into positions values ('t', 0, 7)`)
    await open?.close()
    expect((await start()).url).toBe(url)
    expect(await query(url, 'select next_offset from positions')).toEqual([{ next_offset: 7 }])
    expect(said).toBe('')
  })

  test('behavior: the server that a killed process left behind is taken over, with all that was stored', async () => {
    const { child, url } = await startInProcess()
    await query(url, `insert into positions values ('t', 0, 7)`)
    const pid = await serverPid()
    child.kill('SIGKILL')
    await once(child, 'exit')

    expect((await start()).url).toBe(url)
    expect(await serverPid()).toBe(pid)
    expect(said).toContain('still running')
    expect(await query(url, 'select next_offset from positions')).toEqual([{ next_offset: 7 }])
  })

  test('behavior: a server that is killed while it is in use is started again, with all that was stored', async () => {
    const { url } = await start()
    await query(url, `insert into positions values ('t', 0, 7)`)
    await query(url, 'checkpoint')
    const pid = await serverPid()
    process.kill(pid, 'SIGKILL')
    await vi.waitFor(
      async () => {
        expect(await query(url, 'select next_offset from positions')).toEqual([{ next_offset: 7 }])
        expect(await serverPid()).not.toBe(pid)
      },
      { timeout: 30_000, interval: 50 },
    )
    expect(said).toContain('the embedded PostgreSQL died; it is started again')
  })

  test('behavior: a server that died and cannot start, as on a full disk, is started once it can', async () => {
    const { url } = await start()
    const settings = join(folder, 'postgresql.conf')
    await rename(settings, `${settings}.away`)
    process.kill(await serverPid(), 'SIGKILL')
    const serverLog = () => readFile(join(folder, 'server.log'), 'utf8')
    await vi.waitFor(
      async () => expect(await serverLog()).toContain('could not access the server configuration file'),
      {
        timeout: 30_000,
        interval: 20,
      },
    )
    await rename(`${settings}.away`, settings)
    await vi.waitFor(async () => expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }]), {
      timeout: 30_000,
      interval: 50,
    })
    expect(said.match(/\n/g)).toHaveLength(1)
  })

  test('behavior: after it was killed together with its process it starts again on its data', async () => {
    const { child, url } = await startInProcess()
    await query(url, `insert into positions values ('t', 0, 7)`)
    await query(url, 'checkpoint')
    child.kill('SIGKILL')
    await once(child, 'exit')
    process.kill(await serverPid(), 'SIGKILL')
    await start()
    expect(await query(open?.url ?? '', 'select next_offset from positions')).toEqual([{ next_offset: 7 }])
  })

  test('behavior: a server that dies right after it was found running is started again, not the end', async () => {
    const { child } = await startInProcess()
    child.kill('SIGKILL')
    await once(child, 'exit')
    const pid = await serverPid()
    // Told between finding it and asking it.
    const info = (message: string) => {
      if (message.includes('still running')) process.kill(pid, 'SIGKILL')
    }
    open = await openEmbeddedPostgres(folder, { logger: { ...logger, info }, volatile: true })
    expect(await serverPid()).not.toBe(pid)
    expect(await query(open.url, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test('behavior: one that somebody stopped in order stays stopped', async () => {
    const { url } = await start()
    process.kill(await serverPid(), 'SIGINT')
    const lock = join(folder, 'postmaster.pid')
    await vi.waitFor(() => expect(existsSync(lock)).toBe(false), { timeout: 30_000, interval: 20 })
    await vi.waitFor(() => expect(said).toContain('it is not started again'), { timeout: 30_000, interval: 20 })
    await expect(query(url, 'select 1')).rejects.toThrow(DatabaseUnavailableError)
  })

  test('behavior: a lock file whose number is another program’s by now does not hold it up', async () => {
    await start()
    await open?.close()
    await writeFile(join(folder, 'postmaster.pid'), `${process.pid}\n${folder}\n0\n1\n\n127.0.0.1\n\nready   \n`)
    const { url } = await start()
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test('behavior: a first start that was cut off half-way is made anew', async () => {
    await writeFile(`${folder}.making`, 'half of it')
    const { url } = await start()
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test('error: data of another version is left alone', async () => {
    await start()
    await open?.close()
    await writeFile(join(folder, 'PG_VERSION'), '12\n')
    await expect(start()).rejects.toThrow(EmbeddedPostgresError)
    await expect(start()).rejects.toThrow('was made by PostgreSQL 12, this is 18')
    open = undefined
  })

  test.runIf(isRoot)(
    'behavior: for root, data that the server’s user cannot reach is kept elsewhere, and goes with its folder',
    async () => {
      const closed = await mkdtemp(join(tmpdir(), 'tocsin-closed-'))
      await chmod(closed, 0o700)
      const asked = join(closed, 'postgres')
      let removed = ''
      const { url, folder: used } = await start(asked)
      try {
        expect(used).toMatch(/^\/var\/lib\/tocsin\/data-/)
        expect(said).toContain(`cannot reach ${asked}; its data is in ${used}`)
        expect(await readlink(asked)).toBe(used)
        await query(url, `insert into positions values ('t', 0, 7)`)
        await open?.close()
        expect((await start(asked)).folder).toBe(used)
        expect(await query(open?.url ?? '', 'select next_offset from positions')).toEqual([{ next_offset: 7 }])

        await open?.close()
        await rm(closed, { recursive: true })
        await mkdir(closed, { mode: 0o700 })
        const anew = await start(asked)
        removed = anew.folder
        expect(anew.folder).not.toBe(used)
        expect(await query(anew.url, 'select next_offset from positions')).toEqual([])
        await open?.close()

        await rm(asked)
        await mkdir(asked)
        await expect(start(asked)).rejects.toThrow(`cannot reach ${asked}`)
      } finally {
        await open?.close()
        open = undefined
        for (const place of [used, removed]) if (place !== '') await rm(place, { recursive: true, force: true })
        await rm(closed, { recursive: true, force: true })
      }
    },
  )
})
