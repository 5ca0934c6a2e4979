import type { AlertStatus, Severity } from '@tocsin/chain-model'
import { useEffect, useState, type ReactNode } from 'react'
import { ApiError } from './api.ts'
import { formatTime, shortHex } from './format.ts'

const rank: Readonly<Record<Severity, number>> = { info: 1, low: 2, medium: 3, high: 4, critical: 5 }

/** Five rising bars, filled up to the severity: told by shape and word, and by colour only besides. */
export function SeverityMark({ severity, label = true }: { severity: Severity; label?: boolean }) {
  return (
    <span className={`severity severity-${severity}`} title={`Severity: ${severity}`}>
      <svg viewBox="0 0 18 12" width="18" height="12" aria-hidden="true">
        {[1, 2, 3, 4, 5].map((step) => (
          <rect
            key={step}
            className={step <= rank[severity] ? 'on' : 'off'}
            x={(step - 1) * 3.8}
            y={10 - step * 2}
            width="2.6"
            height={2 + step * 2}
            rx="0.8"
          />
        ))}
      </svg>
      <span className={label ? 'severity-word' : 'visually-hidden'}>{severity}</span>
    </span>
  )
}

export const statusMeaning: Readonly<Record<AlertStatus, string>> = {
  provisional: 'Its blocks are not final yet: a reorganisation of the chain could still take it back.',
  confirmed: 'Its blocks are final.',
  retracted: 'A reorganisation of the chain reverted its blocks: on the chain as it stands this did not happen.',
}

export function StatusPill({ status }: { status: AlertStatus }) {
  return (
    <span className={`pill pill-${status}`} title={statusMeaning[status]}>
      <svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
        {status === 'provisional' && <circle cx="5" cy="5" r="3.4" strokeDasharray="2.2 1.6" />}
        {status === 'confirmed' && <path d="M1.6 5.3 4 7.7 8.4 2.6" />}
        {status === 'retracted' && <path d="M2.2 2.2l5.6 5.6M7.8 2.2 2.2 7.8" />}
      </svg>
      {status}
    </span>
  )
}

/** A long name, shortened; a click copies it whole. */
export function Copyable({ text, shown, what }: { text: string; shown?: string; what: string }) {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 1_200)
    return () => clearTimeout(timer)
  }, [copied])
  return (
    <button
      type="button"
      className="copyable"
      data-copied={copied}
      title={`${text}\nClick to copy`}
      aria-label={copied ? `${what} copied` : `Copy ${what} ${text}`}
      onClick={(event) => {
        event.preventDefault()
        event.stopPropagation()
        void copyText(text).then(setCopied)
      }}
    >
      <span>{shown ?? shortHex(text)}</span>
      <svg viewBox="0 0 12 12" width="11" height="11" aria-hidden="true">
        {copied ? (
          <path d="M2 6.5 4.8 9.2 10 3.2" />
        ) : (
          <path d="M4.5 4.5h5v5.5h-5zM2.5 7.5V2h5" strokeLinejoin="round" />
        )}
      </svg>
    </button>
  )
}

export const ArrowRight = () => (
  <svg className="arrow" viewBox="0 0 14 10" width="14" height="10" role="img" aria-label="to">
    <path d="M1 5h11M8.5 1.5 12 5 8.5 8.5" />
  </svg>
)

/**
 * A sentence as people read it: addresses and hashes shortened, moments in the reader's time zone; each tells its whole
 * self as a title.
 */
export function Prose({ text }: { text: string }) {
  return text.split(/(0x[0-9a-f]{12,}|\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z)/gi).map((part, index) => {
    if (index % 2 === 0) return part
    const time = part.startsWith('0x') ? Number.NaN : Date.parse(part)
    return (
      <span key={index} className={Number.isNaN(time) ? 'hex' : 'moment-text'} title={part}>
        {Number.isNaN(time) ? shortHex(part) : formatTime(time)}
      </span>
    )
  })
}

/** What went wrong, and what the reader can do. */
export function FailureNote({ failure }: { failure: Error }) {
  return (
    <div className="note note-failure" role="alert">
      <div>
        <strong>{failure.message}</strong>
        {failure instanceof ApiError && <span> {failure.remedy}</span>}
      </div>
    </div>
  )
}

export function Empty({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="empty">
      <svg viewBox="0 0 48 48" width="44" height="44" aria-hidden="true">
        <path d="M24 8c-7.5 0-11 5.5-11 13v8l-3.5 5h29L35 29v-8c0-7.5-3.5-13-11-13zM20 38a4 4 0 0 0 8 0" />
      </svg>
      <h2>{title}</h2>
      {children}
    </div>
  )
}

// The clipboard API is for secure contexts only; an API on plain http in a company's network is a normal place to be.
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const field = document.createElement('textarea')
    field.value = text
    field.setAttribute('readonly', '')
    field.className = 'visually-hidden'
    document.body.append(field)
    field.select()
    const done = document.execCommand('copy')
    field.remove()
    return done
  }
}
