import { catalogue, type Detector } from '@tocsin/detector'
import { nearest } from '@tocsin/service-kit'
import { knownSettings } from '../all-settings.ts'
import { defineCommand } from '../command.ts'
import { UsageError } from '../words.ts'

export const detectors = defineCommand(
  {
    name: 'detectors',
    runs: 'to-end',
    summary: 'List the detectors, or one with its parameters, units and defaults.',
    about: 'Lists what Tocsin looks for. With a NAME: that detector’s parameters, as --param takes them.',
    examples: [
      'tocsin detectors',
      'tocsin detectors transfer-volume',
      'tocsin replay --recording blocks/ --param transfer-volume.window=trailing',
    ],
    positional: { name: 'NAME', doc: 'the detector to describe.', count: 'optional' },
    settings: {},
    check: ({ word }) => void (word === undefined ? undefined : named(word)),
    run: async ({ word, io }) => {
      await io.stdout.write(word === undefined ? listOf(catalogue) : describe(named(word)))
      return undefined
    },
  },
  knownSettings,
)

function named(name: string): Detector {
  const found = catalogue.find(({ id }) => id === name)
  if (found !== undefined) return found
  const near = nearest(
    name,
    catalogue.map(({ id }) => id),
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
  const lines = detector
    .describe()
    .flatMap(({ name, default: value, unit, doc, expected }) => [
      '',
      `  ${name}`,
      `      ${doc}`,
      `      Default ${JSON.stringify(value)}${unit === null ? '' : ` (${unit})`}; ${expected}.`,
    ])
  return [
    `${id} ${version}, severity ${severity} as a rule`,
    summary,
    '',
    `Parameters, as --param ${id}.NAME=JSON:`,
    ...lines.slice(1),
    '',
  ].join('\n')
}
