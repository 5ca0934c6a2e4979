import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openOutput, OutputError } from './output.ts'

const emptyFolder = () => mkdtempSync(join(tmpdir(), 'tocsin-output-'))
const noStdout = { write: () => Promise.reject(new Error('not asked for')) }

describe('openOutput', () => {
  test('default: without a file to standard output, in order', async () => {
    const written: string[] = []
    const out = await openOutput(null, { write: async (text) => void written.push(text) })
    await out.write('a\n')
    await out.write(`${'b'.repeat(100_000)}\n`)
    await out.write('c\n')
    await out.finish()
    expect(written.join('')).toBe(`a\n${'b'.repeat(100_000)}\nc\n`)
  })

  test('behavior: a file stands under its name only when it is whole', async () => {
    const path = join(emptyFolder(), 'alerts.ndjson')
    writeFileSync(path, 'the old one\n')
    const out = await openOutput(path, noStdout)
    await out.write(`${'x'.repeat(100_000)}\n`)
    expect(readFileSync(path, 'utf8')).toBe('the old one\n')
    await out.finish()
    await out.abandon()
    expect(readFileSync(path, 'utf8')).toBe(`${'x'.repeat(100_000)}\n`)
  })

  test('behavior: abandoned, nothing stays', async () => {
    const folder = emptyFolder()
    const out = await openOutput(join(folder, 'alerts.ndjson'), noStdout)
    await out.write('half\n')
    await out.abandon()
    expect(readdirSync(folder)).toEqual([])
  })

  test('error: a folder that is not there', async () => {
    const path = join(emptyFolder(), 'none', 'alerts.ndjson')
    await expect(openOutput(path, noStdout)).rejects.toThrow(OutputError)
    await expect(openOutput(path, noStdout)).rejects.toThrow('alerts.ndjson cannot be written: ENOENT')
    expect(existsSync(path)).toBe(false)
  })
})
