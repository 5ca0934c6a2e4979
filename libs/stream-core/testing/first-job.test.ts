import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openFirstJob } from './first-job.ts'

test('the first job of the documentation is this one, word for word', async () => {
  const page = await readFile(join(import.meta.dirname, '../../../docs/stream-core.md'), 'utf8')
  const code = await readFile(join(import.meta.dirname, 'first-job.ts'), 'utf8')
  expect(page).toContain(`\`\`\`ts\n${code}\`\`\``)
})

test('the first job of the documentation runs', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stream-core-first-job-'))
  try {
    const { log, job } = await openFirstJob(folder)
    const producer = await log.openProducer('writer')
    const transfers = [
      { from: 'ann', value: 600, time: 60_000 },
      { from: 'bob', value: 700, time: 90_000 },
      { from: 'ann', value: 500, time: 120_000 },
      { from: 'end', value: 1, time: 3_600_000 },
    ]
    const value = (transfer: object) => Buffer.from(JSON.stringify(transfer))
    await producer.append(transfers.map((one) => ({ topic: 'transfers', partition: 0, key: null, value: value(one) })))
    await job.runToEnd()
    const reader = await log.openReader([{ topic: 'busy', partition: 0, offset: 0 }])
    const busy = (await reader.poll(0)).flatMap(({ records }) =>
      records.map((record): unknown => JSON.parse(Buffer.from(record.value).toString())),
    )
    // Both transfers lie in the windows that end at 3 to 11 min.
    expect(busy).toEqual(Array.from({ length: 9 }, () => ({ from: 'ann', value: 1100, time: 120_000 })))
    for (const open of [reader, producer, job, log]) await open.close()
  } finally {
    await rm(folder, { recursive: true })
  }
})
