/** What a message of an exchange's feed says, as far as prices need it. */
export type ExchangeMessage =
  | {
      readonly type: 'trade'
      readonly product: string
      /** USD, the digits that the exchange wrote. */
      readonly price: string
      /** Counts a product's trades without a gap. */
      readonly tradeId: number
      /** Ms, by the exchange's clock. */
      readonly time: number
    }
  /** The feed lives. `last`: the product's newest trade, whether it was told or not. */
  | {
      readonly type: 'heartbeat'
      readonly last: { readonly product: string; readonly tradeId: number } | null
      /** Null where it does not say. */
      readonly time: number | null
    }
  /** It does not take the subscription, in its own words. */
  | { readonly type: 'refused'; readonly reason: string }

/** The public feed of an exchange: what is sent to it and what it sends. Pure. */
export interface Exchange {
  readonly name: string
  /** The messages to send when the connection is there. */
  subscriptions(products: readonly string[]): readonly string[]
  /** What the text says, in order; nothing for what is of no use here. @throws {TypeError} naming what does not fit. */
  read(text: string): readonly ExchangeMessage[]
}

type Fields = Readonly<Record<string, unknown>>

export function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('it is no JSON object')
  return value as Fields // just shown to be one
}

export function textOf(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string' || value === '') throw new TypeError(`${name} ${JSON.stringify(value)} is no text`)
  return value
}

export function numberOf(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new TypeError(`${name} ${JSON.stringify(value)} is no whole number`)
  return value
}

/** RFC 3339, in ms; digits after the third are cut off. */
export function timeOf(fields: Fields, name: string): number {
  const text = textOf(fields, name)
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isSafeInteger(time) || time < 0) throw new TypeError(`${name} ${JSON.stringify(text)} is no time`)
  return time
}
