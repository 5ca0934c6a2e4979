import { useCallback } from 'react'
import { fetchDeliveries, fetchWebhooks, type Webhook } from './api.ts'
import { formatAge, formatDuration, formatUtc } from './format.ts'
import { Copyable, Empty, FailureNote } from './marks.tsx'
import { useNow } from './use-now.ts'
import { useResource } from './use-resource.ts'

/** Who is told of alerts, and how the telling went. */
export function WebhookList() {
  const load = useCallback((signal: AbortSignal) => fetchWebhooks(signal), [])
  const webhooks = useResource(load, 10_000)
  return (
    <div className="page">
      <header className="page-head">
        <h1>Webhooks</h1>
        <p className="quiet">
          Every transition of an alert is delivered, signed by the Standard Webhooks specification and tried again until
          it arrives.
        </p>
      </header>
      {webhooks.type === 'failed' && <FailureNote failure={webhooks.failure} />}
      {webhooks.type === 'ready' && webhooks.failure !== null && <FailureNote failure={webhooks.failure} />}
      {webhooks.type === 'ready' && webhooks.value.length === 0 && (
        <Empty title="No webhook yet">
          <p>
            Add one with <code>POST /api/webhooks</code>: its address, and which alerts it wants. The{' '}
            <a href="./api/docs">API's pages</a> show how.
          </p>
        </Empty>
      )}
      {webhooks.type === 'ready' && webhooks.value.map((webhook) => <WebhookCard key={webhook.id} webhook={webhook} />)}
    </div>
  )
}

function WebhookCard({ webhook }: { webhook: Webhook }) {
  const load = useCallback((signal: AbortSignal) => fetchDeliveries(webhook.id, signal), [webhook.id])
  const deliveries = useResource(load, 5_000)
  const now = useNow(1_000)
  return (
    <section className="card">
      <header>
        <h2 className="webhook-url">{webhook.url ?? webhook.id}</h2>
        <span className={`pill ${webhook.enabled ? 'pill-confirmed' : 'pill-retracted'}`}>
          {webhook.enabled ? 'enabled' : 'disabled'}
        </span>
        <Copyable text={webhook.id} what="webhook id" />
      </header>
      {Object.keys(webhook.filter).length > 0 && (
        <p className="quiet">
          Wants{' '}
          {Object.entries(webhook.filter)
            .filter(([, value]) => Array.isArray(value) && value.length > 0)
            .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(', ') : String(value)}`)
            .join('; ') || 'every alert'}
        </p>
      )}
      {deliveries.type === 'failed' && <FailureNote failure={deliveries.failure} />}
      {deliveries.type === 'ready' && deliveries.value.length === 0 && <p className="quiet">Nothing delivered yet.</p>}
      {deliveries.type === 'ready' && deliveries.value.length > 0 && (
        <div className="table-scroll">
          <table className="plain">
            <caption className="visually-hidden">Deliveries, newest first</caption>
            <thead>
              <tr>
                <th scope="col">State</th>
                <th scope="col">Alert</th>
                <th scope="col" className="number">
                  Revision
                </th>
                <th scope="col" className="number">
                  Attempts
                </th>
                <th scope="col">Answer</th>
                <th scope="col">Age</th>
                <th scope="col">Next attempt</th>
              </tr>
            </thead>
            <tbody>
              {deliveries.value.map((delivery) => (
                <tr key={delivery.id}>
                  <td>
                    <span className={`tag tag-${delivery.state ?? 'unknown'}`}>{delivery.state ?? 'unknown'}</span>
                  </td>
                  <td>
                    {delivery.alertId === null ? (
                      '–'
                    ) : (
                      <a href={`#/alerts/${delivery.alertId}`}>{delivery.alertId.slice(0, 8)}…</a>
                    )}
                  </td>
                  <td className="number">{delivery.revision ?? '–'}</td>
                  <td className="number">{delivery.attempts ?? '–'}</td>
                  <td>{delivery.error ?? delivery.responseStatus ?? '–'}</td>
                  <td title={delivery.createdAt === null ? '' : formatUtc(delivery.createdAt)}>
                    {delivery.createdAt === null ? '–' : formatAge(delivery.createdAt, now)}
                  </td>
                  <td>
                    {delivery.nextAttemptAt === null
                      ? '–'
                      : delivery.nextAttemptAt <= now
                        ? 'due'
                        : `in ${formatDuration(Math.ceil((delivery.nextAttemptAt - now) / 1000) * 1000)}`}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}
