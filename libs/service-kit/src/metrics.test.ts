import { describe, expect, test } from 'vitest'
import { createMetrics, MetricNameError, type CountedObservations } from './metrics.ts'

describe('createMetrics', () => {
  test('default: counters, gauges and histograms in the text exposition', async () => {
    const metrics = createMetrics()
    metrics.counter({ name: 'tocsin_test_blocks_total', help: 'Blocks.' }).inc()
    metrics
      .counter({ name: 'tocsin_test_alerts_total', help: 'Alerts.', labels: ['status'] })
      .inc({ status: 'confirmed' }, 3)
    metrics.gauge({ name: 'tocsin_test_lag_blocks', help: 'Lag.' }).set(7)
    metrics.gauge({ name: 'tocsin_test_open_files', help: 'Asked for.', collect: () => 5 })
    metrics.histogram({ name: 'tocsin_test_commit_seconds', help: 'Commits.', buckets: [0.1, 1] }).observe(0.5)
    const lines = (await metrics.exposition()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    expect(lines).toEqual([
      'tocsin_test_blocks_total 1',
      'tocsin_test_alerts_total{status="confirmed"} 3',
      'tocsin_test_lag_blocks 7',
      'tocsin_test_open_files 5',
      'tocsin_test_commit_seconds_bucket{le="0.1"} 0',
      'tocsin_test_commit_seconds_bucket{le="1"} 1',
      'tocsin_test_commit_seconds_bucket{le="+Inf"} 1',
      'tocsin_test_commit_seconds_sum 0.5',
      'tocsin_test_commit_seconds_count 1',
    ])
  })

  test('behavior: a gauge that is reset shows no labels of before', async () => {
    const metrics = createMetrics()
    const lag = metrics.gauge({ name: 'tocsin_test_lag_records', help: 'Lag.', labels: ['partition'] })
    lag.set({ partition: 0 }, 7)
    lag.set({ partition: 1 }, 8)
    lag.reset()
    lag.set({ partition: 1 }, 9)
    const text = await metrics.exposition()
    expect(text).toContain('tocsin_test_lag_records{partition="1"} 9')
    expect(text).not.toContain('partition="0"')
  })

  test('behavior: a histogram of what others have counted shows it as it is when it is asked for', async () => {
    const metrics = createMetrics()
    let counted: CountedObservations | null = null
    metrics.countedHistogram({ name: 'tocsin_test_checkpoint_seconds', help: 'Taken.', collect: () => counted })
    expect(await metrics.exposition()).toContain('tocsin_test_checkpoint_seconds_bucket{le="+Inf"} 0\n')
    counted = {
      sum: 0.75,
      count: 3,
      buckets: [
        { le: 0.1, count: 1 },
        { le: 0.5, count: 2 },
      ],
    }
    expect((await metrics.exposition()).split('\n').filter((line) => line !== '')).toEqual([
      '# HELP tocsin_test_checkpoint_seconds Taken.',
      '# TYPE tocsin_test_checkpoint_seconds histogram',
      'tocsin_test_checkpoint_seconds_bucket{le="0.1"} 1',
      'tocsin_test_checkpoint_seconds_bucket{le="0.5"} 2',
      'tocsin_test_checkpoint_seconds_bucket{le="+Inf"} 3',
      'tocsin_test_checkpoint_seconds_sum 0.75',
      'tocsin_test_checkpoint_seconds_count 3',
    ])
  })

  test('behavior: two instances know nothing of each other; one instance gives the same metric twice', async () => {
    const [one, two] = [createMetrics(), createMetrics()]
    const options = { name: 'tocsin_test_blocks_total', help: 'Blocks.' }
    one.counter(options).inc()
    one.counter(options).inc()
    two.counter(options)
    expect(await one.exposition()).toContain('tocsin_test_blocks_total 2')
    expect(await two.exposition()).toContain('tocsin_test_blocks_total 0')
  })

  test('behavior: one of several things measures under labels of its own, from the start, and resets only itself', async () => {
    const metrics = createMetrics()
    for (const [chain, blocks] of [
      ['1', 2],
      ['8453', 5],
    ] as const) {
      const of = metrics.with({ chain })
      of.counter({ name: 'tocsin_test_failures_total', help: 'Failures.' })
      of.counter({ name: 'tocsin_test_calls_total', help: 'Calls.', labels: ['method'] }).inc({ method: 'a' }, blocks)
      const lag = of.gauge({ name: 'tocsin_test_lag_blocks', help: 'Lag.' })
      lag.set(blocks)
      const shown = of.gauge({ name: 'tocsin_test_lag_records', help: 'Lag.', labels: ['partition'] })
      shown.set({ partition: 0 }, blocks)
      if (chain === '8453') {
        lag.reset()
        shown.reset()
      }
      of.countedHistogram({
        name: 'tocsin_test_commit_seconds',
        help: 'Commits.',
        collect: () => ({ sum: blocks, count: 1, buckets: [] }),
      })
    }
    const lines = (await metrics.exposition()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    expect(lines).toEqual([
      'tocsin_test_failures_total{chain="1"} 0',
      'tocsin_test_failures_total{chain="8453"} 0',
      'tocsin_test_calls_total{method="a",chain="1"} 2',
      'tocsin_test_calls_total{method="a",chain="8453"} 5',
      'tocsin_test_lag_blocks{chain="1"} 2',
      'tocsin_test_lag_blocks{chain="8453"} 0',
      'tocsin_test_lag_records{partition="0",chain="1"} 2',
      'tocsin_test_commit_seconds_bucket{chain="1",le="+Inf"} 1',
      'tocsin_test_commit_seconds_sum{chain="1"} 2',
      'tocsin_test_commit_seconds_count{chain="1"} 1',
      'tocsin_test_commit_seconds_bucket{chain="8453",le="+Inf"} 1',
      'tocsin_test_commit_seconds_sum{chain="8453"} 5',
      'tocsin_test_commit_seconds_count{chain="8453"} 1',
    ])
  })

  test('behavior: the process’s own measures where asked for', async () => {
    expect(await createMetrics().exposition()).not.toContain('process_cpu')
    expect(await createMetrics({ process: true }).exposition()).toContain('process_cpu_seconds_total')
  })

  test.each([
    ['counter', 'blocks_total', 'is not of the form'],
    ['counter', 'tocsin_blocks', 'is not of the form'],
    ['counter', 'tocsin_test_blocks', 'does not end with _total'],
    ['gauge', 'tocsin_test_lag_total', 'ends with _total'],
    ['gauge', 'tocsin_test_lag_ms', 'base unit'],
  ] as const)('error: a %s named %s', (kind, name, reason) => {
    const metrics = createMetrics()
    expect(() => metrics[kind]({ name, help: '' })).toThrow(MetricNameError)
    expect(() => metrics[kind]({ name, help: '' })).toThrow(reason)
  })

  test('error: one name for two different metrics', () => {
    const metrics = createMetrics()
    metrics.gauge({ name: 'tocsin_test_lag_blocks', help: 'Lag.' })
    expect(() => metrics.gauge({ name: 'tocsin_test_lag_blocks', help: 'Lag.', labels: ['chain'] })).toThrow(
      'is a gauge() already',
    )
  })
})
