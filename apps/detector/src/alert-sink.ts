import { alertCodec, type Alert } from '@tocsin/chain-model'
import type { SinkCodec, Transition } from '@tocsin/stream-core'
import type { AlertBody } from './alert.ts'
import { valueCodec } from './value-codec.ts'

const utf8 = new TextEncoder()

const statusOf = { added: 'provisional', confirmed: 'confirmed', retracted: 'retracted' } as const satisfies Record<
  Transition['type'],
  Alert['status']
>

/** An alert in its transition: `id`, `revision` and `status` first, because people read these lines. */
export function alertInTransition(body: AlertBody, { type, revision }: Transition): Alert {
  const { id, ...rest } = body
  return { id, revision, status: statusOf[type], ...rest }
}

/** Writes alerts to `<p>.alerts`, keyed by id, so that one alert's transitions stay in order in one partition. */
export const alertSink: SinkCodec<AlertBody> = {
  idOf: ({ id }) => id,
  encode: (body, transition) => ({
    key: utf8.encode(body.id),
    value: alertCodec.encode(alertInTransition(body, transition)),
  }),
  outputCodec: valueCodec<AlertBody>(),
}
