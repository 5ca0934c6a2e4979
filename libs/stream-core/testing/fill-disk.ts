import { execFileSync } from 'node:child_process'
import { writeSync } from 'node:fs'
import { openLevelStore, StoreFullError } from '../src/state/level-store.ts'

/**
 * A process of its own that opens the store in `folder` when there is no room and when there is, writes checkpoints in
 * parts of `partBytes`, meets a full disk half-way through one (the system lets its files grow to `limit` bytes only), goes
 * on when there is room, and writes that one again. When it comes to the fate `last` it prints what became of each write,
 * as JSON, and kills itself.
 */
const [folder = '', limit = '', partBytes = '', last = ''] = process.argv.slice(2)
const letFilesGrowTo = (bytes: string) => execFileSync('prlimit', ['--pid', `${process.pid}`, `--fsize=${bytes}:`])

const fates: string[] = []
const tell = (fate: string): void => {
  fates.push(fate)
  if (fate !== last) return
  writeSync(process.stdout.fd, JSON.stringify(fates))
  process.kill(process.pid, 'SIGKILL')
}
letFilesGrowTo('1')
await openLevelStore(folder).catch((error: unknown) => {
  if (!(error instanceof StoreFullError)) throw error
  tell('open failed')
})
letFilesGrowTo('unlimited')
const store = await openLevelStore(folder, { partBytes: Number(partBytes) })
const checkpoint = async (name: string, cells: readonly (readonly [key: string, bytes: number])[]): Promise<void> => {
  const write = store.begin()
  for (const [key, bytes] of cells) {
    write.put('table', key, null, Buffer.alloc(bytes, name))
    await write.drain()
  }
  const isWritten = await write.commit(Buffer.from(name)).then(
    () => true,
    () => false,
  )
  if (!isWritten) write.abandon()
  tell(`${name} ${isWritten ? 'written' : 'failed'}`)
}
/** The last cell alone is more than there is room for. */
const large = [
  ...Array.from({ length: 40 }, (_, n) => [`large ${n + 10}`, 10_000] as const),
  ['first', 3 << 20] as const,
]
await checkpoint('first', [['first', 10]])
letFilesGrowTo(limit)
await checkpoint('large', large)
letFilesGrowTo('unlimited')
await checkpoint('next', [['next', 100_000]])
for await (const { key, value } of store.cells()) tell(`${key}: ${value.length}`)
await checkpoint('large', large)
await checkpoint('last', [['last', 10]])
