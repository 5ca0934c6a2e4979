import { describe, expect, test } from 'vitest'
import { createProgressBar, progressLine, withWholeLines } from './progress-bar.ts'

function drawn(isTTY: boolean, columns = 120) {
  const at = { time: 0 }
  const writes: string[] = []
  const stream = { isTTY, columns, write: (text: string) => writes.push(text) }
  return { at, writes, bar: createProgressBar({ stream, now: () => at.time, label: 'replay', unit: 'blocks' }) }
}

describe('createProgressBar', () => {
  test('default: on a terminal one line drawn over, at most ten times a second, and gone at the end', () => {
    const { at, writes, bar } = drawn(true)
    for (at.time = 0; at.time <= 150; at.time += 50) bar.update({ done: at.time, total: 150 })
    bar.end()
    expect(writes).toEqual([
      '\r\u001b[2Kreplay [------------------------]   0 % · 0/150 blocks · 0/s',
      '\r\u001b[2Kreplay [################--------]  66 % · 100/150 blocks · 1,000/s · 0:01 left',
      '\r\u001b[2K',
    ])
  })

  test('behavior: elsewhere a plain line at once and every five seconds', () => {
    const { at, writes, bar } = drawn(false)
    for (at.time = 0; at.time <= 20_000; at.time += 1_000) bar.update({ done: at.time / 100, total: 400 })
    bar.end()
    expect(writes).toEqual([
      'replay   0 % · 0/400 blocks · 0/s\n',
      'replay  12 % · 50/400 blocks · 10/s · 0:35 left\n',
      'replay  25 % · 100/400 blocks · 10/s · 0:30 left\n',
      'replay  37 % · 150/400 blocks · 10/s · 0:25 left\n',
      'replay  50 % · 200/400 blocks · 10/s · 0:20 left\n',
    ])
  })

  test('behavior: never wider than the terminal', () => {
    const { writes, bar } = drawn(true, 20)
    bar.update({ done: 1, total: 2 })
    expect(writes).toEqual(['\r\u001b[2Kreplay [###########'])
  })
})

describe('withWholeLines', () => {
  test('behavior: a line takes the place of a bar that stands there, and nothing else is changed', () => {
    const writes: string[] = []
    const stream = withWholeLines({ isTTY: true, columns: 20, write: (text: string) => writes.push(text) })
    const bar = createProgressBar({ stream, now: () => 0, label: 'ingest', unit: 'blocks' })
    stream.write('a line\n')
    bar.update({ done: 1, total: 2 })
    stream.write('another\n')
    stream.write('and one more\n')
    bar.end()
    expect(writes).toEqual([
      'a line\n',
      '\r\u001b[2Kingest [###########',
      '\r\u001b[2Kanother\n',
      'and one more\n',
      '\r\u001b[2K',
    ])
  })
})

describe('progressLine', () => {
  test('behavior: what was done before this began counts as done and not for the rate', () => {
    const at = { label: 'ingest', unit: 'blocks', done: 600, before: 500, total: 1000, elapsedMs: 10_000, bar: false }
    expect(progressLine(at)).toBe('ingest  60 % · 600/1,000 blocks · 10/s · 0:40 left')
  })

  test('behavior: without a total it counts', () => {
    const line = progressLine({ label: 'decode', unit: 'blocks', done: 5, total: null, elapsedMs: 2000, bar: true })
    expect(line).toBe('decode · 5 blocks · 2.5/s')
  })
})
