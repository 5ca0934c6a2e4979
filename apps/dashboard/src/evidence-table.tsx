import type { Alert, Asset, Evidence } from '@tocsin/chain-model'
import { Fragment, type ReactNode } from 'react'
import { abiText, tokensOf, type Token } from './evidence.ts'
import {
  formatCount,
  formatDuration,
  formatPrice8,
  formatState,
  formatSymbol,
  formatTime,
  formatTokenAmount,
  formatUnits,
  formatUsd8,
  formatUtc,
} from './format.ts'
import { ArrowRight, Copyable } from './marks.tsx'

type OfContract = Evidence & { readonly type: 'contract-event' | 'contract-call' | 'raw-log' }
type Event = OfContract | (Evidence & { readonly type: 'transaction' | 'log' | 'swap' | 'frame' })
type Known = Exclude<Evidence, Event | { readonly type: 'threshold' }>

/** Every reference of an alert: what happened on the chain, and what was known besides. */
export function EvidenceTable({ alert }: { alert: Alert }) {
  const tokens = tokensOf(alert)
  const events = alert.evidence.filter((reference): reference is Event => 'transactionHash' in reference)
  const known = alert.evidence.filter(
    (reference): reference is Known => !('transactionHash' in reference) && reference.type !== 'threshold',
  )
  return (
    <>
      {events.length > 0 && (
        <div className="table-scroll">
          <table className="plain evidence">
            <caption className="visually-hidden">Events on the chain, in the chain's order</caption>
            <thead>
              <tr>
                <th scope="col">Event</th>
                <th scope="col">Time, block</th>
                <th scope="col">From, to</th>
                <th scope="col" className="number">
                  Amount
                </th>
                <th scope="col">Transaction</th>
              </tr>
            </thead>
            <tbody>
              {events.map((event, index) => (
                <Fragment key={index}>
                  <tr>
                    <td>
                      <span className="tag">{event.type}</span>
                      <span className="second">{placeOf(event)}</span>
                    </td>
                    <td title={formatUtc(event.timestamp)}>
                      {formatTime(event.timestamp)}
                      <span className="second">{formatUnits(BigInt(event.blockNumber), 0)}</span>
                    </td>
                    <td>{partiesOf(event)}</td>
                    <td className="number">{amountOf(event, tokens)}</td>
                    <td>
                      <Copyable text={event.transactionHash} what="transaction hash" />
                      {event.blockHash !== null && (
                        <span className="second">
                          in <Copyable text={event.blockHash} what="block hash" />
                        </span>
                      )}
                    </td>
                  </tr>
                  {isOfContract(event) && <SaidRow event={event} />}
                </Fragment>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {known.length > 0 && (
        <dl className="known">
          {known.map((reference, index) => (
            <div key={index}>
              <dt>
                <span className="tag">{reference.type}</span>
              </dt>
              <dd>{knownText(reference, tokens)}</dd>
            </div>
          ))}
        </dl>
      )}
    </>
  )
}

const isOfContract = (event: Event): event is OfContract =>
  event.type === 'contract-event' || event.type === 'contract-call' || event.type === 'raw-log'

/** What the contract's event or call says: its arguments, or the words that nothing decodes. */
function SaidRow({ event }: { event: OfContract }) {
  const said: readonly (readonly [string, string])[] =
    event.type === 'raw-log'
      ? [...event.topics.map((topic, at) => [`topic ${at}`, topic] as const), ['data', event.data]]
      : event.arguments.map(({ name, value, hash }, at) => [name === '' ? `[${at}]` : name, abiText(value, hash)])
  return (
    <tr>
      <td colSpan={5}>
        <dl className="known">
          {said.map(([name, value], at) => (
            <div key={at}>
              <dt>
                <code>{name}</code>
              </dt>
              <dd>{value.startsWith('0x') ? <Copyable text={value} what={name} /> : value}</dd>
            </div>
          ))}
        </dl>
      </td>
    </tr>
  )
}

function placeOf(event: Event): string {
  if (event.type === 'contract-event') return `${event.signature.replace(/\(.*/s, '')} #${event.logIndex}`
  if (event.type === 'contract-call') return event.signature.replace(/\(.*/s, '')
  if (event.type === 'raw-log') return `#${event.logIndex}`
  if (event.type === 'log') return `${event.event} #${event.logIndex}`
  if (event.type === 'swap') return `#${event.logIndex}`
  if (event.type === 'frame') return event.traceAddress.length === 0 ? 'top' : event.traceAddress.join('.')
  return ''
}

function partiesOf(event: Event): ReactNode {
  if (isOfContract(event)) {
    return (
      <>
        {event.actor === null ? <span className="quiet">unknown</span> : <Copyable text={event.actor} what="actor" />}
        <span className="second">
          <ArrowRight /> <Copyable text={event.address} what="contract" />
        </span>
      </>
    )
  }
  if (event.type === 'swap') {
    return (
      <>
        <span className="quiet">in pool</span>
        <span className="second">
          <Copyable text={event.pool} what="pool" />
        </span>
      </>
    )
  }
  return (
    <>
      {event.from === null ? <span className="quiet">unknown</span> : <Copyable text={event.from} what="address" />}
      <span className="second">
        <ArrowRight /> {event.to === null ? 'new contract' : <Copyable text={event.to} what="address" />}
      </span>
    </>
  )
}

function amountOf(event: Event, tokens: ReadonlyMap<Asset, Token>): ReactNode {
  switch (event.type) {
    case 'swap':
      return (
        <>
          {formatTokenAmount(event.amountIn, tokens.get(event.tokenIn))}
          <span className="second">for {formatTokenAmount(event.amountOut, tokens.get(event.tokenOut))}</span>
        </>
      )
    case 'log':
      if (event.amount === null) return <span className="quiet">–</span>
      return <Amount amount={event.amount} usd8={event.usd8} token={tokens.get(event.address)} />
    case 'frame':
      return <Amount amount={event.value} usd8={event.usd8} token={tokens.get('native')} />
    case 'contract-event':
    case 'raw-log':
      return <span className="quiet">–</span>
    case 'contract-call':
    case 'transaction':
      if (event.value === 0n) return <span className="quiet">–</span>
      return <Amount amount={event.value} usd8={null} token={tokens.get('native')} />
  }
}

function Amount({ amount, usd8, token }: { amount: bigint; usd8: bigint | null; token: Token | undefined }) {
  return (
    <>
      {formatTokenAmount(amount, token)}
      {usd8 !== null && <span className="second">{formatUsd8(usd8)}</span>}
    </>
  )
}

function knownText(reference: Known, tokens: ReadonlyMap<Asset, Token>): ReactNode {
  switch (reference.type) {
    case 'token':
      return (
        <>
          {formatSymbol(reference.symbol)}, {reference.decimals} decimals{' '}
          <Copyable text={reference.address} what="token" />
        </>
      )
    case 'price':
      return (
        <>
          1 {formatSymbol(tokens.get(reference.asset)?.symbol ?? reference.asset)} = {formatPrice8(reference.price8)}{' '}
          <span className="quiet">
            from {reference.source}
            {reference.maxAge === null
              ? ', holds throughout'
              : `, ${formatUtc(reference.time)}, good for ${formatDuration(reference.maxAge)}`}
          </span>
        </>
      )
    case 'label':
      return (
        <>
          {reference.class} <Copyable text={reference.address} what="address" />{' '}
          <span className="quiet">by {reference.source}</span>
        </>
      )
    case 'state':
      return (
        <>
          <code>{reference.name}</code> <span className="quiet">was</span>{' '}
          {formatState(reference.name, reference.value)}
        </>
      )
    case 'range':
      return (
        <>
          {formatCount(reference.count)} {reference.of} in all
          {reference.usd8 !== null && `, ${formatUsd8(reference.usd8)}`}; the first and last are listed{' '}
          <Copyable text={reference.sha256} what="SHA-256 of all references" />
        </>
      )
  }
}
