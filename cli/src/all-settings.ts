import { alertsApiSettings } from '@tocsin/alerts-api'
import { detectorSettings } from '@tocsin/detector'
import { ingestorSettings } from '@tocsin/ingestor'
import { opsSettings, sharedSettings, type SettingsTables } from '@tocsin/service-kit'
import { clusterSettings } from './cluster-settings.ts'
import { generalSettings } from './command.ts'
import { startSettings } from './start-settings.ts'

/** Every table of every process, for docs/settings.md and .env.example. */
export const allSettings: SettingsTables = {
  general: generalSettings,
  shared: sharedSettings,
  cluster: clusterSettings,
  ops: opsSettings,
  start: startSettings,
  ingestor: ingestorSettings,
  detector: detectorSettings,
  alertsApi: alertsApiSettings,
}

/** One environment may serve all processes: what another reads is no mistake. */
export const knownSettings = Object.values(allSettings)
