import { randomInt } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { originOf, sharedKafkaBroker } from '../kafka-broker/shared-broker.ts'
import { runKafkaStorm } from './kafka-storm.ts'

const given = process.env['SEED']
const seed = given === undefined ? randomInt(2 ** 31) : Number(given)
// It starts a broker of its own, since it ends it; where the others have none, this one has none either.
const broker = await sharedKafkaBroker()

// `npm run soak -- kafka --faults N` for more; SEED=… plays one again.
describe.skipIf('missing' in broker)(`tocsin ingest, detect and serve, ${originOf(broker)}`, () => {
  test(`property: after 30 faults the alerts are those of an undisturbed run, byte for byte (SEED=${seed})`, async () => {
    const report = await runKafkaStorm({ seed, faults: 30 })
    process.stdout.write(`storm ${JSON.stringify(report)}\n`)
    // Every storm of 30 has each kind of fault: the deck has fewer.
    expect(report.faults.filter((fault) => fault !== 'until recovered')).toHaveLength(30)
  }, 1_200_000)
})
