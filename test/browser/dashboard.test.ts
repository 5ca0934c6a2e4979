/// <reference lib="dom" />

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { openBrowser, type OpenedBrowser } from './browser.ts'
import { inStatus, passThrough, priceDeviation, sampleAddress, sampleHistory, transferVolume } from './sample-alerts.ts'
import { startStubApi, type StubApi } from './stub-api.ts'

/** Long enough for a machine that does other things; a wait ends as soon as its condition holds. */
const patience = 15_000

describe('the dashboard in a browser', () => {
  let opened: OpenedBrowser | undefined
  beforeAll(async () => {
    opened = await openBrowser()
  })
  afterAll(async () => {
    if (opened?.type === 'open') await opened.browser.close()
  })

  /** One page on one API with the given alerts; both end with the test, and so does a page that said an error. */
  const inBrowser =
    (act: (at: { page: Page; api: StubApi; now: number }) => Promise<void>, alerts = sampleHistory) =>
    async ({ skip }: { skip: (reason: string) => never }) => {
      if (opened === undefined) throw new Error('Opening the browser failed, see above.')
      if (opened.type === 'none') return skip(opened.reason)
      const now = Date.now()
      const api = await startStubApi(alerts(now))
      const context = await opened.browser.newContext({ viewport: { width: 1440, height: 900 } })
      const page = await context.newPage()
      page.setDefaultTimeout(patience)
      const errors: string[] = []
      page.on('pageerror', (error) => errors.push(error.message))
      page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
      const elsewhere: string[] = []
      page.on('request', (request) => !request.url().startsWith(api.url) && elsewhere.push(request.url()))
      try {
        await act({ page, api, now })
        expect(errors).toEqual([])
        expect(elsewhere).toEqual([])
      } finally {
        await context.close()
        await api.close()
      }
    }

  const row = (page: Page, id: string) => page.locator(`[data-alert-id="${id}"]`)
  const live = (page: Page) => page.locator('.stream-live').waitFor()

  test(
    'default: the feed lists stored alerts, newest first, with severity, status, detector, sentence and amount',
    inBrowser(async ({ page, api, now }) => {
      const alerts = sampleHistory(now)
      await page.goto(api.url)
      await live(page)
      await page.locator('.alert-row').first().waitFor()
      const times = await page
        .locator('.alert-row time')
        .evaluateAll((all) => all.map((one) => one.getAttribute('datetime')))
      expect(times.length).toBeGreaterThanOrEqual(50)
      expect(times).toEqual([...times].sort((a, b) => (a ?? '').localeCompare(b ?? '')).reverse())
      const whale = alerts.find(({ key }) => key === sampleAddress('whale'))
      expect(whale).toBeDefined()
      const text = await row(page, whale?.id ?? '').innerText()
      for (const word of ['provisional', 'Critical', 'Transfer volume', '$1,155,500.00', '11×']) {
        expect(text.toLowerCase()).toContain(word.toLowerCase())
      }
    }),
  )

  test(
    'behavior: an alert that happens slides in on top without a reload',
    inBrowser(async ({ page, api, now }) => {
      await page.goto(api.url)
      await live(page)
      const fresh = passThrough('fresh', now + 1_000, 55_000, 'provisional', 1)
      expect(await row(page, fresh.id).count()).toBe(0)
      api.push(fresh)
      await row(page, fresh.id).waitFor()
      expect(await page.locator('.alert-row').first().getAttribute('data-alert-id')).toBe(fresh.id)
      await page.locator('[aria-live=polite]', { hasText: 'New alert: medium' }).waitFor({ state: 'attached' })
    }),
  )

  test(
    'behavior: a retraction strikes the alert through in its place, and its detail tells both revisions',
    inBrowser(async ({ page, api, now }) => {
      const fraud = transferVolume('taken back', now, [90_000, 60_000], 'provisional', 1)
      api.push(fraud)
      await page.goto(`${api.url}#/alerts/${fraud.id}`)
      await live(page)
      await row(page, fraud.id).locator('.pill-provisional').waitFor()
      const before = await page.locator('.alert-row').count()
      api.push(inStatus(fraud, 'retracted', 2))
      await row(page, fraud.id).locator('.pill-retracted').waitFor()
      expect(await page.locator('.alert-row').count()).toBe(before)
      const style = await row(page, fraud.id)
        .locator('.row-link')
        .evaluate((link) => getComputedStyle(link).textDecorationLine)
      expect(style).toBe('line-through')
      await page.locator('.transition').nth(1).waitFor()
      const history = await page.locator('.transition .pill').allInnerTexts()
      expect(history.map((word) => word.trim())).toEqual(['provisional', 'retracted'])
    }),
  )

  test(
    'behavior: who reads further down is not moved; new alerts wait behind a button',
    inBrowser(async ({ page, api, now }) => {
      await page.goto(api.url)
      await live(page)
      await page.locator('.alert-row').nth(40).waitFor()
      const scroller = page.locator('.feed-scroll')
      await scroller.evaluate((element) => element.scrollTo(0, 600))
      await expect.poll(() => scroller.evaluate((element) => element.scrollTop), { timeout: patience }).toBe(600)
      // The scroll event that makes the list hold back comes with the next frame.
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
      const first = await page.locator('.alert-row').first().getAttribute('data-alert-id')
      for (const seed of ['one', 'two', 'three']) api.push(passThrough(seed, now + 2_000, 40_000, 'provisional', 1))
      const button = page.getByRole('button', { name: '3 new' })
      await button.waitFor()
      expect(await page.locator('.alert-row').first().getAttribute('data-alert-id')).toBe(first)
      expect(await scroller.evaluate((element) => element.scrollTop)).toBe(600)
      await button.click()
      await row(page, passThrough('one', now + 2_000, 40_000).id).waitFor()
      expect(await scroller.evaluate((element) => element.scrollTop)).toBe(0)
    }),
  )

  test(
    'behavior: filters narrow the list, are kept in the address, and hold for the stream too',
    inBrowser(async ({ page, api, now }) => {
      await page.goto(api.url)
      await live(page)
      await page.getByLabel('Detector').selectOption('price-deviation')
      await page.getByRole('button', { name: /^retracted/i }).click()
      // While the filtered page is read the list is empty, so what it holds is asked until it is the answer.
      await expect
        .poll(
          async () => ({
            others: await page.locator('.alert-row:not(.row-retracted)').count(),
            detectors: [...new Set(await page.locator('.alert-row .cell-detector').allInnerTexts())],
          }),
          { timeout: patience },
        )
        .toEqual({ others: 0, detectors: ['Price deviation'] })
      expect(new URL(page.url()).hash).toBe('#/alerts?detector=price-deviation&status=retracted')

      const other = priceDeviation('other', now, 700, 'provisional', 1)
      await expect.poll(() => api.streams(), { timeout: patience }).toBe(1)
      await live(page)
      api.push(other)
      api.push(inStatus(other, 'retracted', 2))
      await row(page, other.id).waitFor()

      await page.reload()
      await row(page, other.id).waitFor()
      expect(await page.getByLabel('Detector').inputValue()).toBe('price-deviation')
    }),
  )

  test(
    'behavior: older pages are read by coming near the end',
    inBrowser(async ({ page, api, now }) => {
      await page.goto(api.url)
      await live(page)
      const total = new Set(sampleHistory(now).map(({ id }) => id)).size
      expect(total).toBeGreaterThan(100)
      await page.locator('.alert-row').nth(99).waitFor({ state: 'attached' })
      await page.locator('.feed-scroll').evaluate((element) => element.scrollTo(0, element.scrollHeight))
      await page.getByText(`That is all: ${total} alerts.`).waitFor()
      expect(await page.locator('.alert-row').count()).toBe(total)
    }),
  )

  test(
    'behavior: the detail shows limits, flow of funds and every piece of evidence, exactly',
    inBrowser(async ({ page, api, now }) => {
      const alert = passThrough('shown', now, 183_324)
      api.push(alert)
      await page.goto(`${api.url}#/alerts/${alert.id}`)
      const detail = page.getByRole('complementary', { name: 'Alert' })
      await detail.getByRole('heading', { level: 1, name: '$183,324.00 passed on' }).waitFor()
      await expect
        .poll(() => detail.locator('.threshold-observed').allInnerTexts(), { timeout: patience })
        .toEqual(['$183,324.00', '36 s'])
      expect(await detail.locator('.flow-in').count()).toBe(1)
      expect(await detail.locator('.flow-out').count()).toBe(1)
      const evidence = await detail.locator('.evidence tbody tr').allInnerTexts()
      expect(evidence).toHaveLength(2)
      expect(evidence[1]).toContain('183,324 USDC')
      for (const reference of alert.evidence) {
        if (reference.type !== 'log') continue
        await detail.getByRole('button', { name: `Copy transaction hash ${reference.transactionHash}` }).waitFor()
      }
      await detail.getByRole('button', { name: 'Show JSON' }).click()
      expect(JSON.parse(await detail.locator('pre').innerText())).toMatchObject({ id: alert.id, key: alert.key })
    }),
  )

  test(
    'behavior: a price alert is drawn against its feed',
    inBrowser(async ({ page, api, now }) => {
      const alert = priceDeviation('drawn', now, -1_413)
      api.push(alert)
      await page.goto(`${api.url}#/alerts/${alert.id}`)
      const picture = page.getByRole('img', {
        name: /WETH traded at \$2,173\.\d+, −14\.13 % from the price \$2,531\.20 of binance/,
      })
      await picture.waitFor()
      // The band needs the parameter's unit, which comes with the catalogue.
      await expect.poll(() => picture.locator('.band').count(), { timeout: patience }).toBe(1)
    }),
  )

  test(
    'behavior: keys move through the list, open an alert and close it',
    inBrowser(async ({ page, api }) => {
      await page.goto(api.url)
      await live(page)
      const second = await page.locator('.alert-row').nth(1).getAttribute('data-alert-id')
      const third = await page.locator('.alert-row').nth(2).getAttribute('data-alert-id')
      await page.keyboard.press('j')
      await page.keyboard.press('j')
      await page.keyboard.press('Enter')
      await page.locator('.detail').waitFor()
      expect(page.url()).toContain(second)
      await page.keyboard.press('j')
      await expect.poll(() => page.url(), { timeout: patience }).toContain(third)
      await page.keyboard.press('Escape')
      await page.locator('.detail').waitFor({ state: 'detached' })
      await page.keyboard.press('/')
      expect(await page.evaluate(() => document.activeElement?.getAttribute('type'))).toBe('search')
    }),
  )

  test(
    'behavior: a lost stream is said, and what was missed is there when it is back',
    inBrowser(async ({ page, api, now }) => {
      await page.goto(api.url)
      await live(page)
      await expect.poll(() => api.streams(), { timeout: patience }).toBe(1)
      const missed = passThrough('missed', now + 3_000, 70_000, 'provisional', 1)
      api.dropStreams()
      api.push(missed)
      await page.locator('.stream-lost').waitFor()
      await row(page, missed.id).waitFor()
      await live(page)
    }),
  )

  test(
    'behavior: dark and light follow the system, and the switch is remembered',
    inBrowser(async ({ page, api }) => {
      const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
      await page.emulateMedia({ colorScheme: 'dark' })
      await page.goto(api.url)
      await page.locator('.alert-row').first().waitFor()
      const dark = await ground()
      await page.emulateMedia({ colorScheme: 'light' })
      const light = await ground()
      expect([dark, light]).toEqual(['rgb(14, 17, 20)', 'rgb(247, 247, 245)'])
      await page.getByRole('button', { name: 'Theme: system' }).click()
      expect(await ground()).toBe(dark)
      await page.reload()
      await page.getByRole('button', { name: 'Theme: dark' }).waitFor()
      expect(await ground()).toBe(dark)
    }),
  )

  test(
    'behavior: nothing stored yet teaches what to do; the other pages open',
    inBrowser(
      async ({ page, api }) => {
        await page.goto(api.url)
        await page.getByRole('heading', { name: 'All quiet so far' }).waitFor()
        await page.getByRole('link', { name: 'Detectors', exact: true }).first().click()
        await page.getByRole('heading', { name: 'Transfer volume' }).waitFor()
        await page.getByRole('link', { name: 'Pipeline', exact: true }).first().click()
        await page.getByText('tocsin.31337.transactions').waitFor()
        await page.getByText('busy 21 % · back pressured 5 % · idle 74 %').waitFor()
        await page.getByText('p50 up to 2 ms, p99 3 ms, at most 3 ms (4,211)').waitFor()
        const operator = page.locator('tr', { has: page.getByRole('cell', { name: 'priced-transactions' }) })
        expect((await operator.getByRole('cell').allTextContents()).slice(0, 4)).toEqual([
          '1',
          'priced-transactions',
          'process',
          '482,113',
        ])
        await page.getByRole('link', { name: 'Webhooks', exact: true }).first().click()
        await page.getByText('https://hooks.example.org/tocsin').waitFor()
        expect(new URL(page.url()).hash).toBe('#/webhooks')
      },
      () => [],
    ),
  )

  test(
    'behavior: on a phone no page scrolls sideways',
    inBrowser(async ({ page, api, now }) => {
      await page.setViewportSize({ width: 390, height: 844 })
      const open = transferVolume('on a phone', now, [90_000, 60_000], 'provisional', 1)
      api.push(open)
      for (const [hash, shown] of [
        ['#/alerts', '.alert-row'],
        [`#/alerts/${open.id}`, '.detail .evidence'],
        ['#/detectors', '.card'],
        ['#/pipeline', '.pipeline-part table'],
        ['#/webhooks', '.card'],
      ] as const) {
        await page.goto(api.url + hash)
        await page.locator(shown).first().waitFor()
        const width = await page.evaluate(() => document.documentElement.scrollWidth)
        expect([hash, width]).toEqual([hash, 390])
      }
    }),
  )
})
