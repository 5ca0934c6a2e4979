import { execFileSync } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { openLevelStore, StoreFullError } from '../src/state/level-store.ts'

/**
 * A process of its own that opens the store in `folder` when there is no room and when there is, writes checkpoints, meets a full disk half-way through a write (the
 * system lets its files grow to `limit` bytes only), goes on when there is room, and copies the folder as a kill would
 * leave it. Prints what became of each write, as JSON.
 */
const [folder = '', limit = ''] = process.argv.slice(2)
const letFilesGrowTo = (bytes: string) => execFileSync('prlimit', ['--pid', `${process.pid}`, `--fsize=${bytes}:`])

const fates: string[] = []
letFilesGrowTo('1')
await openLevelStore(folder).catch((error: unknown) => {
  if (!(error instanceof StoreFullError)) throw error
  fates.push('open failed')
})
letFilesGrowTo('unlimited')
const store = await openLevelStore(folder)
const checkpoint = async (name: string, bytes: number): Promise<void> => {
  const write = store.begin()
  write.put('table', name, null, Buffer.alloc(bytes, name))
  try {
    await write.commit(Buffer.from(name))
    fates.push(`${name} written`)
  } catch {
    write.abandon()
    fates.push(`${name} failed`)
  }
}
await checkpoint('first', 10)
letFilesGrowTo(limit)
await checkpoint('large', 3 << 20)
letFilesGrowTo('unlimited')
await checkpoint('next', 100_000)
await checkpoint('last', 10)
await cp(folder, `${folder}-killed`, { recursive: true })
await store.close()
process.stdout.write(JSON.stringify(fates))
