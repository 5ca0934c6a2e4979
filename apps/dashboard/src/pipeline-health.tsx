import { useCallback, type ReactNode } from 'react'
import { fetchPipeline } from './api.ts'
import { chainName, formatAge, formatCount, formatDay, formatDuration, formatTime, formatUtc } from './format.ts'
import { countedDurationsOf, durationsText, timeSharesOf } from './job-measures.ts'
import { numberOf, objectOf, textOf, timeOf, type JsonObject } from './json.ts'
import { Copyable, Empty, FailureNote } from './marks.tsx'
import { useNow } from './use-now.ts'
import { useResource } from './use-resource.ts'

/** The order of the data; parts with other names follow. */
const order = ['ingestor', 'detector', 'alerts']
const partNames: Readonly<Record<string, { title: string; meaning: string }>> = {
  ingestor: { title: 'Ingestor', meaning: 'reads the chain and writes blocks to the log, in order and whole' },
  detector: { title: 'Detector', meaning: 'folds the log into alerts; a commit makes both durable at once' },
  alerts: { title: 'Alerts', meaning: 'stores every transition, streams it here and delivers it to webhooks' },
}

/**
 * How the parts of the pipeline stand, read every 2 s. What a process tells of itself changes more often than this page:
 * known names get a good form, anything else is shown by its name.
 */
export function PipelineHealth() {
  const load = useCallback((signal: AbortSignal) => fetchPipeline(signal), [])
  const pipeline = useResource(load, 2_000)
  const now = useNow(1_000)
  const value = (pipeline.type === 'ready' ? pipeline.value : null) ?? {}
  const names = [
    ...order.filter((name) => name in value),
    ...Object.keys(value).filter((name) => !order.includes(name)),
  ]
  return (
    <div className="page">
      <header className="page-head">
        <h1>Pipeline</h1>
        <p className="quiet">From the chain to the alert: what each part has read, and what waits.</p>
      </header>
      {pipeline.type === 'failed' && <FailureNote failure={pipeline.failure} />}
      {pipeline.type === 'ready' && pipeline.failure !== null && <FailureNote failure={pipeline.failure} />}
      {pipeline.type === 'ready' && names.length === 0 && (
        <Empty title="This API does not see the pipeline">
          <p>
            It runs in another process: its own <code>/metrics</code> tell how it stands. With <code>tocsin start</code>{' '}
            everything is in one process and shown here.
          </p>
        </Empty>
      )}
      {names.map((name) => (
        <section key={name} className="card pipeline-part">
          <header>
            <h2>{partNames[name]?.title ?? words(name)}</h2>
            <span className="quiet">{partNames[name]?.meaning}</span>
          </header>
          {value[name] === null ? (
            <p className="quiet">
              Runs in another process: its own <code>/metrics</code> tell how it stands.
            </p>
          ) : Array.isArray(value[name]) ? (
            <ListOfParts name={name} items={value[name]} now={now} />
          ) : typeof value[name] === 'object' ? (
            <Part value={objectOf(value[name])} now={now} />
          ) : (
            <p>{valueText(name, value[name], now)}</p>
          )}
        </section>
      ))}
    </div>
  )
}

/** An object: its plain values as tiles, its lists as tables, its parts below with their names. */
function Part({ value, now }: { value: JsonObject; now: number }) {
  const entries = Object.entries(value).filter(([, field]) => field !== null && field !== undefined)
  const plain = entries.filter(([, field]) => typeof field !== 'object')
  const measured = entries.flatMap(([name, field]) => {
    const text = measureText(field)
    return text === undefined ? [] : [{ name, text }]
  })
  const time = entries.flatMap(([name, field]) => {
    const shares = timeSharesOf(field)
    return shares === null ? [] : [{ name, shares }]
  })
  const nested = entries.filter(
    ([, field]) => typeof field === 'object' && measureText(field) === undefined && timeSharesOf(field) === null,
  )
  return (
    <>
      {plain.length > 0 && (
        <dl className="tiles">
          {plain.map(([name, field]) => (
            <div key={name}>
              <dt>{words(name)}</dt>
              <dd>{valueText(name, field, now)}</dd>
            </div>
          ))}
        </dl>
      )}
      {time.map(({ name, shares }) => (
        <TimeBar key={name} shares={shares} />
      ))}
      {measured.length > 0 && (
        <dl className="measures">
          {measured.map(({ name, text }) => (
            <div key={name}>
              <dt>{words(name)}</dt>
              <dd>{text ?? <span className="quiet">none yet</span>}</dd>
            </div>
          ))}
        </dl>
      )}
      {nested.map(([name, field]) => (
        <div key={name} className="part">
          <h3>{words(name)}</h3>
          {Array.isArray(field) ? (
            <ListOfParts name={name} items={field} now={now} />
          ) : Object.keys(objectOf(field)).length === 0 ? (
            <p className="quiet">none</p>
          ) : (
            <Part value={objectOf(field)} now={now} />
          )}
        </div>
      ))}
    </>
  )
}

/** Durations in one line; null if there were none yet, undefined if the value is something else. */
function measureText(value: unknown): string | null | undefined {
  const durations = countedDurationsOf(value)
  if (durations !== null) return durationsText(durations)
  const { p50, p99, max, ...others } = objectOf(value)
  const delays = [p50, p99, max].map(numberOf)
  const [median, high, longest] = delays.map((delay) => (delay === null ? '' : formatDuration(Math.round(delay))))
  return delays.includes(null) || Object.keys(others).length > 0
    ? undefined
    : `p50 ${median}, p99 ${high}, at most ${longest}`
}

/** What a job does with its time, as one bar. */
function TimeBar({ shares }: { shares: NonNullable<ReturnType<typeof timeSharesOf>> }) {
  const percent = (share: number) => `${Math.round(share * 100)} %`
  return (
    <div className="time-bar">
      <span className="time-bar-track" aria-hidden="true">
        {shares.map(({ use, share }) => (
          <span key={use} className={`time-${use}`} style={{ flexGrow: share }} />
        ))}
      </span>
      <span className="quiet">
        {shares.map(({ use, share }) => `${words(use).toLowerCase()} ${percent(share)}`).join(' · ')}
      </span>
    </div>
  )
}

function ListOfParts({ name, items, now }: { name: string; items: readonly unknown[]; now: number }) {
  if (items.length === 0) return <p className="quiet">none</p>
  if (items.some((item) => typeof item !== 'object' || item === null)) {
    return <p>{items.map((item) => textOf(item) ?? '–').join(', ')}</p>
  }
  const rows = items.map(objectOf).map(withBehind)
  const deep = rows.some((row) => Object.values(row).some((field) => typeof field === 'object' && field !== null))
  if (deep) {
    return rows.map((row, index) => (
      <div key={index} className="sub-card">
        <Part value={row} now={now} />
      </div>
    ))
  }
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  return (
    <div className="table-scroll">
      <table className="plain">
        <caption className="visually-hidden">{words(name)}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column}
                scope="col"
                className={rows.every((row) => numberOf(row[column]) !== null) ? 'number' : ''}
              >
                {words(column)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {columns.map((column) => (
                <td key={column} className={numberOf(row[column]) !== null ? 'number' : ''}>
                  {valueText(column, row[column], now)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** Where no lag is told, a reader's position and the log's end say how much waits only once they are subtracted. */
function withBehind(row: JsonObject): JsonObject {
  const position = numberOf(row['position'])
  const end = numberOf(row['end'])
  return position === null || end === null || 'lag' in row ? row : { ...row, behind: Math.max(0, end - position) }
}

const goodStates = ['running', 'reading', 'waiting', 'following', 'live', 'up']
const badStates = ['failed', 'down']

function valueText(name: string, value: unknown, now: number): ReactNode {
  if (value === null || value === undefined) return <span className="quiet">–</span>
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  const number = numberOf(value)
  if (name === 'status' && typeof value === 'string') {
    const tone = goodStates.includes(value) ? 'confirmed' : badStates.includes(value) ? 'failed' : 'provisional'
    return <span className={`pill pill-${tone}`}>{value}</span>
  }
  if (/^chainId$/i.test(name) && number !== null) {
    return (
      <>
        {chainName(number)} <span className="quiet">{number}</span>
      </>
    )
  }
  if (/(Ms|Millis)$/.test(name) && number !== null) return formatDuration(Math.round(number))
  if (/(At|Time|timestamp|watermark|^place)$/i.test(name)) {
    const time = timeOf(value)
    if (time !== null && time > 8.6e15 / 2) return 'the end: nothing follows'
    if (time !== null && time <= 0) return <span className="quiet">none yet</span>
    if (time !== null) {
      return (
        <span title={formatUtc(time)}>
          {now - time < 86_400_000 ? formatTime(time) : `${formatDay(time)} ${formatTime(time)}`}{' '}
          <span className="quiet">{formatAge(time, now)}</span>
        </span>
      )
    }
  }
  if (/(Ratio|share)$/i.test(name) && number !== null) return `${(number * 100).toFixed(1)} %`
  if (number !== null && Number.isInteger(number) && !/id$/i.test(name)) return formatCount(number)
  const text = textOf(value) ?? JSON.stringify(value)
  return /^(0x)?[0-9a-f]{40,}$/i.test(text) ? <Copyable text={text} what={words(name)} /> : text
}

/** `lagBlocks` as `Lag blocks`, `chainId` as `Chain id`; the unit `Ms` is in the value. */
function words(name: string): string {
  const spaced = name
    .replace(/(Ms|Millis)$/, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/[-_.]/g, ' ')
    .toLowerCase()
  return spaced.charAt(0).toUpperCase() + spaced.slice(1)
}
