import { applyDecorators, type INestApplication } from '@nestjs/common'
import { ApiQuery, DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger'
import { alertSchema, alertStatuses, severities } from '@tocsin/chain-model'
import { maxPageSize } from './alert-query.ts'

type Schema = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string]

/** A schema of the OpenAPI document, named below. */
export const schemaOf = (name: SchemaName): { readonly $ref: string } => ({ $ref: `#/components/schemas/${name}` })

const text = { type: 'string' } as const
const ms = { type: 'integer', format: 'int64', description: 'ms since 1970' } as const
const nullable = (schema: object, description?: string) => ({
  anyOf: [schema, { type: 'null' }],
  ...(description === undefined ? {} : { description }),
})
/** What a process tells of itself, of several chains for each. */
const partSchema = (description: string) =>
  nullable({ anyOf: [{ type: 'object' }, { type: 'array', items: { type: 'object' } }] }, description)
const object = (properties: Readonly<Record<string, object>>): Schema => ({
  type: 'object',
  properties: { ...properties },
  required: Object.keys(properties),
})
const listOf = (items: object) => ({ type: 'array', items }) as const
const statusSchema = { type: 'string', enum: [...alertStatuses] } as const
const severitySchema = { type: 'string', enum: [...severities] } as const

/** As on the wire: amounts are decimal strings. */
function alertJsonSchema(): Schema {
  const { $schema: _, ...schema } = alertSchema.toJSONSchema({ io: 'input' })
  return schema as Schema // JSON Schema 2020-12, which is what OpenAPI 3.1 says a schema is
}

const webhookFilter = {
  ...object({ detectors: listOf(text), severities: listOf(severitySchema), statuses: listOf(statusSchema) }),
  description: 'Transitions of any of these; an empty list lets all through.',
}

const schemas = {
  Alert: alertJsonSchema(),
  AlertPage: object({
    items: listOf({ $ref: '#/components/schemas/Alert' }),
    nextCursor: nullable(text, 'The cursor of the next page, null after the last.'),
    lastEventId: { ...text, description: 'A stream that starts after this event continues this answer.' },
  }),
  Transition: {
    allOf: [
      { $ref: '#/components/schemas/Alert' },
      object({ sequence: { type: 'integer', description: 'The id of its server-sent event.' }, storedAt: ms }),
    ],
  },
  AlertDetail: {
    allOf: [
      { $ref: '#/components/schemas/Alert' },
      object({ transitions: listOf({ $ref: '#/components/schemas/Transition' }) }),
    ],
  },
  Stats: object({
    total: { type: 'integer' },
    byDetector: { type: 'object', additionalProperties: { type: 'integer' } },
    byStatus: { type: 'object', additionalProperties: { type: 'integer' } },
    bySeverity: { type: 'object', additionalProperties: { type: 'integer' } },
    counts: listOf(
      object({ detector: text, status: statusSchema, severity: severitySchema, count: { type: 'integer' } }),
    ),
  }),
  Pipeline: object({
    ingestor: partSchema('How the ingestor stands; of several chains a list. Null where it runs in another process.'),
    detector: partSchema('How the detector stands; of several chains a list. Null where it runs in another process.'),
    alerts: object({
      status: { type: 'string', enum: ['starting', 'reading', 'waiting', 'stopped', 'failed'] },
      lagRecords: nullable({ type: 'integer' }, 'Records of the alerts topic that are not stored yet.'),
      lastEventId: text,
      deadLetters: { type: 'integer' },
      deliveries: object({
        pending: { type: 'integer' },
        delivered: { type: 'integer' },
        dead: { type: 'integer' },
      }),
    }),
  }),
  NewWebhook: {
    type: 'object',
    properties: {
      url: { type: 'string', format: 'uri' },
      secret: { type: 'string', description: 'whsec_ and the base64 of 24 to 64 bytes; made for you if left out.' },
      filter: { ...webhookFilter, required: [] },
    },
    required: ['url'],
  } as Schema,
  Webhook: object({
    id: text,
    url: text,
    filter: webhookFilter,
    createdAt: ms,
    disabledAt: nullable(ms, 'When the receiver answered 410 Gone.'),
  }),
  WebhookWithSecret: {
    allOf: [{ $ref: '#/components/schemas/Webhook' }, object({ secret: { ...text, description: 'Shown this once.' } })],
  },
  Delivery: object({
    id: text,
    messageId: { ...text, description: 'The webhook-id header.' },
    alertId: nullable(text, 'Null for a test.'),
    revision: nullable({ type: 'integer' }),
    eventType: text,
    state: { type: 'string', enum: ['pending', 'delivered', 'dead'] },
    attempts: { type: 'integer' },
    createdAt: ms,
    nextAttemptAt: nullable(ms),
    finishedAt: nullable(ms),
    lastStatus: nullable({ type: 'integer' }),
    lastError: nullable(text),
  }),
  DeliveryPage: object({
    items: listOf({ $ref: '#/components/schemas/Delivery' }),
    nextCursor: nullable(text),
  }),
  Error: object({
    statusCode: { type: 'integer' },
    code: text,
    message: text,
  }),
} satisfies Record<string, Schema>
export type SchemaName = keyof typeof schemas

/** The filters that list and stream share. */
export function filterQueries(): MethodDecorator {
  const words = (name: string, description: string, items: object) =>
    ApiQuery({ name, required: false, description, schema: { ...listOf(items) }, style: 'form', explode: false })
  return applyDecorators(
    words('detector', 'Any of these detectors.', text),
    words('status', 'Any of these statuses.', statusSchema),
    words('severity', 'Any of these severities.', severitySchema),
    words('key', 'Any of these keys, e.g. a wallet’s address.', text),
    words('chainId', 'Any of these chains.', { type: 'integer' }),
    ApiQuery({ name: 'from', required: false, description: 'Event time from, ms or ISO 8601.', schema: text }),
    ApiQuery({ name: 'to', required: false, description: 'Event time before, ms or ISO 8601.', schema: text }),
  )
}

export function pageQueries(): MethodDecorator {
  return applyDecorators(
    ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: maxPageSize } }),
    ApiQuery({ name: 'cursor', required: false, description: 'The nextCursor of the page before.', schema: text }),
  )
}

/** Serves the document at `/api/openapi.json` and a page to try it at `/api/docs`. */
export function serveOpenApi(app: INestApplication, version: string): void {
  const config = new DocumentBuilder()
    .setTitle('Tocsin alerts')
    .setDescription('Alerts of fraud and anomalies on EVM chains: list, detail, stream, webhooks.')
    .setVersion(version)
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .setOpenAPIVersion('3.1.0')
    .build()
  SwaggerModule.setup(
    'api/docs',
    app,
    () => {
      const document = SwaggerModule.createDocument(app, config)
      return { ...document, components: { ...document.components, schemas: { ...schemas } } }
    },
    { jsonDocumentUrl: 'api/openapi.json', yamlDocumentUrl: 'api/openapi.yaml', customSiteTitle: 'Tocsin API' },
  )
}
