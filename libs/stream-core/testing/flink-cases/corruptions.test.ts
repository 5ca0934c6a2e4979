import { describe, expect, test } from 'vitest'
import { areCasesThere, cases } from './case.ts'
import { corruptionsOf, type Corruption } from './corruptions.ts'
import { deviations } from './deviations.ts'
import { runCase } from './run-case.ts'

/**
 * What a case feeds in, by kind. Changing it may change nothing that the case asks about: an element may come a little
 * later within its window, a watermark go a little further. All else says what is expected, or what a step is.
 */
const inputs: Readonly<Record<string, RegExp>> = {
  'window-operator': /^(config\/|steps\/(el|wm|pt)\/[1-9]|checks\/\d+\/afterStep$)/,
  'interval-join': /^(config\/|steps\/(el|wm|fill)\/[1-9])/,
  'watermark-valve': /^(config\/|steps\/(wm|status)\/[1-9])/,
  'watermark-multiplexer': /^steps\/(register|unregister|wm|idle)\/[1-9]/,
  'watermark-generator': /^(config\/|steps\/event\/[1-9])/,
  'idleness-timer': /^(config\/|steps\/advance\/[1-9])/,
  'window-assigner': /^(config\/|assign\/\d+\/(0$|2\/))/,
  'window-assigner-invalid': /^(config|invalid)\//,
  'window-start': /^rows\/\d+\/[012]$/,
  'window-intersect': /^rows\/\d+\/[01]\//,
  'session-merge': /^windows\//,
  // Where a merge may keep any of several states, only one of those named can be right or wrong.
  'merging-window-set': /^(config\/|steps\/((add|retire|state)\/1\/|add\/2\/stateWindowOneOf\/))/,
  trigger: /^(config\/|steps\/((el|merge|clear)\/1\/|merge\/2\/|(wm|pt)\/1$))/,
  'timer-service': /^(config\/|steps\/(reg|regE|regP|del|wm|pt)\/[1-9])/,
  'keyed-process': /^(config\/|steps\/(el|wm|pt)\/[1-9])/,
  ttl: /^(config\/|steps\/(t|key|update)\/[1-9])/,
  'window-cogroup': /^(config|left|right)\//,
  'window-join': /^(config|left|right)\//,
  'key-group-range': /^rows\/\d+\/[01]$/,
  'key-group-owner': /^rows\/\d+\/[012]$/,
  'key-group-default': /^rows\/\d+\/0$/,
  'kstreams-session': /^(config\/|steps\/el\/[12]$)/,
  'kstreams-join': /^(config\/|batches\/\d+\/[01])/,
  punctuator: /^(config\/|steps\/now\/1$)/,
}

/** They expect that nothing comes of one window: there is no value that could be wrong. */
const withoutValues = new Set([
  'flink/EventTimeSessionWindowsTest/testMergeSinglePointWindow',
  'flink/EventTimeSessionWindowsTest/testMergeSingleWindow',
])

/** Which of a case's values; a long run looks at all of them, a short one at every so many. */
const stride = process.env['CI'] === undefined ? 7 : 1

const isNoticed = async ({ case: corrupted }: Corruption): Promise<boolean> => {
  try {
    await runCase(corrupted)
    return false
  } catch {
    return true
  }
}

/** A step's place tells less than its type. */
const labelOf = (steps: readonly (readonly unknown[])[], path: string): string =>
  path.replace(/^steps\/(\d+)\//, (_, index) => `steps/${String(steps[Number(index)]?.[0])}/`)

const ordinary = cases.filter(({ id }) => !(id in deviations))

describe.runIf(areCasesThere).for([...new Set(ordinary.map(({ kind }) => kind))])('%s', (kind) => {
  test('behavior: what a case expects cannot be changed by a single value unnoticed', async () => {
    const unnoticed: string[] = []
    const unshaken: string[] = []
    let noticed = 0
    for (const one of ordinary.filter((each) => each.kind === kind)) {
      const steps = 'steps' in one ? (one.steps as readonly (readonly unknown[])[]) : []
      let noticedHere = 0
      for (const [index, corruption] of corruptionsOf(one).entries()) {
        const { path, from, to } = corruption
        const isInput = inputs[kind]?.test(labelOf(steps, path)) === true
        if (isInput && index % stride !== 0) continue
        if (await isNoticed(corruption)) noticedHere += 1
        else if (!isInput) unnoticed.push(`${one.id} ${path}: ${JSON.stringify(from)} -> ${JSON.stringify(to)}`)
      }
      if (noticedHere === 0 && !withoutValues.has(one.id)) unshaken.push(one.id)
      noticed += noticedHere
    }
    expect(unnoticed).toEqual([])
    expect(unshaken).toEqual([])
    expect(noticed).toBeGreaterThan(0)
  })
})
