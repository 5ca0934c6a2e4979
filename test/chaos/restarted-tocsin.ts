import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AlertJson } from '@tocsin/alerts-api'
import { sampleOf } from '../prometheus-text.ts'
import { startTocsin, type Running } from '../tocsin-process.ts'

/** `tocsin start` on one data folder, killed and started again. */
export interface RestartedTocsin {
  /** Where the API is, once it is ready. */
  url(): Promise<string>
  /** `kill -9`, at once, wherever it is; then a new process on the same folder. */
  killAndRestart(): Promise<void>
  /** `kill -9` of the PostgreSQL that it runs, if that is up. @returns whether it was. */
  killPostgres(): Promise<boolean>
  /** Ends it as Ctrl-C does. @throws if it does not end cleanly. */
  stop(): Promise<void>
  /** Ends it anyhow, with its PostgreSQL. */
  abandon(): Promise<void>
  /** @throws if it ended by itself. */
  assertRunning(): void
  output(): string
}

const readyDeadlineMs = 90_000

export function startOn(data: string, args: readonly string[]): RestartedTocsin {
  const before: string[] = []
  let running: Running
  let endedByItself: string | undefined
  let wanted = false
  const start = () => {
    wanted = false
    const started = startTocsin(['start', '--data', data, '--port', '0', ...args])
    running = started
    void started.finished.then(({ code, signal }) => {
      if (!wanted && started === running) endedByItself = `tocsin ended by itself (${code ?? signal}).`
    })
  }
  const end = async (signal: NodeJS.Signals) => {
    wanted = true
    running.child.kill(signal)
    return running.finished
  }
  start()
  return {
    url: async () => {
      const [, url = ''] = await running.printed(/Tocsin is ready: (\S+)/, readyDeadlineMs)
      return url
    },
    killAndRestart: async () => {
      await end('SIGKILL')
      before.push(running.output())
      start()
    },
    killPostgres: () => killPostgresIn(join(data, 'postgres')),
    stop: async () => {
      const { code, signal } = await end('SIGINT')
      if (code !== 0 && signal !== 'SIGINT') throw new Error(`tocsin did not end cleanly (${code ?? signal}).`)
    },
    abandon: async () => {
      await end('SIGKILL')
      await killPostgresIn(join(data, 'postgres'))
    },
    assertRunning: () => {
      if (endedByItself !== undefined) throw new Error(endedByItself)
    },
    output: () => [...before, running.output()].join('\n--- kill -9 ---\n'),
  }
}

/** The process of the PostgreSQL on this data, if it is up or was killed. */
export async function postgresIn(folder: string): Promise<number | undefined> {
  const lock = await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '')
  const pid = Number(lock.split('\n')[0])
  return Number.isInteger(pid) && pid > 0 ? pid : undefined
}

/** `kill -9` of the PostgreSQL on this data, if it is up. @returns whether it was. */
export async function killPostgresIn(folder: string): Promise<boolean> {
  const pid = await postgresIn(folder)
  if (pid === undefined) return false
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch {
    return false // it had ended; the file was left behind
  }
}

/** Every alert as the API shows it, by id. */
export async function alertsOver(url: string): Promise<ReadonlyMap<string, AlertJson>> {
  const alerts = new Map<string, AlertJson>()
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: { items: AlertJson[]; nextCursor: string | null } = await getJson(
      `${url}/api/alerts?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
    )
    for (const alert of page.items) alerts.set(alert.id, alert)
    cursor = page.nextCursor
  }
  return alerts
}

/** The alert's transitions as the API shows them. */
export async function transitionsOver(url: string, id: string): Promise<readonly AlertJson[]> {
  const { transitions } = await getJson<{ transitions: readonly AlertJson[] }>(`${url}/api/alerts/${id}`)
  return transitions
}

interface PipelineView {
  readonly detector: {
    readonly status: string
    readonly inputs: readonly { readonly committed: number; readonly end: number }[]
  } | null
  readonly alerts: {
    readonly status: string
    readonly lagRecords: number | null
    readonly deadLetters: number
    readonly lastEventId: string
    readonly deliveries: { readonly pending: number; readonly dead: number }
  }
}

/** What is still to be done before everything up to block `head` is worked off; empty if nothing, with what is stored. */
export async function workLeft(url: string, head: number): Promise<{ readonly left: string; readonly stored: string }> {
  const { detector, alerts } = await getJson<PipelineView>(`${url}/api/pipeline`)
  const metrics = await (await fetch(`${url}/metrics`)).text()
  const sealed = sampleOf(metrics, 'tocsin_ingestor_head_block')
  const left = [
    sealed !== head && `the log stands at block ${sealed} of ${head}`,
    detector?.status !== 'running' && `the detector is ${detector?.status}`,
    detector?.inputs.some(({ committed, end }) => committed < end) &&
      `the detector is behind: ${JSON.stringify(detector)}`,
    alerts.status !== 'reading' && `the API is ${alerts.status}`,
    alerts.lagRecords !== 0 && `the API is ${alerts.lagRecords} records behind`,
    alerts.deliveries.pending > 0 && `${alerts.deliveries.pending} deliveries wait`,
  ]
  return {
    left: left.filter((one) => typeof one === 'string').join('; '),
    stored: `${alerts.lastEventId} transitions, ${alerts.deadLetters} dead letters, ${alerts.deliveries.dead} dead deliveries`,
  }
}

export async function getJson<T>(url: string, init?: RequestInit): Promise<T> {
  const response = await fetch(url, init)
  if (!response.ok) throw new Error(`${url} answers ${response.status}: ${await response.text()}`)
  return (await response.json()) as T // our own API, whose shapes its own tests hold
}
