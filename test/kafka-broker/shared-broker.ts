import { once } from 'node:events'
import { createServer } from 'node:http'
import { inject } from 'vitest'
import type { TestProject } from 'vitest/node'
import { type KafkaBroker, type NoKafkaBroker, startKafkaBroker } from './start-broker.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Answers with the broker of this run, which is started by the first who asks. */
    kafkaBrokerUrl: string
  }
}

/**
 * For vitest's `globalSetup`: one broker for all test files, started when the first of them asks for it, so that a run
 * without Kafka tests does not pay for one. Ends with the run.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let broker: Promise<KafkaBroker | NoKafkaBroker> | undefined
  const server = createServer((_request, response) => {
    broker ??= startAndSay()
    void broker.then((started) => response.end(JSON.stringify(started)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('assertion: a TCP server has a port')
  project.provide('kafkaBrokerUrl', `http://127.0.0.1:${address.port}`)
  return async () => {
    server.close()
    const started = await broker
    if (started !== undefined && 'stop' in started) await started.stop()
  }
}

/** A skipped test is silent in vitest's report, so the reason is said here, once for the run. */
async function startAndSay(): Promise<KafkaBroker | NoKafkaBroker> {
  const broker = await startKafkaBroker()
  if ('missing' in broker) process.stderr.write(`Kafka tests are skipped: ${broker.missing}\n`)
  return broker
}

/**
 * The broker of this test run, or why there is none.
 * @throws if there is none and `TOCSIN_REQUIRE` (a comma list) names `kafka`, as it does where nothing may be skipped.
 */
export async function sharedKafkaBroker(): Promise<Pick<KafkaBroker, 'bootstrap' | 'from'> | NoKafkaBroker> {
  const url: string | undefined = inject('kafkaBrokerUrl')
  if (url === undefined)
    throw new Error('vitest.config.ts does not name test/kafka-broker/shared-broker.ts as globalSetup')
  const response = await fetch(url)
  const broker = (await response.json()) as Pick<KafkaBroker, 'bootstrap' | 'from'> | NoKafkaBroker // from `setup` above
  const required = process.env['TOCSIN_REQUIRE']?.split(',').map((name) => name.trim())
  if ('missing' in broker && required?.includes('kafka')) throw new Error(broker.missing)
  return broker
}

/** For the title of tests: where the broker is from, or why they are skipped. */
export function originOf(broker: Pick<KafkaBroker, 'from'> | NoKafkaBroker): string {
  return 'missing' in broker ? `skipped: ${broker.missing}` : `on a broker from ${broker.from}`
}
