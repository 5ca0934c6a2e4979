/// <reference lib="dom" />

import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBrowser, type OpenedBrowser } from '../browser/browser.ts'
import { sampleOf } from '../prometheus-text.ts'
import { startTocsin, type Running } from '../tocsin-process.ts'

/** To the URL. A machine that does other things takes several times the 4 s of an idle one. */
const startDeadlineMs = 60_000
/** To four frauds and a retraction on the page, all of which the demo stages within 46 s. */
const showDeadlineMs = 120_000
/** What Ctrl-C may take. An idle machine takes less than one. */
const stopDeadlineMs = 8_000

const detectorNames = ['Pass through', 'Price deviation', 'Running total', 'Transfer volume']

describe('tocsin start', () => {
  let opened: OpenedBrowser | undefined
  let data = ''
  let running: Running | undefined
  let url = ''

  beforeAll(async () => {
    opened = await openBrowser()
    data = await mkdtemp(join(tmpdir(), 'tocsin-start-'))
    await chmod(data, 0o755) // PostgreSQL, which for root runs as another user, is to keep its data in it too
  })
  afterAll(async () => {
    if (running !== undefined) await stop('SIGINT')
    if (opened?.type === 'open') await opened.browser.close()
    await rm(data, { recursive: true, force: true })
  })

  async function start(): Promise<string> {
    if (running !== undefined) await stop('SIGINT') // a test before failed
    running = startTocsin(['start', '--data', data, '--port', '0'])
    const [, printed = ''] = await running.printed(/^Tocsin is ready: (http:\/\/\S+)\n/m, startDeadlineMs)
    return (url = printed)
  }

  async function stop(signal: NodeJS.Signals) {
    if (running === undefined) throw new Error('Nothing is running, see above.')
    const { child, finished } = running
    running = undefined
    const began = performance.now()
    child.kill(signal)
    const { code, stdout, stderr } = await finished
    return { code, tookMs: performance.now() - began, stdout, stderr }
  }

  const skipWithoutBrowser = (skip: (reason: string) => never) => {
    if (opened === undefined) throw new Error('Opening the browser failed, see above.')
    return opened.type === 'open' ? opened.browser : skip(opened.reason)
  }

  // The tests follow one another on one data folder, as a newcomer's first evening does.

  test('default: prints one URL, behind which all answers', { timeout: startDeadlineMs }, async () => {
    await start()
    const statusOf = async (path: string) => (await fetch(url + path)).status
    for (const path of ['/', '/api/docs', '/health/live', '/metrics', '/api/alerts', '/api/pipeline']) {
      expect([path, await statusOf(path)]).toEqual([path, 200])
    }
    await expect.poll(() => statusOf('/health/ready'), { timeout: 10_000 }).toBe(200) // once the first batch is read
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(
      /^tocsin_ingestor_blocks_total\{chain="31337"\} [1-9]\d*$/m,
    )
  })

  test(
    'behavior: the page shows all four frauds as they happen, one of them taken back, each with its evidence',
    { timeout: showDeadlineMs },
    async ({ skip }) => {
      const browser = skipWithoutBrowser(skip)
      const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
      page.setDefaultTimeout(showDeadlineMs)
      const errors: string[] = []
      page.on('pageerror', (error) => errors.push(error.message))
      page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
      await page.goto(url)
      await page.locator('.stream-live').waitFor()
      // It is not loaded again from here on: what appears, appears because it happens.
      await page.evaluate(() => document.body.setAttribute('data-same-page', ''))
      const row = (holds: string, status?: string) =>
        page.locator(`.alert-row${status === undefined ? '' : `[data-status="${status}"]`}`, { hasText: holds }).first()
      for (const name of detectorNames) await row(name).waitFor()
      const retracted = row('Taken back', 'retracted')
      await retracted.waitFor()
      await row('', 'confirmed').waitFor()
      expect(await page.locator('[data-same-page]').count()).toBe(1)

      for (const name of detectorNames) {
        await row(name).locator('.row-link').click()
        await expectEvidence(page, url, (await row(name).getAttribute('data-alert-id')) ?? '')
      }
      await retracted.locator('.row-link').click()
      const history = async () => {
        const words = await page.locator('.detail .transition .pill').allInnerTexts()
        return words.map((word) => word.trim().toLowerCase())
      }
      // The detail of the alert before stays until this one's is drawn, which tells first what the list knew.
      await expect.poll(history, { timeout: showDeadlineMs }).toEqual(['provisional', 'retracted'])
      expect(errors).toEqual([])
      await page.close()
    },
  )

  test(
    'behavior: Ctrl-C ends all of it, and a second start goes on: nothing is lost, nothing comes twice',
    { timeout: stopDeadlineMs + 2 * startDeadlineMs },
    async () => {
      const before = await readAlerts(url)
      expect(before.length).toBeGreaterThanOrEqual(detectorNames.length)
      const head = await measure(url, 'tocsin_ingestor_head_block')
      const { code, tookMs, stdout, stderr } = await stop('SIGINT')
      expect(code, stderr).toBe(0)
      expect(tookMs).toBeLessThan(stopDeadlineMs)
      expect((stdout + stderr).match(/\w+:\/\/\S+/g)).toEqual([url])
      expect(stderr).not.toMatch(/\b(WARN|ERROR)\b|^ +at /m)
      expect(await processesIn(data)).toEqual([])

      await start()
      await followsBeyond(url, head)
      expectContinued(before, await readAlerts(url))
    },
  )

  test(
    'behavior: after kill -9 a start goes on as well, until each alert is confirmed or retracted',
    { timeout: 3 * startDeadlineMs },
    async () => {
      const before = await readAlerts(url)
      const head = await measure(url, 'tocsin_ingestor_head_block')
      await stop('SIGKILL')

      await start()
      await followsBeyond(url, head)
      const settled = async () => (await readAlerts(url)).filter(({ id }) => before.some((alert) => alert.id === id))
      await expect
        .poll(async () => (await settled()).map(({ status }) => status), { timeout: startDeadlineMs })
        .not.toContain('provisional')
      expectContinued(before, await readAlerts(url))
      expect((await fetch(`${url}/health/ready`)).status).toBe(200)

      expect((await stop('SIGINT')).code).toBe(0)
      expect(await processesIn(data)).toEqual([])
    },
  )

  test(
    'behavior: on a chain that the log knows nothing of it reads from the beginning, as after a first start cut short',
    { timeout: 2 * startDeadlineMs },
    async () => {
      if (running !== undefined) await stop('SIGINT')
      for (const part of ['log', 'postgres', 'detector-31337']) await rm(join(data, part), { recursive: true })
      await start()
      // The node no longer has the state of these blocks: what calls would tell is unknown, and nothing waits for it.
      await followsBeyond(url, 45)
      expect((await stop('SIGINT')).code).toBe(0)
    },
  )
})

/** An alert of `GET /api/alerts/{id}`, as far as it is compared here. */
interface Stored {
  readonly id: string
  readonly detector: string
  readonly key: string
  readonly occurrence: string
  readonly status: string
  readonly revision: number
  readonly evidence: readonly { readonly transactionHash?: string }[]
  readonly transitions: readonly { readonly revision: number; readonly status: string }[]
}

const getJson = async <T>(url: string) => (await (await fetch(url)).json()) as T // what it holds is tested below

async function readAlerts(url: string): Promise<readonly Stored[]> {
  const { items, nextCursor } = await getJson<{ items: readonly Stored[]; nextCursor: string | null }>(
    `${url}/api/alerts?limit=100`,
  )
  expect(nextCursor).toBeNull()
  return Promise.all(items.map(({ id }) => getJson<Stored>(`${url}/api/alerts/${id}`)))
}

/** All that was told before stands as it was told; what came since has no hole and no twin. */
function expectContinued(before: readonly Stored[], after: readonly Stored[]): void {
  const found = new Map(after.map((alert) => [alert.id, alert]))
  for (const { id, transitions } of before) {
    expect([id, found.get(id)?.transitions.slice(0, transitions.length)]).toEqual([id, transitions])
  }
  for (const { id, revision, status, transitions } of after) {
    const last = transitions.at(-1)
    expect([id, transitions.map((one) => one.revision)]).toEqual([id, transitions.map((_, index) => index + 1)])
    expect([id, last?.revision, last?.status]).toEqual([id, revision, status])
    const ends = transitions.filter((one) => one.status === 'confirmed')
    expect([id, ends.length]).toEqual([id, status === 'confirmed' ? 1 : 0])
  }
  const frauds = after.map(({ detector, key, occurrence }) => [detector, key, occurrence].join())
  expect(frauds).toEqual([...new Set(frauds)])
}

/** New blocks come, the detector keeps up with them, and the log has no alert twice for the API to pass over. */
async function followsBeyond(url: string, head: number): Promise<void> {
  await expect
    .poll(() => measure(url, 'tocsin_ingestor_head_block'), { timeout: startDeadlineMs })
    .toBeGreaterThan(head + 1)
  await expect.poll(() => measure(url, 'tocsin_detector_lag_records'), { timeout: startDeadlineMs }).toBeLessThan(50) // those of the newest block and the newest prices
  expect(await measure(url, 'tocsin_alerts_repeated_records_total')).toBe(0)
}

const measure = async (url: string, name: string): Promise<number> =>
  sampleOf(await (await fetch(`${url}/metrics`)).text(), name) ?? Number.NaN

/** The open detail shows the transactions that the API names as evidence. */
async function expectEvidence(page: Page, url: string, id: string): Promise<void> {
  const { evidence } = await getJson<Stored>(`${url}/api/alerts/${id}`)
  const transactions = evidence.flatMap(({ transactionHash }) => transactionHash ?? [])
  expect(transactions.length).toBeGreaterThan(0)
  const section = page.locator('.detail section', { has: page.getByRole('heading', { name: /^Evidence/ }) })
  await page.locator('.detail .detail-bar', { hasText: id.slice(0, 6) }).waitFor()
  for (const hash of transactions) await section.locator(`[title^="${hash}"]`).first().waitFor()
}

/** The processes that were started for the folder: anvil and PostgreSQL name it in their words. */
async function processesIn(folder: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,args='])
  return stdout.split('\n').filter((line) => line.includes(folder))
}
