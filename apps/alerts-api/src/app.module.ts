import { Module, type DynamicModule } from '@nestjs/common'
import type { Ops } from '@tocsin/service-kit'
import { OpsModule } from '@tocsin/service-kit/ops'
import { AlertRecordsController, storeAlertsToken, type StoreAlerts } from './alert-records.controller.ts'
import { AlertStreamController } from './http/alert-stream.controller.ts'
import { AlertsController } from './http/alerts.controller.ts'
import { apiToken, type Api } from './http/api.ts'
import { PipelineController } from './http/pipeline.controller.ts'
import { WebhooksController } from './http/webhooks.controller.ts'

@Module({})
export class AppModule {
  static forRoot(api: Api, storeAlerts: StoreAlerts, ops: Ops): DynamicModule {
    return {
      module: AppModule,
      imports: [OpsModule.forRoot(ops)],
      // The stream stands before `alerts/:id`, which would take its path.
      controllers: [
        AlertStreamController,
        AlertsController,
        PipelineController,
        WebhooksController,
        AlertRecordsController,
      ],
      providers: [
        { provide: apiToken, useValue: api },
        { provide: storeAlertsToken, useValue: storeAlerts },
      ],
    }
  }
}
