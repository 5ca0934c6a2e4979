import { severities } from '@tocsin/chain-model'
import type { DetectorDescription } from './api.ts'
import { detectorName, formatCount, formatQuantity } from './format.ts'
import { textOf } from './json.ts'
import { Empty, FailureNote, SeverityMark } from './marks.tsx'
import type { Resource } from './use-resource.ts'

/** What is watched for, and from which limits on. */
export function DetectorCatalogue({
  detectors,
  counts,
}: {
  detectors: Resource<readonly DetectorDescription[]>
  counts: Readonly<Record<string, number>>
}) {
  return (
    <div className="page">
      <header className="page-head">
        <h1>Detectors</h1>
        <p className="quiet">
          Each is a pure function of the chain: change a parameter with <code>--param detector.name=value</code>.
        </p>
      </header>
      {detectors.type === 'failed' && <FailureNote failure={detectors.failure} />}
      {detectors.type === 'ready' && detectors.value.length === 0 && (
        <Empty title="No detector runs">
          <p>
            Start one with <code>tocsin detect</code>.
          </p>
        </Empty>
      )}
      <div className="cards">
        {detectors.type === 'ready' &&
          detectors.value.map((detector) => (
            <section key={detector.id} className="card">
              <header>
                <h2>{detectorName(detector.id)}</h2>
                <code className="quiet">
                  {detector.id} {detector.version}
                </code>
                <Severity name={detector.severity} />
              </header>
              {detector.doc !== null && (
                <p>
                  <Doc text={detector.doc} />
                </p>
              )}
              {detector.parameters.length > 0 && (
                <div className="table-scroll">
                  <table className="plain">
                    <thead>
                      <tr>
                        <th scope="col">Parameter</th>
                        <th scope="col">Default</th>
                        <th scope="col">Meaning</th>
                      </tr>
                    </thead>
                    <tbody>
                      {detector.parameters.map((parameter) => (
                        <tr key={parameter.name}>
                          <td>
                            <code>{parameter.name}</code>
                          </td>
                          <td>{defaultText(parameter.default, parameter.unit)}</td>
                          <td>{parameter.doc !== null && <Doc text={parameter.doc} />}</td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </div>
              )}
              <footer>
                <a href={`#/alerts?detector=${encodeURIComponent(detector.id)}`}>
                  {counts[detector.id] === 1 ? '1 alert' : `${formatCount(counts[detector.id] ?? 0)} alerts`}
                </a>
              </footer>
            </section>
          ))}
      </div>
    </div>
  )
}

/** Words between backticks are names. */
const Doc = ({ text }: { text: string }) =>
  text.split('`').map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))

function Severity({ name }: { name: string | null }) {
  const severity = severities.find((known) => known === name)
  return severity === undefined ? (
    name === null ? null : (
      <span className="tag">{name}</span>
    )
  ) : (
    <SeverityMark severity={severity} />
  )
}

function defaultText(value: unknown, unit: string | null): string {
  if (value === null || value === undefined) return 'none'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(String).join(', ')
  const text = textOf(value)
  return text === null ? JSON.stringify(value) : formatQuantity(text, unit)
}
