import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { root } from './source-files.ts'

/** What the tests read of a service in docker-compose.yml. */
export interface ComposeService {
  readonly image: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly depends_on?: Readonly<Record<string, unknown>> | readonly string[]
  readonly healthcheck?: { readonly test: readonly string[] }
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>
  readonly volumes: Readonly<Record<string, unknown>>
}

/** Compose's own tag: this value wins over that of the file below instead of being merged with it. */
const override = { tag: '!override', collection: 'seq' as const }

export const readComposeFile = (name: string): ComposeFile =>
  parse(readFileSync(join(root, name), 'utf8'), { merge: true, customTags: [override] }) as ComposeFile

export const composeFile = readComposeFile('docker-compose.yml')

/** The services that run our own image: the three processes, by name. */
export const composeProcesses = Object.entries(composeFile.services).filter(([, { image }]) => image === 'tocsin')

/** Compose's interpolation: `${NAME}`, `${NAME:-default}` and `${NAME:?what to do}`. */
export const interpolate = (text: string, env: Readonly<Record<string, string>>): string =>
  text.replaceAll(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind: string | undefined, rest: string) => {
    const value = env[name]
    if (value !== undefined && value !== '') return value
    if (kind === '?') throw new Error(rest)
    return kind === '-' ? rest : ''
  })
