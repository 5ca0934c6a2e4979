import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { detectorSettings } from '@tocsin/detector'
import { openEmbeddedLog, UnknownTopicError, type EventLog } from '@tocsin/event-log'
import { chainFacts, proveLedger, type LedgerFault, type LedgerProof } from '@tocsin/ingestor'
import { createProgressBar, defineSettings, exitCodes, setting, sharedSettings } from '@tocsin/service-kit'
import { knownSettings } from '../all-settings.ts'
import { checkCluster, openClusterLog } from '../cluster-log.ts'
import { clusterSettings } from '../cluster-settings.ts'
import { defineCommand, type CommandContext } from '../command.ts'
import { startSettings } from '../start-settings.ts'
import { UsageError } from '../words.ts'

const settings = {
  shared: sharedSettings,
  cluster: clusterSettings,
  start: startSettings,
  detector: { chainId: detectorSettings.chainId },
  ledger: defineSettings({
    from: setting.integer({ flag: 'from', doc: 'The first block that must be there.', min: 0, default: null }),
    to: setting.integer({ flag: 'to', doc: 'The last block that must be there.', min: 0, default: null }),
    json: setting.boolean({
      flag: 'json',
      doc: 'Print one JSON object, of several chains an array: every block of the range, what was reverted, and the faults.',
      default: false,
    }),
  }),
}

export const ledger = defineCommand(
  {
    name: 'ledger',
    runs: 'to-end',
    summary: 'Prove that the log holds every block of a chain, or say what is missing.',
    about: [
      'Reads each chain’s transactions topic from its beginning and believes nothing: a block stands on its parent by number',
      'and hash, the transactions and events before its seal are as many as the seal says, sequence numbers have no gap,',
      'reverts take back the newest block and nothing final, and of the blocks from --from to --to none is missing.',
      '',
      'The log is the one on Kafka where --kafka-brokers is set, else the one that `tocsin start` keeps in its data folder,',
      'while it is not running. Prints the blocks, transactions and events, what was reverted, and each fault with its offset.',
      'Exit code 0 if the ledger holds, 1 if not.',
    ].join('\n'),
    examples: [
      'tocsin ledger --kafka-brokers localhost:9092 --chain-id 1',
      'tocsin ledger --data .tocsin --chain-id 31337 --from 10 --to 200',
      'tocsin ledger --kafka-brokers localhost:9092 --json | jq ".blocks[] | select(.transactions == 0).number"',
    ],
    settings,
    check: ({ settings: { shared, cluster, start, ledger: asked } }) => {
      const { from, to } = asked
      if (from !== null && to !== null && to < from)
        throw new UsageError(`--to ${to} lies before --from ${from}: there is no block between them.`)
      if (shared.kafkaBrokers.length > 0) checkCluster({ shared, cluster }, 'ledger')
      else if (!existsSync(join(start.data, 'log')))
        throw new UsageError(
          `${join(start.data, 'log')} is not there: name the data folder with --data, or --kafka-brokers.`,
        )
    },
    run: async ({ settings: given, lifecycle, io }) => {
      const log = await openLog(given, lifecycle)
      const { shared, detector, ledger: asked } = given
      const range = { from: asked.from ?? undefined, to: asked.to ?? undefined }
      const bar = createProgressBar({ stream: io.stderr, now: io.clock, label: 'ledger', unit: 'records' })
      const proofs: ChainProof[] = []
      try {
        for (const chainId of detector.chainId) {
          const proof = await proveLedger(
            log,
            { prefix: shared.topicPrefix, chainId },
            { range, signal: lifecycle.signal, onProgress: (progress) => bar.update(progress) },
          ).catch((error: unknown) => {
            if (!(error instanceof UnknownTopicError)) throw error
            return unknownChain(chainId)
          })
          proofs.push({ chainId, ...proof })
        }
      } finally {
        bar.end()
      }
      const [only, another] = proofs
      const json = () => JSON.stringify(another === undefined ? only : proofs, null, 2)
      await io.stdout.write(asked.json ? `${json()}\n` : proofs.map(textOf).join('\n'))
      return proofs.every(({ faults }) => faults.length === 0) ? exitCodes.done : exitCodes.failed
    },
  },
  knownSettings,
)

type Context = CommandContext<typeof settings>

async function openLog(given: Context['settings'], lifecycle: Context['lifecycle']): Promise<EventLog> {
  if (given.shared.kafkaBrokers.length > 0) return openClusterLog(given, 'ledger', lifecycle)
  const log = await openEmbeddedLog(join(given.start.data, 'log'))
  lifecycle.onStop('the log', () => log.close())
  return log
}

interface ChainProof extends LedgerProof {
  readonly chainId: number
}

const unknownChain = (chainId: number): LedgerProof => ({
  blocks: [],
  reverted: [],
  final: null,
  faults: [{ offset: null, block: null, what: `nothing of chain ${chainId} was ever written to this log` }],
})

/** So many faults and reverts are told; `--json` has all. */
const mostTold = 20

function textOf({ chainId, blocks, reverted, final, faults }: ChainProof): string {
  const number = (value: number) => value.toLocaleString('en-US')
  const sum = (of: 'transactions' | 'events') => number(blocks.reduce((total, block) => total + block[of], 0))
  const [first, last] = [blocks[0], blocks.at(-1)]
  const range =
    first === undefined || last === undefined
      ? 'no blocks'
      : `${number(blocks.length)} blocks, ${first.number} to ${last.number}, ${sum('transactions')} transactions, ${sum('events')} events`
  const told = <T>(all: readonly T[], line: (one: T) => string): readonly string[] => [
    ...all.slice(0, mostTold).map((one) => `  ${line(one)}`),
    ...(all.length > mostTold ? [`  and ${number(all.length - mostTold)} more: --json has all`] : []),
  ]
  return [
    `${titleOf(chainId)}: ${range}; final up to ${final ?? 'none'}`,
    `${number(reverted.length)} reverted${reverted.length === 0 ? '' : ':'}`,
    ...told(reverted, (block) => `block ${block.number} ${block.hash ?? ''} at offset ${block.offset}`),
    ...(faults.length === 0
      ? ['The ledger holds: no block is missing, every parent is linked, all counts agree.']
      : []),
    ...(faults.length === 0
      ? []
      : [`The ledger does not hold, ${number(faults.length)} ${faults.length === 1 ? 'fault' : 'faults'}:`]),
    ...told(faults, lineOf),
    '',
  ].join('\n')
}

const titleOf = (chainId: number): string => {
  const { name } = chainFacts(chainId)
  return name === `chain ${chainId}` ? name : `${name} (chain ${chainId})`
}

const lineOf = ({ offset, block, what }: LedgerFault): string =>
  [block === null ? '' : `block ${block}: `, what, offset === null ? '' : ` (offset ${offset})`].join('')
