import { useCallback, useMemo, useRef, useState } from 'react'
import { AlertList } from './alert-list.tsx'
import { everyAlert } from './alert-query.ts'
import { fetchDetectors, fetchStats, type DetectorDescription, type StreamState } from './api.ts'
import { DetectorCatalogue } from './detector-catalogue.tsx'
import { UnitContext, unitsOf } from './detector-units.ts'
import { PipelineHealth } from './pipeline-health.tsx'
import { routeHash, type Route } from './route.ts'
import { applyTheme, rememberedTheme, type Theme } from './theme.ts'
import { useResource } from './use-resource.ts'
import { useRoute } from './use-route.ts'
import { WebhookList } from './webhook-list.tsx'

const firstList = { page: 'alerts', query: everyAlert, alertId: null } as const
const noDetectors: readonly DetectorDescription[] = []

const pages = [
  { page: 'alerts', name: 'Alerts' },
  { page: 'detectors', name: 'Detectors' },
  { page: 'pipeline', name: 'Pipeline' },
  { page: 'webhooks', name: 'Webhooks' },
] as const

/** The frame of every page: where one is, how the stream stands, light or dark. */
export function App() {
  const route = useRoute()
  // Other pages keep the list's query, so that going back finds the list as it was left.
  const [lastList, setLastList] = useState<Route & { page: 'alerts' }>(firstList)
  const list = route.page === 'alerts' ? route : lastList
  if (list !== lastList) setLastList(list)
  const main = useRef<HTMLElement>(null)
  const [stream, setStream] = useState<StreamState>('connecting')
  const detectors = useResource(
    useCallback((signal: AbortSignal) => fetchDetectors(signal), []),
    60_000,
  )
  const stats = useResource(
    useCallback((signal: AbortSignal) => fetchStats(signal), []),
    5_000,
  )
  const known = detectors.type === 'ready' ? detectors.value : noDetectors
  const unitOf = useMemo(() => unitsOf(known), [known])
  const counts = stats.type === 'ready' ? stats.value : null
  return (
    <UnitContext value={unitOf}>
      <button type="button" className="skip" onClick={() => main.current?.focus()}>
        Skip to content
      </button>
      <header className="bar">
        <a className="brand" href="#/alerts" aria-label="Tocsin: all alerts">
          <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
            <path d="M12 3c-4.2 0-6 3-6 7v5l-2 3h16l-2-3v-5c0-4-1.8-7-6-7z" />
            <path d="M9.5 20a2.5 2.5 0 0 0 5 0z" />
          </svg>
          Tocsin
        </a>
        <nav aria-label="Pages">
          {pages.map(({ page, name }) => (
            <a
              key={page}
              href={page === 'alerts' ? routeHash({ ...list, alertId: null }) : `#/${page}`}
              aria-current={route.page === page ? 'page' : undefined}
            >
              {name}
            </a>
          ))}
        </nav>
        <div className="bar-end">
          <StreamMark state={stream} />
          <ThemeSwitch />
        </div>
      </header>
      <main ref={main} tabIndex={-1}>
        <AlertList
          visible={route.page === 'alerts'}
          query={list.query}
          alertId={list.alertId}
          detectors={known}
          stats={counts}
          onStream={setStream}
        />
        {route.page === 'detectors' && <DetectorCatalogue detectors={detectors} counts={counts?.byDetector ?? {}} />}
        {route.page === 'pipeline' && <PipelineHealth />}
        {route.page === 'webhooks' && <WebhookList />}
      </main>
    </UnitContext>
  )
}

const streamWords: Readonly<Record<StreamState, { word: string; meaning: string }>> = {
  connecting: { word: 'Connecting', meaning: 'Opening the stream of alerts' },
  live: { word: 'Live', meaning: 'Alerts appear as they happen' },
  lost: { word: 'Reconnecting', meaning: 'The stream was lost; what was missed will be read when it is back' },
}

function StreamMark({ state }: { state: StreamState }) {
  return (
    <span className={`stream stream-${state}`} role="status" title={streamWords[state].meaning}>
      <span className="stream-dot" aria-hidden="true" />
      <span className="stream-word">{streamWords[state].word}</span>
    </span>
  )
}

const nextTheme: Readonly<Record<Theme, Theme>> = { system: 'dark', dark: 'light', light: 'system' }

function ThemeSwitch() {
  const [theme, setTheme] = useState(rememberedTheme)
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={`Theme: ${theme}`}
      title={`Theme: ${theme}. Click for ${nextTheme[theme]}.`}
      onClick={() => {
        applyTheme(nextTheme[theme])
        setTheme(nextTheme[theme])
      }}
    >
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        {theme === 'system' && (
          <>
            <circle cx="8" cy="8" r="5.5" />
            <path className="solid" d="M8 2.5a5.5 5.5 0 0 1 0 11z" />
          </>
        )}
        {theme === 'dark' && <path className="solid" d="M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5z" />}
        {theme === 'light' && (
          <>
            <circle cx="8" cy="8" r="3" />
            <path d="M8 1v2M8 13v2M1 8h2M13 8h2M3.1 3.1l1.4 1.4M11.5 11.5l1.4 1.4M3.1 12.9l1.4-1.4M11.5 4.5l1.4-1.4" />
          </>
        )}
      </svg>
    </button>
  )
}
