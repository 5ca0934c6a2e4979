import { alertStatuses, severities } from '@tocsin/chain-model'
import { useEffect, useRef, useState, type RefObject } from 'react'
import { everyAlert, normalKey, ranges, type AlertQuery, type RangeName } from './alert-query.ts'
import type { AlertStats } from './api.ts'
import { detectorName, formatCount, formatDay, formatTime } from './format.ts'

const rangeLabels: Readonly<Record<RangeName, string>> = {
  '15m': 'Last 15 min',
  '1h': 'Last hour',
  '24h': 'Last 24 h',
  '7d': 'Last 7 days',
}

/** Everything that narrows the list. Each control shows the query of the address bar and writes it back. */
export function FilterBar({
  query,
  onChange,
  detectors,
  stats,
  searchField,
}: {
  query: AlertQuery
  onChange: (query: AlertQuery) => void
  detectors: readonly string[]
  stats: AlertStats | null
  searchField: RefObject<HTMLInputElement | null>
}) {
  const filtered = JSON.stringify(query) !== JSON.stringify(everyAlert)
  const counted = (name: string, count: number | undefined) =>
    count === undefined ? name : `${name} (${formatCount(count)})`
  return (
    <search className="filters">
      <KeySearch value={query.key} onChange={(key) => onChange({ ...query, key })} field={searchField} />
      <label className="select">
        <span className="visually-hidden">Detector</span>
        <select
          aria-label="Detector"
          data-set={query.detector !== null}
          value={query.detector ?? ''}
          onChange={(event) => onChange({ ...query, detector: event.target.value || null })}
        >
          <option value="">All detectors</option>
          {detectors.map((id) => (
            <option key={id} value={id}>
              {counted(detectorName(id), stats?.byDetector[id])}
            </option>
          ))}
        </select>
      </label>
      <label className="select">
        <span className="visually-hidden">Severity</span>
        <select
          aria-label="Severity"
          data-set={query.severity !== null}
          value={query.severity ?? ''}
          onChange={(event) =>
            onChange({ ...query, severity: severities.find((name) => name === event.target.value) ?? null })
          }
        >
          <option value="">All severities</option>
          {severities.toReversed().map((name) => (
            <option key={name} value={name}>
              {counted(name, stats?.bySeverity[name])}
            </option>
          ))}
        </select>
      </label>
      <div className="segments" role="group" aria-label="Status">
        <button type="button" aria-pressed={query.status === null} onClick={() => onChange({ ...query, status: null })}>
          All
        </button>
        {alertStatuses.map((status) => (
          <button
            key={status}
            type="button"
            aria-pressed={query.status === status}
            onClick={() => onChange({ ...query, status: query.status === status ? null : status })}
          >
            {status}
            {stats?.byStatus[status] !== undefined && (
              <span className="segment-count">{formatCount(stats.byStatus[status])}</span>
            )}
          </button>
        ))}
      </div>
      <label className="select">
        <span className="visually-hidden">Time range</span>
        <select
          aria-label="Time range"
          data-set={query.time.type !== 'any'}
          value={query.time.type === 'last' ? query.time.range : query.time.type}
          onChange={(event) => onChange({ ...query, time: timeOfChoice(event.target.value, query.time) })}
        >
          <option value="any">Any time</option>
          {(Object.keys(ranges) as RangeName[]).map((name) => (
            <option key={name} value={name}>
              {rangeLabels[name]}
            </option>
          ))}
          <option value="between">Between…</option>
        </select>
      </label>
      {query.time.type === 'between' && (
        <span className="between">
          <MomentField
            label="From"
            value={query.time.from}
            onChange={(from) => query.time.type === 'between' && onChange({ ...query, time: { ...query.time, from } })}
          />
          <span aria-hidden="true">–</span>
          <MomentField
            label="To"
            value={query.time.to}
            onChange={(to) => query.time.type === 'between' && onChange({ ...query, time: { ...query.time, to } })}
          />
        </span>
      )}
      {filtered && (
        <button type="button" className="button button-quiet" onClick={() => onChange(everyAlert)}>
          Clear
        </button>
      )}
    </search>
  )
}

function KeySearch({
  value,
  onChange,
  field,
}: {
  value: string | null
  onChange: (key: string | null) => void
  field: RefObject<HTMLInputElement | null>
}) {
  const [text, setText] = useState(value ?? '')
  const sent = useRef(value)
  useEffect(() => {
    if (value === sent.current) return
    sent.current = value
    setText(value ?? '')
  }, [value])
  const send = (next: string) => {
    sent.current = normalKey(next)
    onChange(sent.current)
  }
  return (
    <form
      className="key-search"
      onSubmit={(event) => {
        event.preventDefault()
        send(text)
      }}
    >
      <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">
        <path d="M6 10.5a4.5 4.5 0 1 1 0-9 4.5 4.5 0 0 1 0 9zM9.5 9.5 13 13" />
      </svg>
      <input
        ref={field}
        type="search"
        spellCheck={false}
        autoComplete="off"
        aria-label="Key: a wallet, pool or asset"
        placeholder="Wallet, pool or asset"
        value={text}
        onChange={(event) => {
          setText(event.target.value)
          // A whole address needs no Enter, and neither does an emptied field.
          const next = event.target.value
          if (next.trim() === '' || /^\s*0x[0-9a-f]{40}\s*$/i.test(next)) send(next)
        }}
        onBlur={() => normalKey(text) !== sent.current && send(text)}
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  )
}

function MomentField({
  label,
  value,
  onChange,
}: {
  label: string
  value: number | null
  onChange: (value: number | null) => void
}) {
  return (
    <input
      className="moment"
      type="datetime-local"
      step="1"
      aria-label={label}
      value={value === null ? '' : `${formatDay(value)}T${formatTime(value)}`}
      onChange={(event) => {
        const time = new Date(event.target.value).getTime()
        onChange(Number.isNaN(time) ? null : time)
      }}
    />
  )
}

function timeOfChoice(choice: string, before: AlertQuery['time']): AlertQuery['time'] {
  const range = (Object.keys(ranges) as RangeName[]).find((name) => name === choice)
  if (range !== undefined) return { type: 'last', range }
  if (choice !== 'between') return { type: 'any' }
  return before.type === 'between' ? before : { type: 'between', from: Date.now() - ranges['1h'], to: null }
}
