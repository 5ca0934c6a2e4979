import { catalogue, detectorSettings, type Detector } from '@tocsin/detector'
import { ingestorSettings } from '@tocsin/ingestor'
import { nearest } from '@tocsin/service-kit'
import { knownSettings } from '../all-settings.ts'
import { defineCommand } from '../command.ts'
import { rulesFrom } from '../rules.ts'
import { UsageError } from '../words.ts'

export const detectors = defineCommand(
  {
    name: 'detectors',
    runs: 'to-end',
    summary: 'List the detectors and rules of your own, or one with its parameters, units and defaults.',
    about: [
      'Lists what Tocsin looks for. With a NAME: that detector’s parameters, as --param takes them. With --rules also rules of',
      'your own, each held against the ABIs of --abi: every mistake is told, in one line (docs/rules.md).',
    ].join('\n'),
    examples: [
      'tocsin detectors',
      'tocsin detectors transfer-volume',
      'tocsin replay --recording blocks/ --param transfer-volume.window=trailing',
      'tocsin detectors --rules rules.json --abi Vault.json',
    ],
    positional: { name: 'NAME', doc: 'the detector to describe.', count: 'optional' },
    settings: { detector: { rules: detectorSettings.rules }, ingestor: { abis: ingestorSettings.abis } },
    check: async ({ word, settings: { detector, ingestor } }) => {
      const all = [...catalogue, ...(await rulesFrom(detector.rules, ingestor.abis))]
      if (word !== undefined) named(word, all)
    },
    run: async ({ word, settings: { detector, ingestor }, io }) => {
      const all = [...catalogue, ...(await rulesFrom(detector.rules, ingestor.abis))]
      await io.stdout.write(word === undefined ? listOf(all) : describe(named(word, all)))
      return undefined
    },
  },
  knownSettings,
)

function named(name: string, all: readonly Detector[]): Detector {
  const found = all.find(({ id }) => id === name)
  if (found !== undefined) return found
  const near = nearest(
    name,
    all.map(({ id }) => id),
  )
  throw new UsageError(`There is no detector "${name}".${near === undefined ? '' : ` Did you mean ${near}?`}`)
}

function listOf(all: readonly Detector[]): string {
  const width = Math.max(...all.map(({ id }) => id.length))
  const lines = all.map(({ id, severity, summary }) => `${id.padEnd(width)}  ${severity.padEnd(8)}  ${summary}`)
  return [...lines, '', '`tocsin detectors NAME` describes one with its parameters.', ''].join('\n')
}

function describe(detector: Detector): string {
  const { id, version, severity, summary } = detector
  const isRule = !catalogue.includes(detector)
  const lines = detector
    .describe()
    .flatMap(({ name, default: value, unit, doc, expected }) => [
      '',
      `  ${name}`,
      `      ${doc}`,
      `      ${isRule ? 'Is' : 'Default'} ${JSON.stringify(value)}${unit === null ? '' : ` (${unit})`}; ${expected}.`,
    ])
  return [
    `${id} ${version}, severity ${severity} as a rule`,
    summary,
    '',
    isRule ? 'What the rule says:' : `Parameters, as --param ${id}.NAME=JSON:`,
    ...lines.slice(1),
    '',
  ].join('\n')
}
