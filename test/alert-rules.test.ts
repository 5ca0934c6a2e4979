import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parser } from '@prometheus-io/lezer-promql'
import { createMetrics } from '@tocsin/service-kit'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { measuredNames } from './measured-names.ts'
import { root } from './source-files.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

const read = (path: string) => readFileSync(join(root, path), 'utf8')
const { groups } = parse(read('deploy/prometheus/alerts.yml')) as {
  groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[]
}
const rules = groups.flatMap((group) => group.rules)

/** The metrics that PromQL asks for. @throws where it cannot be parsed, with the rest of it. */
function metricsOf(expression: string): readonly string[] {
  const names: string[] = []
  parser.parse(expression).iterate({
    enter: ({ type, from, to, node }) => {
      if (type.isError) throw new Error(`no PromQL from "${expression.slice(from)}" on: ${expression}`)
      if (type.name === 'Identifier' && node.parent?.type.name === 'VectorSelector')
        names.push(expression.slice(from, to))
    },
  })
  return names
}

/** Of our registries; a histogram's under the names that Prometheus gives it. `up` is Prometheus' own. */
async function knownMetrics(): Promise<ReadonlySet<string>> {
  const ofProcess = [...(await createMetrics({ process: true }).exposition()).matchAll(/^# TYPE (\w+)/gm)]
  const ours = measuredNames().flatMap((name) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`])
  return new Set(['up', ...ofProcess.map(([, name]) => name ?? ''), ...ours])
}

describe('deploy/prometheus/alerts.yml', () => {
  test('default: each rule has a name of its own, a severity and a sentence', () => {
    expect(rules.length).toBeGreaterThan(10)
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
    for (const { alert, labels, annotations, for: lasting = '1s' } of rules) {
      expect(alert).toMatch(/^Tocsin([A-Z][a-z]+)+$/)
      expect(['critical', 'warning'], alert).toContain(labels['severity'])
      expect(annotations['summary'], alert).toMatch(/\.$/)
      expect(lasting, alert).toMatch(/^\d+[smh]$/)
    }
  })

  test('behavior: each is PromQL over metrics that a process of ours has', async () => {
    const known = await knownMetrics()
    for (const { alert, expr } of rules) {
      const names = metricsOf(expr)
      expect(names, alert).not.toEqual([])
      for (const name of names) expect(known.has(name), `${alert} asks for ${name}`).toBe(true)
    }
  })

  test('error: what is no PromQL, and a metric that nobody has, would be found', async () => {
    expect(() => metricsOf('sum by (le rate(x[5m])) > 1')).toThrow('no PromQL')
    expect(() => metricsOf('tocsin_alerts_lag_records > > 5')).toThrow('no PromQL')
    expect(metricsOf('max(tocsin_alerts_lag) > 5')).toEqual(['tocsin_alerts_lag'])
    expect((await knownMetrics()).has('tocsin_alerts_lag')).toBe(false)
  })

  test('behavior: docs/operations.md has a section for each, in their order, and for no other', () => {
    const sections = [...read('docs/operations.md').matchAll(/^#+ (Tocsin\w+)$/gm)].map(([, name]) => name)
    expect(sections).toEqual(rules.map(({ alert }) => alert))
  })

  test('behavior: the Prometheus of docker-compose.yml reads them, and scrapes under the name that they ask for', () => {
    const config = parse(read('deploy/prometheus/prometheus.yml')) as {
      rule_files: readonly string[]
      scrape_configs: readonly { job_name: string }[]
    }
    expect(config.rule_files).toEqual(['/etc/prometheus/alerts.yml'])
    expect(read('docker-compose.yml')).toContain('./deploy/prometheus/alerts.yml:/etc/prometheus/alerts.yml:ro')
    const jobs = rules.flatMap(({ expr }) => [...expr.matchAll(/job="(\w+)"/g)].map(([, job]) => job))
    expect(new Set(jobs)).toEqual(new Set(config.scrape_configs.map(({ job_name: name }) => name)))
  })
})
