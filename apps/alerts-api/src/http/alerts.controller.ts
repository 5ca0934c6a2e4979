import { Controller, Get, Inject, NotFoundException, Param, Query } from '@nestjs/common'
import { ApiBadRequestResponse, ApiNotFoundResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger'
import { listAlerts, transitionsOf, type AlertJson, type Transition } from '../alert-store.ts'
import { apiToken, type Api } from './api.ts'
import {
  filterNames,
  formatCursor,
  InvalidRequestError,
  parseCursor,
  parseFilter,
  parseLimit,
  refuseUnknown,
  show,
  type QueryWords,
} from './alert-query.ts'
import { filterQueries, pageQueries, schemaOf } from './openapi.ts'

export interface AlertPage {
  readonly items: readonly AlertJson[]
  readonly nextCursor: string | null
  /** A stream opened with this `lastEventId` goes on exactly where the page's knowledge ends. */
  readonly lastEventId: string
}

/** The alert as it stood then, and when and where in the stream it was stored. */
export type TransitionView = AlertJson & Omit<Transition, 'alert'>

@ApiTags('alerts')
@Controller('api/alerts')
export class AlertsController {
  readonly #api: Api
  constructor(@Inject(apiToken) api: Api) {
    this.#api = api
  }

  @Get()
  @ApiOperation({ summary: 'Alerts as they stand now, newest event first' })
  @filterQueries()
  @pageQueries()
  @ApiOkResponse({ schema: schemaOf('AlertPage') })
  @ApiBadRequestResponse({ schema: schemaOf('Error') })
  async list(@Query() query: QueryWords): Promise<AlertPage> {
    refuseUnknown(query, [...filterNames, 'limit', 'cursor'])
    const limit = parseLimit(query['limit'])
    // One more than asked for tells whether another page follows.
    const page = { limit: limit + 1, after: parseCursor(query['cursor']) }
    const { items, sequence } = await listAlerts(this.#api.database, parseFilter(query), page)
    const shown = items.slice(0, limit)
    const last = shown.at(-1)
    return {
      items: shown,
      nextCursor: items.length > limit && last !== undefined ? formatCursor(last) : null,
      lastEventId: String(sequence),
    }
  }

  @Get(':id')
  @ApiOperation({ summary: 'An alert as it stands now, and every transition on the way there' })
  @ApiOkResponse({ schema: schemaOf('AlertDetail') })
  @ApiBadRequestResponse({ schema: schemaOf('Error') })
  @ApiNotFoundResponse({ schema: schemaOf('Error') })
  async detail(
    @Param('id') id: string,
    @Query() query: QueryWords,
  ): Promise<AlertJson & { readonly transitions: readonly TransitionView[] }> {
    refuseUnknown(query, [])
    if (!/^[0-9a-f]{64}$/.test(id))
      throw new InvalidRequestError('id', `is ${show(id)}; expected an alert's id, 64 lower-case hex digits.`)
    const transitions = await transitionsOf(this.#api.database, id)
    const newest = transitions.at(-1)
    if (newest === undefined) throw new NotFoundException(`There is no alert ${id}.`)
    return { ...newest.alert, transitions: transitions.map(({ alert, ...stored }) => ({ ...alert, ...stored })) }
  }
}
