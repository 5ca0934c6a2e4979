import {
  type Hash,
  transactionsCodec,
  transactionsTopic,
  type Sealed,
  type TransactionsRecord,
} from '@tocsin/chain-model'
import { openSimulatedLog, type AppendFate, type SimulatedLog } from '@tocsin/event-log/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blockDecoder } from '../decode/decode-block.ts'
import { LearnedFacts } from '../decode/learned-facts.ts'
import { chainFacts } from '../knowledge/chains.ts'
import { scriptedSource, type ScriptedSource } from '../sources/scripted-source.ts'
import { EndpointAnswerError } from '../verify/endpoint-answer-error.ts'
import { sourceReader } from './block-reader.ts'
import { followChain, type FollowConfig } from './follow.ts'
import { openLedger } from './ledger.ts'
import { readResumePoint } from './resume-point.ts'

const chainId = 31337
const prefix = 'test'
const at = { topic: transactionsTopic(prefix, chainId), partition: 0 }
const config: FollowConfig = {
  prefix,
  from: 1,
  to: null,
  finalityDepth: 6,
  fallbackFinalityDepth: 6,
  pollIntervalMs: 1000,
  spans: { maxLiveBlocks: 4, maxBackfillBlocks: 32, minBackfillBlocks: 8 },
  window: { maxBlocks: 8, maxBytes: 1 << 20 },
}

interface Watched {
  /** At each look the newest block in the log and the final one, by number. */
  readonly looks: (readonly [newest: number | undefined, final: number | undefined])[]
  readonly failures: string[]
  readonly finalized: number[]
  quarantined: boolean
  readonly quarantines: boolean[]
}

/**
 * Follows until the script is over: each wait of the follower is one turn of `onIdle`, which answers false when it has
 * nothing left to play.
 */
async function follow(
  source: ScriptedSource,
  log: SimulatedLog,
  onIdle: (turn: number) => boolean,
  over: Partial<FollowConfig> = {},
) {
  const stop = new AbortController()
  const watched: Watched = { looks: [], failures: [], finalized: [], quarantined: false, quarantines: [] }
  const decoder = blockDecoder(chainFacts(chainId), { tokens: [], labels: [], abis: [] })
  let turn = 0
  const running = followChain(
    { ...config, ...over },
    {
      source,
      log,
      learned: new LearnedFacts(),
      blocks: sourceReader(source, async (block) => decoder.decode(block)),
      observe: {
        looked: ({ newest, final }) => watched.looks.push([newest?.number, final?.number]),
        appended: () => {},
        finalized: (number) => watched.finalized.push(number),
        failed: (error) => watched.failures.push(error instanceof Error ? error.message : String(error)),
        quarantined: (is) => {
          watched.quarantined = is
          if (watched.quarantines.at(-1) !== is) watched.quarantines.push(is)
        },
        noFinalizedTag: (depth) => watched.failures.push(`no finalized tag, depth ${depth}`),
        awaitsFinality: ({ to, head }) => watched.failures.push(`block ${to} is not final, the head is ${head}`),
        startsLater: ({ from, head }) => watched.failures.push(`starts at ${from}, the head is ${head}`),
      },
      wait: async () => {
        if (!onIdle(turn++)) stop.abort()
      },
      backOffMs: () => 1,
    },
    stop.signal,
  )
  await running.catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  })
  return watched
}

const recordsOf = (log: SimulatedLog): TransactionsRecord[] =>
  log.records(at).map(({ value }) => transactionsCodec.decode(value))

/** Folds the log as a reader would, checks each promise of the ledger, and answers the chain that it leaves. */
function chainInLog(log: SimulatedLog, source: ScriptedSource): Sealed['block'][] {
  const chain: Sealed['block'][] = []
  let sequence = 0
  let final = -1
  let pending: string[] = []
  for (const record of recordsOf(log)) {
    if (record.type === 'transaction') pending.push(record.hash)
    else if (record.type === 'sealed') {
      expect(record.sequence).toBe(sequence++)
      const parent = chain.at(-1)
      if (parent !== undefined) expect(record.block.parentHash).toBe(parent.hash)
      const { number, hash, parentHash, timestamp } = record.block
      if (hash === null || parentHash === null) throw new Error('a live block has hashes')
      expect(pending).toEqual(source.transactionsOf({ number, hash, parentHash, timestamp }).map((tx) => tx.hash))
      expect(record.transactions).toBe(pending.length)
      pending = []
      chain.push(record.block)
    } else if (record.type === 'reverted') {
      expect(pending).toEqual([])
      expect(record.sequence).toBe(sequence++)
      expect(record.block.hash).toBe(chain.pop()?.hash)
      expect(record.block.number).toBeGreaterThan(final)
    } else if (record.type === 'finalized') {
      expect(chain.some(({ hash }) => hash === record.block.hash)).toBe(true)
      expect(record.block.number).toBeGreaterThan(final)
      final = record.block.number
    }
  }
  expect(pending).toEqual([])
  return chain
}

const hashes = (blocks: readonly { readonly hash: string | null }[]) => blocks.map(({ hash }) => hash)

describe('followChain', () => {
  test('default: writes each block once, from the first one asked for, and goes on as blocks come', async () => {
    const source = scriptedSource({ chainId })
    const log = openSimulatedLog()
    source.mine(5)
    await follow(source, log, (turn) => turn < 3 && source.mine() !== undefined, { from: 3 })
    expect(hashes(chainInLog(log, source))).toEqual(hashes(source.canonical.slice(3)))
    expect(source.canonical.length).toBe(9)
  })

  test('default: starts at the head where that is asked for', async () => {
    const source = scriptedSource({ chainId })
    const log = openSimulatedLog()
    source.mine(5)
    await follow(source, log, (turn) => turn < 1 && source.mine(2) !== undefined, { from: 'latest' })
    expect(chainInLog(log, source).map(({ number }) => number)).toEqual([5, 6, 7])
  })

  test('behavior: a reorg is the reverted blocks, newest first, and the new branch, and resuming finds it all', async () => {
    const source = scriptedSource({ chainId })
    const log = openSimulatedLog()
    source.mine(5)
    await follow(source, log, (turn) => {
      if (turn === 0) source.reorg(3, 4)
      return turn === 0
    })
    const kinds = recordsOf(log).flatMap((record) =>
      record.type === 'sealed' || record.type === 'reverted' ? [`${record.type} ${record.block.number}`] : [],
    )
    expect(kinds).toEqual([
      'sealed 1',
      'sealed 2',
      'sealed 3',
      'sealed 4',
      'sealed 5',
      'reverted 5',
      'reverted 4',
      'reverted 3',
      'sealed 3',
      'sealed 4',
      'sealed 5',
      'sealed 6',
    ])
    const point = await readResumePoint(log, prefix, chainId)
    expect(point.chain?.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(hashes(point.chain ?? [])).toEqual(hashes(source.canonical))
    expect([point.nextSequence, point.anchorIsFinal]).toEqual([12, false])
  })

  test('behavior: blocks become final at their depth, or where the node says so', async () => {
    const byDepth = openSimulatedLog()
    const source = scriptedSource({ chainId })
    source.mine(9)
    expect((await follow(source, byDepth, () => false)).finalized.at(-1)).toBe(3)
    const byTag = openSimulatedLog()
    source.setFinality(2)
    expect((await follow(source, byTag, () => false, { finalityDepth: null })).finalized.at(-1)).toBe(7)
    source.setFinality(null)
    const watched = await follow(source, openSimulatedLog(), () => false, {
      finalityDepth: null,
      fallbackFinalityDepth: 4,
    })
    expect([watched.finalized.at(-1), watched.failures]).toEqual([5, ['no finalized tag, depth 4']])
  })

  test('behavior: a process that starts again where nothing is new tells what is in the log, and what of it is final', async () => {
    const source = scriptedSource({ chainId })
    const log = openSimulatedLog()
    source.mine(9)
    await follow(source, log, () => false)
    const { looks } = await follow(source, log, () => false)
    expect(looks).toEqual([[9, 3]])
  })

  test('behavior: a node that has told its final block and has none for now makes nothing final by depth', async () => {
    const source = scriptedSource({ chainId })
    const log = openSimulatedLog()
    source.setFinality(8)
    source.mine(12)
    const watched = await follow(
      source,
      log,
      (turn) => {
        source.setFinality(null)
        return turn < 2 && source.mine() !== undefined
      },
      { finalityDepth: null, fallbackFinalityDepth: 2 },
    )
    expect([watched.finalized.at(-1), watched.failures]).toEqual([4, []])
  })

  test('behavior: a node that changes its branch between two answers makes nothing final that is not', async () => {
    const source = scriptedSource({ chainId })
    const log = openSimulatedLog()
    source.setFinality(2)
    source.mine(5)
    await follow(source, log, () => false, { finalityDepth: null })
    source.mine(4)
    for (const moment of ['finalized', 'head', 'header 6', 'block 6']) {
      source.intercept((request) => {
        if (request !== moment) return
        source.intercept(() => {})
        // Not deeper than what it called final by then.
        source.reorg(2, 3)
      })
      await follow(source, log, (turn) => turn < 1, { finalityDepth: null })
      expect(hashes(chainInLog(log, source))).toEqual(hashes(source.canonical.slice(1)))
    }
  })

  test('behavior: with a last block it ends when that is in the log and final, whatever comes after it', async () => {
    const source = scriptedSource({ chainId })
    source.mine(40)
    const byDepth = openSimulatedLog()
    await follow(source, byDepth, () => expect.unreachable('it had nothing to wait for'), { to: 20 })
    expect(recordsOf(byDepth).slice(-1)).toMatchObject([{ type: 'finalized', block: { number: 20 } }])
    for (const finality of [0, 5, 20]) {
      const byTag = openSimulatedLog()
      source.setFinality(finality)
      const idle = () => expect.unreachable('it had nothing to wait for')
      await follow(source, byTag, idle, { to: 20, finalityDepth: null })
      expect(recordsOf(byTag).slice(-2)).toMatchObject([
        { block: { number: 20 } },
        { type: 'finalized', block: { number: 20 } },
      ])
      expect(hashes(chainInLog(byTag, source))).toEqual(hashes(source.canonical.slice(1, 21)))
    }
  })

  test('behavior: a last block that is not final yet is waited for, through reorgs, and a second run finds nothing to do', async () => {
    const source = scriptedSource({ chainId })
    const log = openSimulatedLog()
    source.mine(10)
    const idle: number[] = []
    const play = (turn: number) => {
      idle.push(turn)
      if (turn === 1) source.reorg(3, 4) // the last block is another one now
      if (turn === 2) source.mine(1)
      if (turn > 2) source.mine(2)
      return true
    }
    const { failures } = await follow(source, log, play, { to: 9 })
    expect(failures).toEqual(['block 9 is not final, the head is 10'])
    expect(idle).toEqual([0, 1, 2, 3, 4])
    expect(hashes(chainInLog(log, source))).toEqual(hashes(source.canonical.slice(1, 10)))
    expect(recordsOf(log).at(-1)).toMatchObject({ type: 'finalized', block: { number: 9 } })
    const before = recordsOf(log).length
    await follow(source, log, () => expect.unreachable('it had nothing to wait for'), { to: 9 })
    expect(recordsOf(log).length).toBe(before)
  })

  test('behavior: what reads final history far ahead writes what is written block by block, and goes on live', async () => {
    const source = scriptedSource({ chainId })
    source.mine(200)
    source.setFinality(10)
    const more = (turn: number) => turn < 3 && source.mine(2) !== undefined
    const [far, near] = [openSimulatedLog(), openSimulatedLog()]
    const tag = { finalityDepth: null }
    await follow(source, far, () => false, tag)
    await follow(source, near, () => false, { ...tag, spans: { ...config.spans, minBackfillBlocks: Infinity } })
    expect(recordsOf(far)).toEqual(recordsOf(near))
    await follow(source, far, more, tag)
    expect(hashes(chainInLog(far, source))).toEqual(hashes(source.canonical.slice(1)))
  })

  test('error: a node that does not keep the old blocks is told of, waited for, and nothing is skipped', async () => {
    const source = scriptedSource({ chainId })
    source.mine(40)
    for (const oldest of [2, 12]) {
      const log = openSimulatedLog()
      let isPruned = true
      const pruned: ScriptedSource = {
        ...source,
        headerByNumber: async (number, signal) =>
          isPruned && number < oldest ? null : source.headerByNumber(number, signal),
      }
      // Each error is waited for as long as the node stays so.
      const watched = await follow(pruned, log, (turn) => {
        if (turn === 1) isPruned = false
        return turn < 2
      })
      expect(watched.failures).toContain(
        'scripted node has no block 1, though its head is 40: it does not keep history so old.',
      )
      expect(hashes(chainInLog(log, source))).toEqual(hashes(source.canonical.slice(1)))
    }
  })

  test('error: a node whose head is older than what is final is told, not taken for a quiet chain', async () => {
    const log = openSimulatedLog()
    const source = scriptedSource({ chainId })
    source.mine(12)
    expect((await follow(source, log, () => false)).finalized.at(-1)).toBe(6)
    const begunAnew = scriptedSource({ chainId, name: 'begun anew' })
    begunAnew.mine(5)
    const watched = await follow(begunAnew, log, (turn) => turn < 1)
    expect(watched.failures[0]).toContain('its head is older than block 6, which is final in the log')
    expect(hashes(chainInLog(log, source))).toEqual(hashes(source.canonical.slice(1)))
    expect((await follow(source, log, () => false)).failures).toEqual([])
  })

  test('error: where the final block told is another than the one in the log, nothing is final', async () => {
    const source = scriptedSource({ chainId })
    const log = openSimulatedLog()
    const strange = scriptedSource({ chainId, name: 'another node' })
    source.mine(5)
    strange.mine(1)
    strange.reorg(1, 4)
    await follow(source, log, () => false)
    const mixed: ScriptedSource = {
      ...source,
      tip: async (signal) => ({ ...(await source.tip(signal)), finalized: strange.canonical[4] ?? null }),
    }
    const watched = await follow(mixed, log, (turn) => turn < 2, { finalityDepth: null })
    expect(watched.finalized).toEqual([])
    expect(watched.failures[0]).toMatch(
      /block 4, finalized: its final block is another than the one its head is built on/,
    )
    expect(source.distrusted).toEqual([null, null, null])
    expect(hashes(chainInLog(log, source))).toEqual(hashes(source.canonical.slice(1)))
  })

  test('behavior: a reorg of blocks before the first in the log is followed as long as they were not final', async () => {
    const source = scriptedSource({ chainId })
    const log = openSimulatedLog()
    source.mine(5)
    await follow(
      source,
      log,
      (turn) => {
        if (turn === 0) source.reorg(4, 6)
        return turn < 3
      },
      { from: 'latest' },
    )
    expect(hashes(chainInLog(log, source))).toEqual(hashes(source.canonical.slice(5)))
  })

  test('error: a branch without the final block is quarantined loudly; the log stays, and goes on when the node is back', async () => {
    const source = scriptedSource({ chainId })
    const log = openSimulatedLog()
    source.mine(9)
    const before = [...source.canonical]
    const watched = await follow(source, log, (turn) => {
      if (turn === 0) source.reorg(8, 9)
      return turn < 4
    })
    expect(watched.quarantined).toBe(true)
    expect(watched.failures[0]).toMatch(
      /^Block 3 is final as 0x\w+, but the node's branch has 0x\w+ \(scripted node\)\.$/,
    )
    expect(source.distrusted[0]).toMatchObject({ number: 3 })
    expect(hashes(chainInLog(log, source))).toEqual(hashes(before.slice(1)))
    const back = scriptedSource({ chainId })
    back.mine(12)
    const after = await follow(back, log, () => false)
    expect(after.quarantined).toBe(false)
    expect(hashes(chainInLog(log, back))).toEqual(hashes(back.canonical.slice(1)))
  })

  test('behavior: where the first block asked for is yet to come, it is said once and waited for', async () => {
    const source = scriptedSource({ chainId })
    const log = openSimulatedLog()
    source.mine(2)
    const watched = await follow(source, log, (turn) => turn < 6 && source.mine() !== undefined, { from: 6 })
    expect(watched.failures).toEqual(['starts at 6, the head is 2'])
    expect(hashes(chainInLog(log, source))).toEqual(hashes(source.canonical.slice(6)))
  })

  test('behavior: an answer to a block number from a stale fork is not final, though the final block is far above it', async () => {
    const source = scriptedSource({ chainId })
    const log = openSimulatedLog()
    source.mine(10)
    source.reorg(6, 30) // 5 to 10 were on another branch, and a stale node still says so
    const canonical = new Set(source.canonical)
    const stale = new Map(
      [...source.known.values()].filter((header) => !canonical.has(header)).map((header) => [header.number, header]),
    )
    expect([...stale.keys()]).toEqual([5, 6, 7, 8, 9, 10])
    source.setFinality(10)
    let lies = 4
    const mixed: ScriptedSource = {
      ...source,
      headerByNumber: async (number, signal) =>
        (lies-- > 0 ? stale.get(number) : undefined) ?? source.headerByNumber(number, signal),
    }
    const watched = await follow(mixed, log, (turn) => turn < 3, { finalityDepth: null, from: 4 })
    expect(hashes(chainInLog(log, source))).toEqual(hashes(source.canonical.slice(4)))
    expect(recordsOf(log).some(({ type }) => type === 'reverted')).toBe(true)
    expect(watched.finalized).toEqual([24])
  })

  /** Two branches of the same length above block 5, told in turn; each turn both grow by one block. */
  const flipping = () => {
    const [source, other] = [scriptedSource({ chainId }), scriptedSource({ chainId })]
    source.mine(5)
    other.mine(5)
    source.reorg(1, 1) // the same blocks below, another 5
    let tells: ScriptedSource = source
    const knows = (header: { hash: Hash }) => other.known.has(header.hash)
    const flip: ScriptedSource = {
      ...source,
      tip: (signal) => tells.tip(signal),
      headerByNumber: (number, signal) => tells.headerByNumber(number, signal),
      headerByHash: async (hash, signal) =>
        (await source.headerByHash(hash, signal)) ?? (await other.headerByHash(hash, signal)),
      block: (header, signal) => (knows(header) ? other : source).block(header, signal),
    }
    const turn = () => {
      source.mine()
      other.mine()
      tells = tells === source ? other : source
    }
    return { source, other, flip, turn, tell: (which: ScriptedSource) => (tells = which) }
  }

  test('behavior: a node that flips between forks is followed twice back, then held on one branch, loudly', async () => {
    const { source, flip, turn } = flipping()
    const log = openSimulatedLog()
    const watched = await follow(flip, log, (played) => played < 20 && (turn(), true))
    const reverts = recordsOf(log).filter(
      (record, index, all) => record.type === 'reverted' && all[index - 1]?.type !== 'reverted',
    )
    expect(reverts.length).toBe(3)
    expect(watched.quarantines).toEqual([false, true])
    expect(watched.failures[0]).toMatch(/^scripted node flips between forks: block 5 0x\w+ was reverted and comes back/)
    // As blocks get final the other branch turns from a rival into another chain.
    for (const failure of watched.failures) expect(failure).toMatch(/flips between forks|is final as/)
    expect(source.distrusted.length).toBe(watched.failures.length)
  })

  test('behavior: a branch that a second endpoint confirms is followed again, and so is one that has grown', async () => {
    for (const confirmed of [true, false]) {
      const { source, other, flip, turn, tell } = flipping()
      const log = openSimulatedLog()
      if (confirmed) source.setSecond((header) => other.known.has(header.hash))
      const watched = await follow(flip, log, (played) => {
        const last = confirmed ? 22 : 60
        if (played < 20) turn()
        else if (played < last) {
          tell(other)
          other.mine()
        }
        return played < last + 1
      })
      expect(hashes(chainInLog(log, { ...source, transactionsOf: (header) => other.transactionsOf(header) }))).toEqual(
        hashes(other.canonical.slice(1)),
      )
      if (!confirmed) expect(watched.quarantines).toEqual([false, true, false])
    }
  })

  test('behavior: blocks of one second, slots that are missed and a chain that halts are all just blocks', async () => {
    const source = scriptedSource({ chainId })
    const log = openSimulatedLog()
    source.mine(4, 0)
    source.mine(2, 250)
    source.mine(1, 48_000)
    await follow(source, log, (turn) => {
      if (turn === 30) source.mine(3, 0)
      return turn < 32
    })
    expect(hashes(chainInLog(log, source))).toEqual(hashes(source.canonical.slice(1)))
    const sealed = recordsOf(log).filter((record) => record.type === 'sealed')
    for (const [index, { watermark }] of sealed.entries())
      expect(watermark).toBeLessThan(sealed[index + 1]?.block.timestamp ?? Infinity)
  })

  test('error: a second ingestor of the same chain ends the first', async () => {
    const source = scriptedSource({ chainId })
    const log = openSimulatedLog()
    source.mine(2)
    const running = follow(source, log, (turn) => {
      if (turn === 0) void openLedger(log, { prefix, chainId }, new LearnedFacts())
      source.mine()
      return turn < 50
    })
    await expect(running).rejects.toThrow(/fenced/)
  })

  test('property: after any storm of reorgs, failures and crashes the log holds exactly the canonical chain', async () => {
    const event = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant('mine' as const),
          count: fc.integer({ min: 1, max: 4 }),
          depth: fc.constant(0),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          do: fc.constant('reorg' as const),
          count: fc.integer({ min: 1, max: 5 }),
          depth: fc.integer({ min: 1, max: 5 }),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant('fail' as const), count: fc.constant(0), depth: fc.constant(0) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant('crash' as const), count: fc.constant(0), depth: fc.constant(0) }),
      },
    )
    const fates = fc.array(
      fc.constantFrom<AppendFate>('committed', 'committed', 'committed', 'full', 'commit-unknown', 'lost'),
      { maxLength: 30 },
    )
    const storms = fc.record({
      events: fc.array(event, { minLength: 5, maxLength: 40 }),
      everyRequests: fc.integer({ min: 1, max: 6 }),
      from: fc.integer({ min: 1, max: 4 }),
      byTag: fc.boolean(),
      fates,
    })
    await fc.assert(
      fc.asyncProperty(storms, async (storm) => {
        const source = scriptedSource({ chainId })
        source.mine(3)
        let log = openSimulatedLog()
        const decideAppends = () => log.decideAppends(({ index }) => storm.fates[index] ?? 'committed')
        decideAppends()
        if (storm.byTag) source.setFinality(6)
        let highest = 0
        let requests = 0
        let crashed = false
        const script = [...storm.events]
        const play = () => {
          const next = script.shift()
          if (next === undefined) return
          if (next.do === 'mine') source.mine(next.count)
          // As on a real chain, what was once final (six under the highest head) stays.
          if (next.do === 'reorg') {
            const final = Math.max(0, highest - 6)
            source.reorg(Math.min(next.depth, source.canonical.length - 1 - final), next.count)
          }
          // A shorter chain is no news until it grows, so in the end it grows.
          if (script.length === 0) source.mine(highest + 2 - source.canonical.length)
          highest = Math.max(highest, source.canonical.length - 1)
          if (next.do === 'crash') crashed = true
          if (next.do === 'fail')
            throw new EndpointAnswerError({
              endpoint: 'scripted node',
              block: 1,
              field: 'block',
              reason: 'told to fail',
            })
        }
        highest = source.canonical.length - 1
        source.intercept(() => {
          if (++requests % storm.everyRequests === 0) play()
        })
        for (let runs = 0; runs < 200; runs++) {
          crashed = false
          let quiet = 0
          await follow(
            source,
            log,
            () => {
              if (script.length > 0) {
                try {
                  play()
                } catch {
                  return true
                }
              } else quiet++
              return !crashed && quiet < 40 // more turns than there are appends that can still fail
            },
            { from: storm.from, finalityDepth: storm.byTag ? null : 6 },
          )
          if (!crashed && script.length === 0) break
          log = log.reopen()
          decideAppends()
        }
        expect(hashes(chainInLog(log, source))).toEqual(hashes(source.canonical.slice(storm.from)))
      }),
      { numRuns: 300 },
    )
  })
})
