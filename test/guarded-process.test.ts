import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { spawnGuarded } from './guarded-process.ts'
import { root } from './source-files.ts'

const lineOf = async ({ stdout }: ReturnType<typeof spawnGuarded>) => {
  const [line] = (await once(createInterface({ input: stdout }), 'line')) as [string]
  return line
}

test('default: what it prints is read, and its signals and its end are its own', async () => {
  const child = spawnGuarded([process.execPath, '-e', 'console.log(process.pid); setInterval(() => {}, 1e6)'])
  expect(Number(await lineOf(child))).toBe(child.pid)
  child.kill('SIGKILL')
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
})

test('behavior: it ends when who began it is killed', async () => {
  const script = `
    import { spawnGuarded } from ${JSON.stringify(join(root, 'test/guarded-process.ts'))}
    const child = spawnGuarded([process.execPath, '-e', 'setInterval(() => {}, 1e6)'])
    console.log(child.pid)
  `
  const parent = spawnGuarded([process.execPath, '--input-type=module', '-e', script])
  const pid = Number(await lineOf(parent))
  const isThere = () => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  expect(isThere()).toBe(true)
  parent.kill('SIGKILL')
  await expect.poll(isThere, { timeout: 30_000 }).toBe(false)
})
