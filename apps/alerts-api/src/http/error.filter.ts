import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common'
import type { Logger } from '@tocsin/service-kit'
import type { Response } from 'express'
import { DatabaseUnavailableError } from '../database.ts'
import { InvalidRequestError } from './alert-query.ts'

/** Every error as `{ statusCode, code, message }`: one sentence that the caller can act on. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  readonly #logger: Logger
  constructor(logger: Logger) {
    this.#logger = logger
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>()
    const { status, body } = this.#answerOf(error)
    // A stream that has begun can only be cut.
    if (response.headersSent) response.destroy()
    else if (status === 503) response.status(status).set('retry-after', '1').json(body)
    else response.status(status).json(body)
  }

  #answerOf(error: unknown): { readonly status: number; readonly body: unknown } {
    const answer = (status: number, code: string, message: string) => ({
      status,
      body: { statusCode: status, code, message },
    })
    if (error instanceof InvalidRequestError) return answer(400, error.code, error.message)
    if (error instanceof DatabaseUnavailableError)
      return answer(503, error.code, 'The database cannot be reached right now; try again in a moment.')
    if (error instanceof HttpException) {
      const status = error.getStatus()
      const given = error.getResponse()
      // Health answers with its own object.
      if (typeof given === 'object' && !('statusCode' in given)) return { status, body: given }
      return answer(status, httpCodes[status] ?? 'API_ERROR', error.message)
    }
    // Body-parser's errors: what the client sent is no JSON, or too much of it.
    if (error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status < 500)
      return answer(error.status, 'API_INVALID_REQUEST', `The body cannot be read: ${error.message}.`)
    this.#logger.error(error)
    return answer(500, 'API_INTERNAL', 'This is a mistake of ours; the log of the server says more.')
  }
}

const httpCodes: Readonly<Record<number, string>> = { 400: 'API_INVALID_REQUEST', 404: 'API_NOT_FOUND' }
