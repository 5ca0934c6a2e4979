import type { Address, Alert } from '@tocsin/chain-model'
import { use, useCallback, useEffect, useRef, useState, type ReactNode } from 'react'
import { fetchAlert, type RecordedTransition } from './api.ts'
import { UnitContext, type UnitOf } from './detector-units.ts'
import { EvidenceTable } from './evidence-table.tsx'
import { keyName, movementsOf, thresholdsOf, tokensOf, walletOf } from './evidence.ts'
import { FlowPicture } from './flow-picture.tsx'
import {
  approximateRatio,
  chainName,
  detectorName,
  formatDay,
  formatQuantity,
  formatTime,
  formatUnits,
  formatUtc,
  parseDecimal,
  shortHex,
  shortKey,
} from './format.ts'
import { Copyable, Empty, FailureNote, Prose, SeverityMark, StatusPill, statusMeaning } from './marks.tsx'
import { priceGapOf } from './price-gap.ts'
import { PricePicture } from './price-picture.tsx'
import { runningSum } from './running-sum.ts'
import { SumPicture } from './sum-picture.tsx'
import { ThresholdBars } from './threshold-bars.tsx'
import { useResource } from './use-resource.ts'

/** One alert with all that made it fire. `listed` is what the list already knows: shown at once, and newest wins. */
export function AlertDetail({ id, listed, onClose }: { id: string; listed: Alert | null; onClose: () => void }) {
  const revision = listed?.revision ?? 0
  const load = useCallback((signal: AbortSignal) => fetchAlert(id, revision, signal), [id, revision])
  const resource = useResource(load, null)
  const story = resource.type === 'ready' ? resource.value : null
  const alert = newest(story?.alert ?? null, listed)
  const panel = useRef<HTMLElement>(null)
  useEffect(() => panel.current?.focus({ preventScroll: true }), [])
  return (
    <aside className="detail" aria-label="Alert" ref={panel} tabIndex={-1}>
      <div className="detail-bar">
        <span className="quiet">Alert</span>
        <Copyable text={id} what="alert id" />
        <Copyable text={window.location.href} shown="link" what="link" />
        <button type="button" className="icon-button" aria-label="Close" title="Close (Esc)" onClick={onClose}>
          <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">
            <path d="M3 3l8 8M11 3l-8 8" />
          </svg>
        </button>
      </div>
      <div className="detail-scroll">
        {resource.type === 'failed' && <FailureNote failure={resource.failure} />}
        {alert !== null && (
          <AlertBody
            alert={alert}
            transitions={story?.transitions ?? [{ alert, storedAt: null }]}
            json={story?.json ?? null}
          />
        )}
        {alert === null && resource.type === 'ready' && (
          <Empty title="No such alert">
            <p>
              Nothing is stored under <code>{shortHex(id)}</code>. The link may come from another installation.
            </p>
          </Empty>
        )}
        {alert === null && resource.type === 'loading' && <p className="quiet detail-loading">Reading…</p>}
      </div>
    </aside>
  )
}

function AlertBody({
  alert,
  transitions,
  json,
}: {
  alert: Alert
  transitions: readonly RecordedTransition[]
  json: unknown
}) {
  const unitOf = use(UnitContext)
  const thresholds = thresholdsOf(alert)
  return (
    <article className={`story story-${alert.status}`}>
      <header>
        <div className="story-marks">
          <SeverityMark severity={alert.severity} />
          <StatusPill status={alert.status} />
          <span className="quiet">
            {detectorName(alert.detector)} {alert.version}
          </span>
        </div>
        <h1>
          <Prose text={alert.title} />
        </h1>
        <p className="story-sentence">
          <Prose text={alert.sentence} />
        </p>
        {alert.status === 'retracted' && <p className="note">{statusMeaning.retracted}</p>}
      </header>
      {thresholds.length > 0 && (
        <Section title="Against the limit">
          <ThresholdBars detector={alert.detector} thresholds={thresholds} />
        </Section>
      )}
      <Pictures alert={alert} unitOf={unitOf} />
      <Section title="Facts">
        <dl className="facts">
          <Fact name="Key">
            <Copyable text={alert.key} shown={keyName(alert)} what="key" />
          </Fact>
          <Fact name="Event time">
            <span title={formatUtc(alert.eventTime)}>
              {formatDay(alert.eventTime)} {formatTime(alert.eventTime)}
            </span>
          </Fact>
          <Fact name="Chain">
            {chainName(alert.chainId)} <span className="quiet">{alert.chainId}</span>
          </Fact>
          <Fact name="Confidence">
            <span className="confidence">
              <meter min={0} max={100} value={alert.confidence} aria-label="Confidence" />
              {alert.confidence} of 99
            </span>
          </Fact>
          <Fact name="Blocks">{blocksText(alert)}</Fact>
          <Fact name="Occurrence">
            <Copyable text={alert.occurrence} shown={shortKey(alert.occurrence)} what="occurrence" />
          </Fact>
        </dl>
      </Section>
      <Section title="History">
        <Transitions transitions={transitions} />
      </Section>
      <Section title="Evidence" count={alert.evidence.length}>
        <EvidenceTable alert={alert} />
      </Section>
      {Object.keys(alert.parameters).length > 0 && (
        <Section title="Parameters">
          <dl className="facts">
            {Object.entries(alert.parameters).map(([name, value]) => (
              <Fact key={name} name={name} code>
                {Array.isArray(value)
                  ? value.length === 0
                    ? 'none'
                    : value.join(', ')
                  : formatQuantity(String(value), unitOf(alert.detector, name))}
              </Fact>
            ))}
          </dl>
        </Section>
      )}
      <Proof alert={alert} json={json} />
    </article>
  )
}

/** The pictures that the evidence bears: a price against its tick, a sum against its limit, transfers as a flow. */
function Pictures({ alert, unitOf }: { alert: Alert; unitOf: UnitOf }) {
  const movements = movementsOf(alert)
  const tokens = tokensOf(alert)
  const wallet = walletOf(alert)
  const gap = priceGapOf(alert)
  const usd = thresholdsOf(alert)
    .map((threshold) => ({ ...threshold, unit: unitOf(alert.detector, threshold.parameter) }))
    .find(({ unit }) => unit === 'USD' || unit === 'usd8')
  const limit8 = usd === undefined ? undefined : usd8Of(usd.limit, usd.unit)
  const observed8 = usd === undefined ? undefined : usd8Of(usd.observed, usd.unit)
  // A range leaves movements out of the list, so the steps between would be invented.
  const whole = !alert.evidence.some(({ type }) => type === 'range')
  const sum =
    limit8 === undefined || observed8 === undefined || !whole ? null : runningSum(movements, wallet, limit8, observed8)
  const labels = new Map<Address, string>(
    alert.evidence.flatMap((reference) =>
      reference.type === 'label' ? [[reference.address, reference.class] as const] : [],
    ),
  )
  return (
    <>
      {gap !== null && (
        <Section title="Trade against the feed">
          <PricePicture gap={gap} limitBps={limitBpsOf(alert, unitOf)} tokens={tokens} />
        </Section>
      )}
      {sum !== null && (
        <Section title="How the sum grew">
          <SumPicture sum={sum} />
        </Section>
      )}
      {movements.length > 0 && gap === null && (
        <Section title="Flow of funds" count={movements.length}>
          <FlowPicture movements={movements} tokens={tokens} wallet={wallet} labels={labels} />
        </Section>
      )}
    </>
  )
}

function Transitions({ transitions }: { transitions: readonly RecordedTransition[] }) {
  return (
    <ol className="transitions">
      {transitions.map(({ alert, storedAt }) => (
        <li key={alert.revision} className={`transition transition-${alert.status}`}>
          <span className="revision">{alert.revision}</span>
          <StatusPill status={alert.status} />
          <span className="transition-why">
            {statusMeaning[alert.status]}
            <span className="quiet">
              {' '}
              Block{alert.blocks.length === 1 ? '' : 's'} {blocksText(alert)}
              {storedAt !== null && `, stored ${formatDay(storedAt)} ${formatTime(storedAt)}`}
            </span>
          </span>
        </li>
      ))}
    </ol>
  )
}

function Proof({ alert, json }: { alert: Alert; json: unknown }) {
  const [raw, setRaw] = useState(false)
  return (
    <Section title="Proof">
      <p className="proof">
        Evidence hash <Copyable text={alert.evidenceHash} what="evidence hash" />
        <span className="quiet">
          From the evidence alone <code>tocsin verify</code> derives this alert again.
        </span>
        <button type="button" className="button button-quiet" aria-expanded={raw} onClick={() => setRaw(!raw)}>
          {raw ? 'Hide JSON' : 'Show JSON'}
        </button>
      </p>
      {raw && (
        <pre className="raw" tabIndex={0}>
          {json === null ? 'Reading…' : JSON.stringify(json, null, 2)}
        </pre>
      )}
    </Section>
  )
}

function Section({ title, count, children }: { title: string; count?: number; children: ReactNode }) {
  return (
    <section>
      <h2>
        {title}
        {count !== undefined && <span className="count">{count}</span>}
      </h2>
      {children}
    </section>
  )
}

function Fact({ name, code = false, children }: { name: string; code?: boolean; children: ReactNode }) {
  return (
    <div>
      <dt>{code ? <code>{name}</code> : name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function newest(a: Alert | null, b: Alert | null): Alert | null {
  if (a === null || b === null) return a ?? b
  return b.revision > a.revision ? b : a
}

function blocksText(alert: Alert): string {
  const [first] = alert.blocks
  const last = alert.blocks.at(-1)
  if (first === undefined || last === undefined) return 'none'
  const number = (block: { readonly number: number }) => formatUnits(BigInt(block.number), 0)
  return first === last ? number(first) : `${number(first)} to ${number(last)} (${alert.blocks.length})`
}

function usd8Of(text: string, unit: string | null): bigint | undefined {
  const number = parseDecimal(text)
  if (number === undefined) return undefined
  if (unit === 'usd8') return number.units
  return number.scale <= 8 ? number.units * 10n ** BigInt(8 - number.scale) : undefined
}

/** The allowed deviation of a price alert in basis points, from the first threshold in `%` or `bps`. */
function limitBpsOf(alert: Alert, unitOf: UnitOf): number | null {
  for (const { parameter, limit } of thresholdsOf(alert)) {
    const unit = unitOf(alert.detector, parameter)
    const number = parseDecimal(limit)
    if (number === undefined) continue
    const value = approximateRatio(number, { units: 1n, scale: 0 })
    if (unit === '%') return value * 100
    if (unit === 'bps') return value
  }
  return null
}
