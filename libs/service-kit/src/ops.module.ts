import {
  Controller,
  Get,
  Header,
  Inject,
  Module,
  ServiceUnavailableException,
  type DynamicModule,
} from '@nestjs/common'
import { askChecks, type Readiness } from './health.ts'
import { metricsType, type Ops } from './ops-server.ts'

const opsToken = Symbol('Ops')

@Controller()
class OpsController {
  readonly #ops: Ops
  constructor(@Inject(opsToken) ops: Ops) {
    this.#ops = ops
  }

  /** The process runs; restarting it would not help. */
  @Get('health/live')
  live(): { readonly status: 'live' } {
    return { status: 'live' }
  }

  /** 503 while something that it needs is away, and which. */
  @Get('health/ready')
  async ready(): Promise<Readiness> {
    const readiness = await askChecks(this.#ops.checks)
    if (readiness.status !== 'ready') throw new ServiceUnavailableException(readiness)
    return readiness
  }

  @Get('metrics')
  @Header('Content-Type', metricsType)
  metrics(): Promise<string> {
    return this.#ops.metrics.exposition()
  }
}

/** The Nest module with `/health/live`, `/health/ready` and `/metrics`. */
@Module({})
export class OpsModule {
  static forRoot(ops: Ops): DynamicModule {
    return { module: OpsModule, controllers: [OpsController], providers: [{ provide: opsToken, useValue: ops }] }
  }
}
