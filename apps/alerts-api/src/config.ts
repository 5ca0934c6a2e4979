import { defineSettings, setting, type SettingsOf } from '@tocsin/service-kit'

/** What `tocsin serve` reads, beside the shared settings. */
export const alertsApiSettings = defineSettings({
  apiHost: setting.string({
    env: 'TOCSIN_API_HOST',
    flag: 'host',
    doc: 'The address that the API and the dashboard listen on. There are no accounts yet: keep it private.',
    default: '127.0.0.1',
  }),
  apiPort: setting.integer({
    env: 'TOCSIN_API_PORT',
    flag: 'port',
    doc: 'The port that the API and the dashboard listen on; 0 takes any free one.',
    default: 4680,
    min: 0,
    max: 65_535,
  }),
  databaseUrl: setting.url({
    env: 'TOCSIN_DATABASE_URL',
    flag: 'database-url',
    doc: 'The PostgreSQL database that keeps alerts. None: an embedded one in databaseFolder.',
    protocols: ['postgresql', 'postgres'],
    default: null,
  }),
  databaseFolder: setting.path({
    env: 'TOCSIN_DATABASE_FOLDER',
    flag: 'database-folder',
    doc: 'Where the embedded PostgreSQL keeps its data, if databaseUrl is not set.',
    default: '.tocsin/postgres',
  }),
  dashboardFolder: setting.path({
    env: 'TOCSIN_DASHBOARD_FOLDER',
    flag: 'dashboard-folder',
    doc: 'The built dashboard that is served beside the API. None: the API alone.',
    default: null,
  }),
  allowPrivateWebhooks: setting.boolean({
    env: 'TOCSIN_ALLOW_PRIVATE_WEBHOOKS',
    flag: 'allow-private-webhooks',
    doc: 'Whether webhooks may go to this host and private networks.',
    default: false,
  }),
  webhookTimeout: setting.duration({
    env: 'TOCSIN_WEBHOOK_TIMEOUT',
    flag: 'webhook-timeout',
    doc: 'How long a receiver may take to answer a webhook.',
    default: 15_000,
    min: 100,
    max: 60_000,
  }),
  webhookConcurrency: setting.integer({
    env: 'TOCSIN_WEBHOOK_CONCURRENCY',
    flag: 'webhook-concurrency',
    doc: 'How many webhook deliveries are under way at once.',
    default: 16,
    min: 1,
    max: 256,
    unit: 'deliveries',
  }),
})

export type AlertsApiConfig = SettingsOf<typeof alertsApiSettings> & { readonly topicPrefix: string }
