import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadSettings } from '@tocsin/service-kit'
import { allSettings } from 'tocsin/settings'
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1'
import { PodMonitor, PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { composeProcesses } from '../compose-file.ts'
import { root } from '../source-files.ts'
import { startHelm, type Helm } from './helm.ts'

const chart = join(root, 'deploy/helm/tocsin')
const started: Helm | string = await startHelm().catch((error: unknown) => {
  const reason = error instanceof Error ? error.message : String(error)
  if (process.env['TOCSIN_REQUIRE']?.split(',').includes('helm') === true) throw error
  process.stderr.write(`The chart is not tested: ${reason}\n`)
  return reason
})

/** The least that must be given. */
const least = {
  'kafka.brokers[0]': 'kafka-0:9092',
  'kafka.brokers[1]': 'kafka-1:9092',
  'secret.rpc': 'https://node.example',
  'secret.databaseUrl': 'postgresql://tocsin:secret@postgres:5432/tocsin',
}
const everything = {
  ...least,
  'detector.replicas': '3',
  'detector.autoscaling.enabled': 'true',
  'detector.volume.storageClassName': 'fast',
  'networkPolicy.enabled': 'true',
  'prometheus.enabled': 'true',
  'prometheus.labels.release': 'monitoring',
  'grafana.enabled': 'true',
  'ingestor.files.prices\\.csv': 'asset,price',
  'ingestor.settings.TOCSIN_PRICES': '/etc/tocsin/prices.csv',
  'settings.TOCSIN_LOG_LEVEL': 'debug',
  'pod.nodeSelector.disk': 'ssd',
  'image.pullSecrets[0].name': 'registry',
}

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, unknown>> }
  readonly spec?: Readonly<Record<string, unknown>>
}
interface Container {
  readonly name: string
  readonly command: readonly string[]
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[]
}

const manifestsOf = (yaml: string) =>
  parseAllDocuments(yaml)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null)

/** Kubernetes takes no number where it wants a text, and its Java types do not mind: `label: 1`, `value: true`. */
function notTexts(value: unknown, path = ''): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, field]: [string, unknown]) => {
    const here = `${path}.${name}`
    const ofTexts = /^(labels|annotations|matchLabels|nodeSelector|stringData|data)$/.test(name)
    if (ofTexts && typeof field === 'object' && field !== null)
      return Object.entries(field).flatMap(([key, text]) => (typeof text === 'string' ? [] : [`${here}.${key}`]))
    if (name === 'value' && typeof field !== 'string') return [here]
    return notTexts(field, here)
  })
}

/** All that is wrong with manifests. */
async function problemsOf(helm: Helm, manifests: readonly Manifest[]): Promise<readonly string[]> {
  const { problems, unknown } = await helm.validate(manifests)
  const custom = { ScaledObject, PodMonitor, PrometheusRule } as const
  const others = manifests.flatMap((manifest) => {
    if (!unknown.includes(`${manifest.apiVersion} ${manifest.kind}`)) return []
    const Model = Object.entries(custom).find(([kind]) => kind === manifest.kind)?.[1]
    if (Model === undefined) return [`${manifest.apiVersion} ${manifest.kind}: nothing here knows this kind`]
    try {
      new Model(manifest as never).validate() // doubted by its own schema, which is why it is given unread
      return []
    } catch (error) {
      return [`${manifest.kind}: ${error instanceof Error ? error.message : String(error)}`]
    }
  })
  const texts = manifests.flatMap((manifest) => notTexts(manifest).map((path) => `${manifest.kind}${path} is no text`))
  return [...problems, ...others, ...texts]
}

describe.skipIf(typeof started === 'string')('deploy/helm/tocsin, by Helm and Kubernetes’ types', () => {
  let helm: Helm
  beforeAll(() => {
    if (typeof started !== 'string') helm = started
  })
  afterAll(() => helm.close())
  const render = async (set: Readonly<Record<string, string>>) => manifestsOf(await helm.template(chart, set))
  const containersOf = (manifests: readonly Manifest[]) =>
    manifests
      .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
      .map(({ spec }) => (spec as { template: { spec: { containers: readonly Container[] } } }).template.spec)
      .flatMap(({ containers }) => containers)

  test('default: the linter has nothing against it, strictly', async () => {
    expect(await helm.lint(chart)).toEqual([])
  })

  test('default: with the least given, the three processes and what they need; valid', async () => {
    const manifests = await render(least)
    expect(manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted()).toEqual([
      'Deployment watch-tocsin-alerts-api',
      'Deployment watch-tocsin-ingestor',
      'PodDisruptionBudget watch-tocsin-alerts-api',
      'PodDisruptionBudget watch-tocsin-detector',
      'PodDisruptionBudget watch-tocsin-ingestor',
      'Secret watch-tocsin',
      'Service watch-tocsin-alerts-api',
      'Service watch-tocsin-detector',
      'ServiceAccount watch-tocsin',
      'StatefulSet watch-tocsin-detector',
    ])
    expect(await problemsOf(helm, manifests)).toEqual([])
  })

  test('behavior: with everything on it is valid too, and has the alert rules and the dashboard that are in deploy', async () => {
    const manifests = await render(everything)
    expect(await problemsOf(helm, manifests)).toEqual([])
    const rule = manifests.find(({ kind }) => kind === 'PrometheusRule')
    expect(rule?.spec).toEqual(parse(await readFile(join(root, 'deploy/prometheus/alerts.yml'), 'utf8')))
    // The rules and the dashboard ask for job="tocsin".
    const monitor = manifests.find(({ kind }) => kind === 'PodMonitor')
    expect(monitor?.spec).toMatchObject({ jobLabel: 'app.kubernetes.io/name' })
    const dashboard = manifests.find(({ metadata }) => metadata.name === 'watch-tocsin-dashboard')
    expect(dashboard).toMatchObject({
      data: { 'tocsin.json': await readFile(join(root, 'deploy/grafana/dashboards/tocsin.json'), 'utf8') },
    })
  })

  test('behavior: the processes run the commands of docker-compose.yml, and every variable is a setting that is accepted', async () => {
    const containers = containersOf(await render(everything))
    expect(containers.map(({ name, command }) => `${name}: ${command.join(' ')}`).toSorted()).toEqual(
      composeProcesses.map(([name, { command }]) => `${name}: ${command?.join(' ')}`).toSorted(),
    )
    const secret = { TOCSIN_RPC: least['secret.rpc'], TOCSIN_DATABASE_URL: least['secret.databaseUrl'] }
    for (const { name, env } of containers) {
      const given = Object.fromEntries(
        env.map((one) => [one.name, one.value ?? Object.entries(secret).find(([key]) => key === one.name)?.[1]]),
      )
      expect(() => loadSettings(allSettings, { env: given }), name).not.toThrow()
      expect(given).toMatchObject({ TOCSIN_KAFKA_BROKERS: 'kafka-0:9092,kafka-1:9092', TOCSIN_LOG_LEVEL: 'debug' })
    }
  })

  test('behavior: no process is root or writes to its image, each has its probes, a request and a limit of memory', async () => {
    for (const container of containersOf(await render(least))) {
      expect(container).toMatchObject({
        securityContext: {
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
        },
        livenessProbe: { httpGet: { path: '/health/live' } },
        readinessProbe: { httpGet: { path: '/health/ready' } },
        resources: { requests: { memory: expect.any(String) }, limits: { memory: expect.any(String) } },
      })
    }
  })

  test.each([
    [{}, /kafka\.brokers: name the bootstrap brokers|secret\.rpc: give|secret\.databaseUrl: give/],
    [{ ...least, 'kafka.brokers[0]': 'kafka' }, /kafka.brokers.0.*pattern/s],
    [{ ...least, 'detector.replicas': '0' }, /detector.replicas/],
    [{ ...least, 'detektor.replicas': '2' }, /detektor/],
    [{ ...least, 'settings.LOG_LEVEL': 'debug' }, /LOG_LEVEL/],
  ])('error: %j is refused, saying what', async (set, said) => {
    await expect(helm.template(chart, set)).rejects.toThrow(said)
  })

  // A check that cannot fail checks nothing: each is planted into a copy of the chart.
  test.each([
    ['detector.yaml', 'serviceName:', 'servicesName:', /servicesName.* is not defined/],
    ['_helpers.tpl', 'livenessProbe:', 'livenesProbe:', /livenesProbe.* is not defined/],
    ['alerts-api.yaml', 'containerPort: 4680', 'port: 4680', /`port`.* is not defined/],
    ['disruption-budgets.yaml', 'selector:\n', 'selectors:\n', /selectors.* is not defined/],
    ['detector.yaml', 'scaleTargetRef:', 'scaleTarget:', /ScaledObject.*scaleTargetRef/s],
    ['_helpers.tpl', '| toString | quote', '', /value is no text/],
  ])('error: %s with %j as %j is found', async (file, right, wrong, said) => {
    const copy = await mkdtemp(join(tmpdir(), 'tocsin-chart-'))
    await cp(chart, copy, { recursive: true, dereference: true })
    const path = join(copy, 'templates', file)
    const text = await readFile(path, 'utf8')
    expect(text).toContain(right)
    await writeFile(path, text.replaceAll(right, wrong))
    const manifests = manifestsOf(await helm.template(copy, { ...everything, 'settings.TOCSIN_CHAIN_ID': '1' }))
    expect((await problemsOf(helm, manifests)).join('\n')).toMatch(said)
    await rm(copy, { recursive: true })
  })
})
