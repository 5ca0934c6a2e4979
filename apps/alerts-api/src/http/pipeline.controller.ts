import { Controller, Get, Inject } from '@nestjs/common'
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger'
import { alertStatuses, severities } from '@tocsin/chain-model'
import { countAlerts, countDeadRecords, newestSequence, type AlertCount } from '../alert-store.ts'
import { countDeliveries } from '../channels/delivery-store.ts'
import { apiToken, type Api } from './api.ts'
import { schemaOf } from './openapi.ts'

@ApiTags('pipeline')
@Controller('api')
export class PipelineController {
  readonly #api: Api
  constructor(@Inject(apiToken) api: Api) {
    this.#api = api
  }

  @Get('detectors')
  @ApiOperation({ summary: 'The detectors: what each looks for, its parameters with units and defaults' })
  @ApiOkResponse({ schema: { type: 'object', properties: { items: { type: 'array', items: { type: 'object' } } } } })
  detectors(): { readonly items: readonly unknown[] } {
    return { items: this.#api.neighbours.detectors }
  }

  @Get('pipeline')
  @ApiOperation({ summary: 'How far each part of the pipeline is' })
  @ApiOkResponse({ schema: schemaOf('Pipeline') })
  async pipeline() {
    const { database, neighbours, consumerState } = this.#api
    const [consumer, sequence, deadLetters, deliveries] = await Promise.all([
      consumerState(),
      newestSequence(database),
      countDeadRecords(database),
      countDeliveries(database),
    ])
    return {
      ingestor: neighbours.ingestor?.() ?? null,
      detector: neighbours.detector?.() ?? null,
      alerts: { ...consumer, lastEventId: String(sequence), deadLetters, deliveries },
    }
  }

  @Get('stats')
  @ApiOperation({ summary: 'How many alerts there are, by detector, status and severity' })
  @ApiOkResponse({ schema: schemaOf('Stats') })
  async stats() {
    const counts = await countAlerts(this.#api.database)
    const detectors = [...new Set(counts.map(({ detector }) => detector))]
    return {
      total: sum(counts, () => true),
      byDetector: Object.fromEntries(detectors.map((one) => [one, sum(counts, ({ detector }) => detector === one)])),
      byStatus: Object.fromEntries(alertStatuses.map((one) => [one, sum(counts, ({ status }) => status === one)])),
      bySeverity: Object.fromEntries(severities.map((one) => [one, sum(counts, ({ severity }) => severity === one)])),
      counts,
    }
  }
}

const sum = (counts: readonly AlertCount[], fits: (count: AlertCount) => boolean) =>
  counts.filter(fits).reduce((total, { count }) => total + count, 0)
