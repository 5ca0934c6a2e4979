import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { environmentNames, loadSettings } from '@tocsin/service-kit'
import { allSettings } from 'tocsin/settings'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { composeFile, composeProcesses, interpolate, readComposeFile } from './compose-file.ts'
import { measuredNames } from './measured-names.ts'
import { root } from './source-files.ts'

const read = (path: string) => readFileSync(join(root, path), 'utf8')

describe('docker-compose.yml', () => {
  test('default: the three processes, each by its command', () => {
    expect(composeProcesses.map(([name, { command }]) => [name, command?.join(' ')])).toEqual([
      ['ingestor', 'node cli/dist/main.js ingest'],
      ['detector', 'node cli/dist/main.js detect'],
      ['alerts-api', 'node cli/dist/main.js serve'],
    ])
  })

  test('behavior: with a node and a password, every variable is a setting and says something that is accepted', () => {
    const given = { TOCSIN_RPC: 'https://node.example', POSTGRES_PASSWORD: 'secret' }
    for (const [name, { environment = {} }] of composeProcesses) {
      const env = Object.fromEntries(
        Object.entries(environment).map(([key, value]) => [key, interpolate(value, given)]),
      )
      expect(() => loadSettings(allSettings, { env }), name).not.toThrow()
    }
  })

  test('error: without a node it says which variable is missing, and where to set it', () => {
    const rpc = composeFile.services['ingestor']?.environment?.['TOCSIN_RPC'] ?? ''
    expect(() => interpolate(rpc, {})).toThrow('set TOCSIN_RPC in .env to the JSON-RPC address of an EVM node')
  })

  test('behavior: what a service depends on is there and has a health check where its health is waited for', () => {
    for (const [name, { depends_on: needs = {}, healthcheck }] of Object.entries(composeFile.services)) {
      if (['ingestor', 'detector', 'alerts-api', 'kafka', 'postgres'].includes(name))
        expect(healthcheck, name).toBeDefined()
      const names = Array.isArray(needs) ? (needs as readonly string[]) : Object.keys(needs)
      for (const needed of names) expect(composeFile.services, `${name} needs ${needed}`).toHaveProperty(needed)
    }
  })

  test('behavior: what is kept is in a named volume, what is mounted is in the repository', () => {
    const mounts = Object.values(composeFile.services).flatMap(({ volumes = [] }) => volumes)
    const sources = mounts.map((mount) => mount.split(':')[0] ?? '')
    expect(sources.filter((source) => !source.startsWith('.')).toSorted()).toEqual(
      Object.keys(composeFile.volumes).toSorted(),
    )
    const files = { './deploy/data': 'README.md', './deploy/grafana/dashboards': 'tocsin.json' }
    for (const source of sources.filter((each) => each.startsWith('./deploy/')))
      if (source.endsWith('.yml')) expect(read(source)).not.toBe('')
    for (const [folder, file] of Object.entries(files)) {
      expect(sources).toContain(folder)
      expect(read(join(folder, file))).not.toBe('')
    }
  })
})

describe('docker-compose.three-brokers.yml', () => {
  const { services } = readComposeFile('docker-compose.three-brokers.yml')
  const brokers = Object.keys(services).filter((name) => name.startsWith('kafka'))
  const variables = (name: string) => ({
    ...composeFile.services['kafka']?.environment,
    ...services[name]?.environment,
  })

  test('default: three brokers, each a voter under its own number and name, and the processes know all of them', () => {
    expect(brokers).toEqual(['kafka', 'kafka-2', 'kafka-3'])
    const voters = brokers.map((name) => `${variables(name)['KAFKA_NODE_ID']}@${name}:9093`)
    expect(voters).toEqual(['1@kafka:9093', '2@kafka-2:9093', '3@kafka-3:9093'])
    for (const name of brokers) {
      expect(variables(name)['KAFKA_CONTROLLER_QUORUM_VOTERS']).toBe(voters.join(','))
      expect(variables(name)['KAFKA_ADVERTISED_LISTENERS']).toBe(`PLAINTEXT://${name}:9092`)
    }
    for (const [name] of composeProcesses) {
      const bootstrap = brokers.map((broker) => `${broker}:9092`).join(',')
      expect(services[name]?.environment?.['TOCSIN_KAFKA_BROKERS']).toBe(bootstrap)
      expect(Object.keys(services[name]?.depends_on ?? {})).toEqual(brokers)
    }
  })

  test('behavior: what a broker keeps is kept three times, and two must have it: topics, transactions, groups', () => {
    for (const name of brokers) {
      expect(variables(name)).toMatchObject({
        KAFKA_DEFAULT_REPLICATION_FACTOR: '3',
        KAFKA_MIN_INSYNC_REPLICAS: '2',
        KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '3',
        KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '2',
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '3',
      })
    }
  })
})

describe.each(['docker-compose.yml', 'docker-compose.three-brokers.yml'])('%s', (file) => {
  // `- run(a ? 0: 1)` is a mapping to YAML; Compose refuses the whole file for it.
  test('behavior: every word of a command or a health check, and every variable, is a text', () => {
    for (const [name, { command = [], environment = {}, healthcheck, volumes = [] }] of Object.entries(
      readComposeFile(file).services,
    )) {
      const words: readonly unknown[] = [
        ...command,
        ...(healthcheck?.test ?? []),
        ...volumes,
        ...Object.values(environment),
      ]
      for (const word of words) expect(word, name).toBeTypeOf('string')
    }
  })
})

describe('.env.example', () => {
  test('behavior: what it says of a setting is accepted', () => {
    const lines = [...read('.env.example').matchAll(/^#? ?(TOCSIN_[A-Z0-9_]+)=(.*)$/gm)]
    const env = Object.fromEntries(lines.map(([, name = '', value = '']) => [name, value]))
    expect(Object.keys(env).toSorted()).toEqual(environmentNames(Object.values(allSettings)))
    expect(() => loadSettings(allSettings, { env })).not.toThrow()
  })
})

describe('Dockerfile', () => {
  test('behavior: the manifest of every workspace is copied before the install', () => {
    const { workspaces } = JSON.parse(read('package.json')) as { workspaces: readonly string[] }
    const copied = [...read('Dockerfile').matchAll(/^COPY (\S+)\/package\.json /gm)].map(([, folder = '']) => folder)
    expect(copied.toSorted()).toEqual(workspaces.toSorted())
  })

  test('behavior: it does not run as root', () => {
    expect(/^USER (.*)$/m.exec(read('Dockerfile'))?.[1]).toBe('node')
  })
})

describe('package-lock.json', () => {
  test('behavior: every platform’s packages are in it, or `npm ci` refuses the whole file', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as {
      packages: Readonly<Record<string, { optionalDependencies?: Readonly<Record<string, string>> }>>
    }
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
      ),
    )
    expect(missing, 'npm leaves out what its registry does not hold; restore the entries').toEqual([])
  })
})

describe('Prometheus and Grafana', () => {
  test('behavior: Prometheus asks each of the three processes where it listens', () => {
    const { scrape_configs: configs } = parse(read('deploy/prometheus/prometheus.yml')) as {
      scrape_configs: readonly { static_configs: readonly { targets: readonly string[] }[] }[]
    }
    const targets = configs.flatMap((config) => config.static_configs.flatMap((each) => each.targets))
    const listening = composeProcesses.map(([name, { environment = {} }]) => {
      const port = environment['TOCSIN_API_PORT'] ?? environment['TOCSIN_OPS_PORT']
      return `${name}:${port}`
    })
    expect(targets).toEqual(listening)
  })

  test('behavior: Grafana’s data source is the Prometheus of the compose file, and the dashboard uses it', () => {
    const { datasources } = parse(read('deploy/grafana/provisioning/datasources/prometheus.yml')) as {
      datasources: readonly { uid: string; url: string }[]
    }
    expect(datasources.map(({ url }) => url)).toEqual(['http://prometheus:9090'])
    expect(composeFile.services).toHaveProperty('prometheus')
    const uids = [...read('deploy/grafana/dashboards/tocsin.json').matchAll(/"type": "prometheus",\s*"uid": "(\w+)"/g)]
    expect(new Set(uids.map(([, uid]) => uid))).toEqual(new Set(datasources.map(({ uid }) => uid)))
  })

  test('behavior: every measure of ours is on the dashboard, and nothing else that calls itself ours', () => {
    const { panels } = JSON.parse(read('deploy/grafana/dashboards/tocsin.json')) as {
      panels: readonly { targets?: readonly { expr: string }[] }[]
    }
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)).join('\n')
    const shown = new Set(
      (expressions.match(/tocsin_\w+/g) ?? []).map((name) => name.replace(/_(?:count|sum|bucket)$/, '')),
    )
    const measured = measuredNames()
    expect(measured.length).toBeGreaterThan(20)
    // Records that were read again say nothing to an operator.
    const left = ['tocsin_alerts_repeated_records_total']
    expect([...shown].toSorted()).toEqual(measured.filter((name) => !left.includes(name)).toSorted())
  })
})
