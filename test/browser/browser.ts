import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { chromium, type Browser } from 'playwright-core'

export type OpenedBrowser =
  { readonly type: 'open'; readonly browser: Browser } | { readonly type: 'none'; readonly reason: string }

/**
 * A headless Chromium: that of `TOCSIN_CHROMIUM` (a path), else the one from npm, unpacked once into
 * `node_modules/.cache`. Where none runs, `none` with the reason, for the test to skip by.
 * @throws {Error} instead, if `TOCSIN_REQUIRE` contains `browser`: there a skipped test would be a lie.
 */
export async function openBrowser(): Promise<OpenedBrowser> {
  try {
    const given = process.env['TOCSIN_CHROMIUM']
    const unpacked = given === undefined ? await unpackChromium() : { executablePath: given, environments: [{}] }
    return { type: 'open', browser: await launch(unpacked) }
  } catch (cause) {
    const reason = `no headless Chromium: ${firstLine(cause)}`
    if ((process.env['TOCSIN_REQUIRE'] ?? '').split(/[\s,]+/).includes('browser')) throw new Error(reason, { cause })
    return { type: 'none', reason }
  }
}

interface Unpacked {
  readonly executablePath: string
  /** What to add to the environment, tried in order: a plain machine first, then one without Chromium's libraries. */
  readonly environments: readonly Readonly<Record<string, string>>[]
}

async function launch({ executablePath, environments }: Unpacked): Promise<Browser> {
  let failure: unknown
  for (const environment of environments) {
    try {
      return await chromium.launch({
        executablePath,
        env: { ...definedEnvironment(), ...environment },
        // Root has no sandbox in a container, and /dev/shm is small there; nothing but the page may reach the network.
        args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none'],
        timeout: 30_000,
      })
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

/**
 * The browser of @sparticuz/chromium as files. Its own `executablePath()` unpacks into the one shared temporary folder,
 * where two users or two test files at once get in each other's way: here it unpacks into a new folder, in a process
 * whose temporary folder that is, and the folder appears under its final name whole or not at all.
 */
async function unpackChromium(): Promise<Unpacked> {
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium')
  const cache = join(import.meta.dirname, '../../node_modules/.cache/tocsin-chromium')
  const folder = join(cache, `${process.getuid?.() ?? 'user'}-147.0.0`)
  if (!existsSync(folder)) {
    await mkdir(cache, { recursive: true })
    const building = await mkdtemp(join(cache, 'unpacking-'))
    const script = `const { default: chromium } = await import(${JSON.stringify(pathToFileURL(entry).href)})
      await (chromium.default ?? chromium).executablePath()`
    // AWS_EXECUTION_ENV makes it unpack the shared libraries too, for machines that lack them.
    const env = { ...definedEnvironment(), TMPDIR: building, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x' }
    await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { env, timeout: 120_000 })
    await rename(building, folder).catch(async (cause: unknown) => {
      await rm(building, { recursive: true, force: true })
      if (!existsSync(folder)) throw cause // else another test file was quicker, with the same result
    })
  }
  const fonts = { FONTCONFIG_FILE: await writeFontsConfig(folder) }
  return {
    executablePath: join(folder, 'chromium'),
    environments: [fonts, { ...fonts, LD_LIBRARY_PATH: join(folder, 'al2023', 'lib') }],
  }
}

/** Its own fonts, so that pictures look alike everywhere, and behind them the machine's for signs these lack. */
async function writeFontsConfig(folder: string): Promise<string> {
  const file = join(folder, 'fonts.conf')
  const folders = [join(folder, 'fonts'), '/usr/share/fonts', '/usr/local/share/fonts']
  const lines = folders.map((path) => `<dir>${path}</dir>`).join('')
  await writeFile(file, `<fontconfig>${lines}<cachedir>${join(folder, 'font-cache')}</cachedir></fontconfig>`)
  return file
}

const definedEnvironment = () =>
  Object.fromEntries(Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined))

const firstLine = (error: unknown) => (error instanceof Error ? error.message : String(error)).split('\n')[0]
