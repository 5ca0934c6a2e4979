import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { settingsMarkdown } from '@tocsin/service-kit'
import { allSettings } from 'tocsin/settings'
import { errorClasses } from './error-classes.ts'
import { root } from './source-files.ts'

interface Page {
  readonly path: string
  readonly text: string
}

const madeHere = '<!-- Made from the code by `npm run docs`; a test says when it is stale. -->'

function errorsPage(): Page {
  const handling: Readonly<Record<string, string>> = {
    retry: 'tried again by itself',
    'dead-letter': 'put aside in the dead letters; the rest goes on',
    stop: 'the process stops',
  }
  const cell = (text: string) => text.replaceAll('|', '\\|')
  const rows = errorClasses()
    .filter(({ code }) => code !== null)
    .map(({ code, path, handling: how, remedy }) => {
      const part = path.split('/').slice(0, 2).join('/')
      return `| \`${code ?? ''}\` | ${part} | ${handling[how ?? ''] ?? cell(how ?? '')} | ${cell(remedy ?? '')} |`
    })
  return {
    path: 'docs/errors.md',
    text: [
      '# Errors',
      '',
      madeHere,
      '',
      'What can go wrong by a name of its own. An error is one line: `[CODE]` and a sentence with what was seen, then the remedy.',
      '',
      '| code | where | what happens | what you can do |',
      '| --- | --- | --- | --- |',
      ...rows,
      '',
    ].join('\n'),
  }
}

function settingsPage(): Page {
  const titles: Readonly<Record<string, string>> = {
    general: 'Every command',
    shared: 'Every process',
    cluster: 'How ingest, detect, serve and topics speak to Kafka',
    ops: 'Health and metrics of `tocsin ingest` and `tocsin detect`',
    start: '`tocsin start`',
    ingestor: 'The ingestor (`tocsin ingest`)',
    detector: 'The detector (`tocsin detect`)',
    alertsApi: 'The alerts API and the dashboard (`tocsin serve`)',
  }
  const sections = Object.entries(allSettings).flatMap(([name, table]) => [
    `## ${titles[name] ?? name}`,
    '',
    settingsMarkdown(table),
    '',
  ])
  return {
    path: 'docs/settings.md',
    text: [
      '# Settings',
      '',
      madeHere,
      '',
      'A flag wins over its variable, that over the key of that name in `tocsin.config.json` (or the file given by `--config`),',
      'that over the default. An empty variable counts as not set. All wrong settings are reported at once, before anything',
      'is begun. `tocsin start` reads those of all three processes.',
      '',
      ...sections,
    ].join('\n'),
  }
}

/** The pages that are made from the code. */
export const generatedDocs = (): readonly Page[] => [errorsPage(), settingsPage()]

/** The pages that do not say what the code says. */
export function staleDocs(): readonly Page[] {
  return generatedDocs().filter(({ path, text }) => {
    try {
      return readFileSync(join(root, path), 'utf8') !== text
    } catch {
      return true
    }
  })
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const stale = staleDocs()
  if (process.argv.includes('--check')) {
    for (const { path } of stale) process.stderr.write(`${path} is stale: run npm run docs.\n`)
    process.exitCode = stale.length === 0 ? 0 : 1
  } else {
    for (const { path, text } of stale) writeFileSync(join(root, path), text)
  }
}
