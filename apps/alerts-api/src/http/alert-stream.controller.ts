import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common'
import { ApiHeader, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger'
import type { Request, Response } from 'express'
import type { Transition } from '../alert-store.ts'
import { apiToken, type Api } from './api.ts'
import { filterNames, matches, parseFilter, parseInteger, refuseUnknown, type QueryWords } from './alert-query.ts'
import { filterQueries } from './openapi.ts'

/** A client that takes nothing for so long is hung up on; it resumes where it was. */
const stalledMs = 30_000
/** A silent stream says that it lives. */
const heartbeatMs = 15_000

/** One message. Its id is the transition's sequence, so a client that comes back says where it was. */
const messageOf = ({ sequence, alert }: Transition) =>
  `id: ${sequence}\nevent: alert\ndata: ${JSON.stringify(alert)}\n\n`

@ApiTags('alerts')
@Controller('api/alerts')
export class AlertStreamController {
  readonly #api: Api
  constructor(@Inject(apiToken) api: Api) {
    this.#api = api
  }

  /**
   * Server-sent events: each transition as it is stored, as `event: alert` with the alert as data. From now on, or after
   * the `Last-Event-ID` of the header or the query. A message without data sets the id of a client that has seen none.
   * Source: WHATWG HTML, "Server-sent events".
   */
  @Get('stream')
  @ApiOperation({ summary: 'Transitions as they happen, as server-sent events' })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'Resume after this event.' })
  @ApiQuery({ name: 'lastEventId', required: false, description: 'As Last-Event-ID, for a first connection.' })
  @filterQueries()
  @ApiOkResponse({ content: { 'text/event-stream': { schema: { type: 'string' } } } })
  async stream(@Query() query: QueryWords, @Req() request: Request, @Res() response: Response): Promise<void> {
    refuseUnknown(query, [...filterNames, 'lastEventId'])
    const filter = parseFilter(query)
    const asked = request.header('last-event-id') ?? query['lastEventId']
    const lastEventId = asked === undefined || asked === '' ? null : parseInteger('Last-Event-ID', asked, 0)
    const { feed, streams } = this.#api
    const newest = await feed.newest()

    const gone = new AbortController()
    const signal = AbortSignal.any([gone.signal, streams])
    response.on('close', () => gone.abort())
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    // An id of another database would wait for ever.
    let place = lastEventId === null || lastEventId > newest ? newest : lastEventId
    await send(response, `retry: 2000\nid: ${place}\n\n`, signal)
    while (!signal.aborted) {
      const silence = AbortSignal.any([signal, AbortSignal.timeout(heartbeatMs)])
      const transitions = await feed.after(place, silence)
      place = transitions.at(-1)?.sequence ?? place
      const shown = transitions.filter(({ alert }) => matches(filter, alert))
      // What the filter held back moves the client's place as well, so that it is not asked for again.
      const rest = shown.at(-1)?.sequence === place ? '' : `: alive\nid: ${place}\n\n`
      await send(response, shown.map(messageOf).join('') + rest, signal)
    }
    response.end()
  }
}

/** Writes and waits until the client takes it, so that a slow one costs one page of memory at most. */
async function send(response: Response, text: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted || response.write(text)) return
  const done = new AbortController()
  const waits = { signal: AbortSignal.any([signal, done.signal]) }
  const drained = await Promise.race([
    once(response, 'drain', waits).then(() => true),
    delay(stalledMs, false, waits),
  ]).catch(() => true)
  done.abort()
  if (!drained) response.destroy()
}
