import { randomUUID } from 'node:crypto'
import { isIP } from 'node:net'
import { Body, Controller, Delete, Get, HttpCode, Inject, NotFoundException, Param, Post, Query } from '@nestjs/common'
import { ApiBody, ApiCreatedResponse, ApiNotFoundResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger'
import { alertStatuses, severities } from '@tocsin/chain-model'
import {
  deleteWebhook,
  enqueueTest,
  findWebhook,
  insertWebhook,
  listDeliveries,
  listWebhooks,
  type Delivery,
  type Webhook,
  type WebhookFilter,
} from '../channels/delivery-store.ts'
import { isPublicAddress } from '../channels/public-address.ts'
import { formatSecret, newSecret, parseSecret } from '../channels/sign-delivery.ts'
import {
  InvalidRequestError,
  parseChoices,
  parseInteger,
  parseLimit,
  parseWords,
  refuseUnknown,
  show,
} from './alert-query.ts'
import type { QueryWords } from './alert-query.ts'
import { apiToken, type Api } from './api.ts'
import { pageQueries, schemaOf } from './openapi.ts'

@ApiTags('webhooks')
@Controller('api/webhooks')
export class WebhooksController {
  readonly #api: Api
  constructor(@Inject(apiToken) api: Api) {
    this.#api = api
  }

  @Post()
  @ApiOperation({ summary: 'Send transitions from now on to a URL, signed by the Standard Webhooks specification' })
  @ApiBody({ schema: schemaOf('NewWebhook') })
  @ApiCreatedResponse({ schema: schemaOf('WebhookWithSecret') })
  async create(@Body() body: unknown): Promise<Webhook & { readonly secret: string }> {
    const { database, allowPrivateWebhooks, now } = this.#api
    const { secret, ...wanted } = parseNewWebhook(body, allowPrivateWebhooks)
    const webhook = { id: randomUUID(), ...wanted, createdAt: now(), disabledAt: null }
    await insertWebhook(database, webhook, secret)
    return { ...webhook, secret: formatSecret(secret) }
  }

  @Get()
  @ApiOperation({ summary: 'The webhooks, without their secrets' })
  @ApiOkResponse({ schema: { type: 'object', properties: { items: { type: 'array', items: schemaOf('Webhook') } } } })
  async list(): Promise<{ readonly items: readonly Webhook[] }> {
    return { items: await listWebhooks(this.#api.database) }
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'End a webhook; what waits for it is dropped' })
  @ApiNotFoundResponse({ schema: schemaOf('Error') })
  async remove(@Param('id') id: string): Promise<void> {
    if (!(await deleteWebhook(this.#api.database, id))) throw noWebhook(id)
  }

  @Get(':id/deliveries')
  @ApiOperation({ summary: 'What was sent to a webhook, or waits to be, newest first' })
  @pageQueries()
  @ApiOkResponse({ schema: schemaOf('DeliveryPage') })
  @ApiNotFoundResponse({ schema: schemaOf('Error') })
  async deliveries(
    @Param('id') id: string,
    @Query() query: QueryWords,
  ): Promise<{ readonly items: readonly Delivery[]; readonly nextCursor: string | null }> {
    refuseUnknown(query, ['limit', 'cursor'])
    const limit = parseLimit(query['limit'])
    const before = query['cursor'] === undefined ? null : parseInteger('cursor', query['cursor'], 1)
    await this.#find(id)
    const items = await listDeliveries(this.#api.database, id, { limit: limit + 1, before })
    const shown = items.slice(0, limit)
    return { items: shown, nextCursor: items.length > limit ? (shown.at(-1)?.id ?? null) : null }
  }

  @Post(':id/test')
  @HttpCode(202)
  @ApiOperation({ summary: 'Send a webhook.test message, to be found among the deliveries' })
  @ApiNotFoundResponse({ schema: schemaOf('Error') })
  async test(@Param('id') id: string): Promise<{ readonly deliveryId: string; readonly messageId: string }> {
    const { database, queue, now } = this.#api
    await this.#find(id)
    const messageId = `test_${randomUUID()}`
    const deliveryId = await enqueueTest(database, id, messageId, now())
    queue.wake()
    return { deliveryId, messageId }
  }

  async #find(id: string): Promise<Webhook> {
    const webhook = await findWebhook(this.#api.database, id)
    if (webhook === undefined) throw noWebhook(id)
    return webhook
  }
}

const noWebhook = (id: string) => new NotFoundException(`There is no webhook ${show(id)}.`)

interface NewWebhook extends Pick<Webhook, 'url' | 'filter'> {
  readonly secret: Uint8Array
}

/** @throws {InvalidRequestError} naming the field. */
export function parseNewWebhook(body: unknown, allowPrivate: boolean): NewWebhook {
  const { url, secret, filter, ...unknown } = fieldsOf('body', body, '{"url": "https://example.org/alerts"}')
  refuseUnknown(unknown, ['url', 'secret', 'filter'])
  const key = secret === undefined ? newSecret() : typeof secret === 'string' ? parseSecret(secret) : undefined
  // The value is a secret, so it is not repeated.
  if (key === undefined)
    throw new InvalidRequestError('secret', 'is not as expected: whsec_ and the base64 of 24 to 64 bytes.')
  return { url: parseReceiver(url, allowPrivate), secret: key, filter: parseWebhookFilter(filter ?? {}) }
}

function parseWebhookFilter(value: unknown): WebhookFilter {
  const words = fieldsOf('filter', value, '{"severities": ["high", "critical"]}')
  refuseUnknown(words, ['detectors', 'severities', 'statuses'])
  return {
    detectors: parseWords('filter.detectors', words['detectors']),
    severities: parseChoices('filter.severities', words['severities'], severities),
    statuses: parseChoices('filter.statuses', words['statuses'], alertStatuses),
  }
}

function fieldsOf(field: string, value: unknown, example: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidRequestError(field, `is ${show(value)}; expected an object such as ${example}.`)
  return { ...value }
}

const maxUrlLength = 2_048

function parseReceiver(value: unknown, allowPrivate: boolean): string {
  const url = typeof value === 'string' && value.length <= maxUrlLength && URL.canParse(value) ? new URL(value) : null
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '')
    throw new InvalidRequestError('url', `is ${show(value)}; expected an http or https URL without a password in it.`)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const local = isIP(host) === 0 ? host === 'localhost' || host.endsWith('.localhost') : !isPublicAddress(host)
  if (local && !allowPrivate)
    throw new InvalidRequestError(
      'url',
      `is on ${host}, a private address; expected one of the public internet (or set TOCSIN_ALLOW_PRIVATE_WEBHOOKS).`,
    )
  return url.href
}
