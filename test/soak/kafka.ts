import { randomInt } from 'node:crypto'
import { createProgressBar } from '@tocsin/service-kit'
import { kafkaMutants } from '../chaos/kafka-mutants.ts'
import { mostFaults, runKafkaStorm } from '../chaos/kafka-storm.ts'
import { StormError } from '../chaos/storm.ts'

/** Storms over a cluster of real processes until so many faults are done, with fresh seeds in a row from a random one. */
export async function soakKafka(options: {
  readonly faults: number
  readonly seed: number | undefined
  readonly preload: string | undefined
  readonly brokerDisk: boolean
}): Promise<boolean> {
  const { faults, seed: first = randomInt(2 ** 31 - 1_000), preload, brokerDisk } = options
  const bar = createProgressBar({
    stream: process.stderr,
    now: () => performance.now(),
    label: 'kafka',
    unit: 'faults',
  })
  const kinds = new Map<string, number>()
  for (let done = 0, seed = first; done < faults; seed++) {
    const started = performance.now()
    const count = Math.min(mostFaults, faults - done)
    const before = done
    let struck = 0
    try {
      const report = await runKafkaStorm({
        ...{ seed, faults: count, brokerDisk },
        ...(preload !== undefined && { preload }),
        onFault: () => bar.update({ done: before + (struck += 1), total: faults }),
      })
      bar.end()
      const seconds = ((performance.now() - started) / 1_000).toFixed(0)
      process.stdout.write(
        `SEED=${seed}: held, ${count} faults over ${report.blocks} blocks, ${report.alerts} alerts, ` +
          `${report.transitions} transitions, taken over ${report.fenced} times, ${seconds} s; ${report.faults.join(', ')}\n`,
      )
      for (const fault of report.faults) {
        const kind = fault.replaceAll(/ (by )?\d+ ms( for \d+ ms)?$/g, '')
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      }
      done += count
    } catch (error) {
      bar.end()
      if (!(error instanceof StormError)) throw error
      process.stderr.write(`BROKEN ${error.message}\n`)
      return false
    }
  }
  const rows = [...kinds].toSorted(([a], [b]) => (a < b ? -1 : 1))
  process.stdout.write(rows.map(([kind, times]) => `${kind.padEnd(32)}${String(times).padStart(6)}\n`).join(''))
  process.stdout.write(`All held: ${faults} faults.\n`)
  return true
}

/** What a storm says that has noticed wrong output, or a process that has; not that a process did not come up. */
const noticed = /Not those of an undisturbed run|STREAM_DETERMINISM|STREAM_EPOCH/

/** Breaks the program on purpose, one way after the other, and expects a short storm of the faults that bring it out to notice each. */
export async function soakKafkaMutants(options: { readonly seed: number | undefined }): Promise<boolean> {
  let areAllNoticed = true
  for (const { name, breaks, faults } of kafkaMutants) {
    const { seed = randomInt(2 ** 31) } = options
    const started = performance.now()
    const preload = new URL(`../chaos/mutate.ts?mutant=${name}`, import.meta.url).href
    const breach = await runKafkaStorm({ seed, faults, preload }).then(
      () => null,
      (error: unknown) => {
        if (error instanceof StormError) return error.message
        throw error
      },
    )
    const isNoticed = breach !== null && noticed.test(breach)
    areAllNoticed &&= isNoticed
    const seconds = ((performance.now() - started) / 1_000).toFixed(0)
    process.stdout.write(
      `${name} (that ${breaks}, broken): ${isNoticed ? 'noticed' : 'NOT NOTICED'}, SEED=${seed}, ${seconds} s: ` +
        `${(breach ?? 'the storm held').split('\n').slice(0, 2).join(' ').slice(0, 300)}\n`,
    )
  }
  return areAllNoticed
}
