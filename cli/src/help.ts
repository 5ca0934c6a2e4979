import { settingsHelp, type SettingsTable, type SettingsTables } from '@tocsin/service-kit'
import type { CommandSpec } from './command.ts'

export interface CommandLine {
  readonly name: string
  readonly summary: string
}

/** `tocsin --help`: what it is, what it can do, how to begin. */
export function generalHelp(
  groups: readonly { readonly title: string; readonly commands: readonly CommandLine[] }[],
): string {
  const width = Math.max(...groups.flatMap(({ commands }) => commands.map(({ name }) => name.length)))
  const listed = groups.flatMap(({ title, commands }) => [
    `${title}:`,
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
  ])
  return [
    'Tocsin watches EVM chains as they happen and raises the alarm on fraud and anomalies. Every alert proves itself: it',
    'lists the events, the state and the thresholds that made it fire.',
    '',
    'Usage: tocsin <command> [flags], in a checkout: npm run tocsin -- <command> [flags]',
    '',
    ...listed,
    'Examples:',
    '  tocsin start                                         a local chain with staged frauds, and the dashboard',
    '  tocsin start --rpc https://your-node                 the same against a real chain',
    '  tocsin replay --recording blocks/ --out alerts.ndjson   detection over recorded history',
    '  tocsin verify alerts.ndjson --recording blocks/      derive each alert again from its evidence',
    '',
    'A flag wins over the environment (TOCSIN_…), that over tocsin.config.json; docs/settings.md lists every setting.',
    '`tocsin <command> --help` lists the flags of a command. Exit codes: 0 done, 1 failed, 2 wrong usage or settings.',
    '',
  ].join('\n')
}

/** `tocsin <command> --help`. */
export function commandHelp(spec: CommandSpec<SettingsTables>, general: SettingsTable): string {
  const word =
    spec.positional === undefined
      ? ''
      : spec.positional.count === 'one'
        ? ` ${spec.positional.name}`
        : ` [${spec.positional.name}]`
  const own = Object.fromEntries(Object.values(spec.settings).flatMap((table) => Object.entries(table)))
  const flags = settingsHelp(Object.fromEntries(Object.entries(own).filter(([name]) => !(name in general))))
  return [
    `Usage: tocsin ${spec.name}${word} [flags]`,
    '',
    spec.about,
    '',
    ...(spec.positional === undefined ? [] : [`${spec.positional.name}: ${spec.positional.doc}`, '']),
    ...(flags === '' ? [] : ['Flags:', flags, '']),
    'Flags of every command:',
    settingsHelp(general),
    '',
    'Examples:',
    ...spec.examples.map((example) => `  ${example}`),
    '',
  ].join('\n')
}
