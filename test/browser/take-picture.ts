import { mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startTocsin } from '../tocsin-process.ts'
import { openBrowser } from './browser.ts'

/**
 * Makes the README's picture from the running program: starts it on an empty folder, waits for alerts of all four
 * detectors and one that a reorg took back, and takes the page with one alert open. `npm run picture`.
 */
const images = join(import.meta.dirname, '../../docs/images')
const deadlineMs = 180_000

interface Stats {
  readonly byDetector: Readonly<Record<string, number>>
  readonly byStatus: Readonly<Record<string, number>>
}

const opened = await openBrowser()
if (opened.type === 'none') throw new Error(opened.reason)
const folder = await mkdtemp(join(tmpdir(), 'tocsin-picture-'))
const running = startTocsin(['start', '--data', folder, '--port', '0'])
try {
  const [, url = ''] = await running.printed(/ready: (http\S+)/, deadlineMs)
  for (const deadline = Date.now() + deadlineMs; ; await delay(500)) {
    const stats = (await (await fetch(`${url}/api/stats`)).json()) as Stats // the API's own shape
    if (Object.keys(stats.byDetector).length === 4 && (stats.byStatus['retracted'] ?? 0) > 0) break
    if (Date.now() > deadline) throw new Error(`Not all alerts came: ${JSON.stringify(stats)}`)
  }
  await mkdir(images, { recursive: true })
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await opened.browser.newPage({ viewport: { width: 1440, height: 860 }, colorScheme })
    await page.goto(url)
    await page.locator('tbody tr', { hasText: 'Transfer volume' }).first().click()
    await page.getByText('Flow of funds').waitFor()
    await page.screenshot({ path: join(images, `dashboard-${colorScheme}.png`) })
    await page.close()
  }
} finally {
  running.child.kill('SIGINT')
  await running.finished
  await opened.browser.close()
}
