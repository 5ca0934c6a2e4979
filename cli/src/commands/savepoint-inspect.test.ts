import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedLog } from '@tocsin/event-log'
import { inspectSavepoint, numberCodec, openJob, StreamBuilder, stringKey, valueState } from '@tocsin/stream-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { testIo } from '../test-io.ts'
import { runTocsin } from '../tocsin.ts'

const folder = mkdtempSync(join(tmpdir(), 'tocsin-savepoint-'))

/** A job that counts words, after three of them. */
beforeAll(async () => {
  const builder = new StreamBuilder({ job: 'words', version: '7' })
  const count = valueState('count', numberCodec)
  builder
    .source('words', {
      topic: 'words',
      codec: { decode: (value) => ({ type: 'element', timestamp: 5, value: Buffer.from(value).toString() }) },
      watermarks: { type: 'ascending' },
    })
    .keyBy((word) => word, stringKey)
    .process<number>('counts', {
      processElement(_, ctx) {
        const state = ctx.state(count)
        state.value = (state.value ?? 0) + 1
        ctx.timers.registerEventTimeTimer(60_000)
      },
    })
    .sinkPlainTo('counted', { topic: 'counted', codec: { encode: () => ({ key: null, value: new Uint8Array() }) } })
  const log = await openEmbeddedLog(join(folder, 'log'))
  await log.createTopics(['words', 'counted', 'dead'].map((topic) => ({ topic, partitions: 1 })))
  const producer = await log.openProducer('writer')
  await producer.append(
    ['a', 'b', 'a'].map((word) => ({ topic: 'words', partition: 0, key: null, value: Buffer.from(word) })),
  )
  await producer.close()
  const job = await openJob({
    topology: builder.build(),
    log,
    stateFolder: join(folder, 'state'),
    progressTopic: 'progress',
    deadLetters: { topic: 'dead', encode: () => new Uint8Array() },
    clock: () => performance.now(),
  })
  await job.runToEnd()
  await job.savepoint(join(folder, 'words.savepoint'))
  await job.close()
  await log.close()
})

async function inspect(...words: readonly string[]) {
  const { io, stdout, stderr } = testIo({ folder })
  const code = await runTocsin(['savepoint', 'inspect', ...words], io)
  return { code, stdout: stdout(), stderr: stderr() }
}

describe('tocsin savepoint inspect', () => {
  test('default: says of what job it is, where that stood, and what each state holds', async () => {
    const { code, stdout, stderr } = await inspect('words.savepoint')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('Savepoint of job words, version 7\n')
    expect(stdout).toMatch(/^4 cells, SHA-256 [0-9a-f]{64}$/m)
    expect(stdout).toMatch(/^words +words\/0@3 +4$/m)
    expect(stdout).toMatch(/^counts\/count +values +2 +2 +16 +1$/m)
    expect(stdout).toMatch(/^counts\/#timers +timers +2 +2 +0 +due 60000 to 60000$/m)
  })

  test('behavior: --json prints the same as the library gives it', async () => {
    const { code, stdout } = await inspect('words.savepoint', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual(await inspectSavepoint(join(folder, 'words.savepoint')))
  })

  test('error: a file that is none, that was cut off, and that is not there', async () => {
    const whole = readFileSync(join(folder, 'words.savepoint'), 'utf8')
    writeFileSync(join(folder, 'cut.savepoint'), whole.split('\n').slice(0, 2).join('\n'))
    writeFileSync(join(folder, 'other.json'), '{}\n')
    const refusal = async (file: string, what: string) => {
      const { code, stdout, stderr } = await inspect(file)
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toContain(what)
      expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    }
    await refusal('cut.savepoint', 'cut.savepoint is cut off after line 2')
    await refusal('other.json', 'other.json is not a savepoint')
    await refusal('missing', 'missing cannot be read')
    expect(await inspect()).toMatchObject({ code: 2, stdout: '' })
  })
})
