import { existsSync, mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openWorkFolder, WorkFolderError } from './work-folder.ts'

const place = () => join(mkdtempSync(join(tmpdir(), 'tocsin-work-')), 'alerts.ndjson.work')

describe('openWorkFolder', () => {
  test('default: made anew, gone on with by the same arguments, removed', async () => {
    const path = place()
    const given = { recording: [{ path: 'a', bytes: 1 }], detectors: ['transfer-volume'] }
    expect(await openWorkFolder(path, given)).toMatchObject({ path, resumed: false })
    const again = await openWorkFolder(path, given)
    expect(again).toMatchObject({ path, resumed: true })
    await again.remove()
    expect(existsSync(path)).toBe(false)
  })

  test('behavior: without a path a folder of its own each time', async () => {
    const [one, two] = [await openWorkFolder(null, {}), await openWorkFolder(null, {})]
    expect(one.path).not.toBe(two.path)
    expect([one.resumed, two.resumed]).toEqual([false, false])
    await Promise.all([one.remove(), two.remove()])
  })

  test('error: other arguments, which are named', async () => {
    const path = place()
    await openWorkFolder(path, { recording: ['a'], prices: ['p'], chainId: 1 })
    const opened = openWorkFolder(path, { recording: ['b'], chainId: 1, tokens: [] })
    await expect(opened).rejects.toThrow(WorkFolderError)
    await expect(opened).rejects.toThrow('holds a replay with other arguments: recording, prices, tokens.')
  })

  test('error: a folder that no replay made is left alone', async () => {
    const path = place()
    mkdirSync(path)
    await expect(openWorkFolder(path, {})).rejects.toThrow('is there and was not made by a replay')
  })
})
