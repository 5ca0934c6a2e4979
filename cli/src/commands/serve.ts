import { alertsApiSettings, startAlertsApi } from '@tocsin/alerts-api'
import { detectorSettings } from '@tocsin/detector'
import { aborted, createMetrics, sharedSettings } from '@tocsin/service-kit'
import { knownSettings } from '../all-settings.ts'
import { checkCluster, openClusterLog } from '../cluster-log.ts'
import { clusterSettings } from '../cluster-settings.ts'
import { defineCommand } from '../command.ts'
import { builtDashboard } from '../dashboard-folder.ts'
import { describedDetectors } from '../described-detectors.ts'
import { rulesFrom } from '../rules.ts'

export const serve = defineCommand(
  {
    name: 'serve',
    runs: 'until-stopped',
    summary: 'Store alerts in PostgreSQL; serve the API, webhooks and the dashboard.',
    about: [
      'Reads alerts from Kafka into PostgreSQL and serves them: REST under /api (OpenAPI at /api/docs), a live stream,',
      'webhooks, the dashboard, /health and /metrics, until it is stopped.',
    ].join('\n'),
    examples: [
      'tocsin serve --kafka-brokers localhost:9092 --database-url postgres://tocsin:secret@localhost/tocsin',
      'TOCSIN_API_HOST=0.0.0.0 tocsin serve --kafka-brokers kafka:9092',
    ],
    settings: {
      shared: sharedSettings,
      cluster: clusterSettings,
      api: alertsApiSettings,
      detector: { rules: detectorSettings.rules },
    },
    check: async ({ settings }) => {
      checkCluster(settings, 'serve')
      await rulesFrom(settings.detector.rules, null)
    },
    run: async ({ settings, lifecycle, log, io }) => {
      const eventLog = openClusterLog(settings, 'serve', lifecycle)
      const { shared, api: config, detector } = settings
      const api = await startAlertsApi(
        { ...config, topicPrefix: shared.topicPrefix, dashboardFolder: config.dashboardFolder ?? builtDashboard() },
        {
          log: eventLog,
          logger: log,
          metrics: createMetrics({ process: true }),
          neighbours: { detectors: describedDetectors(await rulesFrom(detector.rules, null)) },
          now: io.now,
          random: io.random,
        },
        lifecycle.signal,
      )
      lifecycle.onStop('the alerts API', () => api.close())
      log.info('serving', { url: api.url })
      await Promise.race([api.failure, aborted(lifecycle.signal)])
      return undefined
    },
  },
  knownSettings,
)
