import { Catch, Controller, Inject, UseFilters, type RpcExceptionFilter } from '@nestjs/common'
import { EventPattern, Payload } from '@nestjs/microservices'
import { throwError, type Observable } from 'rxjs'
import type { ReadBatch, StoredBatch } from './sinks/postgres-sink.ts'

/** The handler's pattern: the topic without its configured prefix. */
export const alertsPattern = 'alerts'

/** Stores a batch of the alerts topic, or throws, and then nothing of it is stored. */
export type StoreAlerts = (batch: ReadBatch) => Promise<StoredBatch>
export const storeAlertsToken = Symbol('StoreAlerts')

/** Gives the strategy the error itself, where Nest's own filter would hide it behind "Internal server error". */
@Catch()
class PassErrors implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error)
  }
}

@Controller()
@UseFilters(PassErrors)
export class AlertRecordsController {
  readonly #store: StoreAlerts
  constructor(@Inject(storeAlertsToken) store: StoreAlerts) {
    this.#store = store
  }

  @EventPattern(alertsPattern)
  async store(@Payload() batch: ReadBatch): Promise<void> {
    await this.#store(batch)
  }
}
