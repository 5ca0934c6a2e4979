import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

type LabelValues<Label extends string> = Readonly<Record<Label, string | number>>
/** Labels come first where there are any. */
type Labelled<Label extends string, Rest extends readonly unknown[]> = [Label] extends [never]
  ? Rest
  : [labels: LabelValues<Label>, ...rest: Rest]

export interface MetricOptions<Label extends string> {
  /** `tocsin_<app>_<what>_<unit>`; a counter ends with `_total`. Seconds and bytes, never ms or kB. */
  readonly name: string
  /** One sentence. */
  readonly help: string
  /** Of few values each: never an address or a hash. */
  readonly labels?: readonly Label[]
}

/** Counts what happened. Starts at 0 and is shown from the start where it has no labels. */
export interface CounterMetric<Label extends string> {
  /** Default by 1. */
  inc(...args: Labelled<Label, [by?: number]>): void
}

/** A value that goes up and down. */
export interface GaugeMetric<Label extends string> {
  set(...args: Labelled<Label, [value: number]>): void
  /** Forgets what was set: 0 without labels, and with labels shown no more, for what is measured elsewhere by now. */
  reset(): void
}

/** How observed values spread over buckets. */
export interface HistogramMetric<Label extends string> {
  observe(...args: Labelled<Label, [value: number]>): void
}

/** Observations that were counted elsewhere, in buckets that add up as Prometheus' do. */
export interface CountedObservations {
  readonly sum: number
  readonly count: number
  /** How many were at most `le`; in the metric's unit. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[]
}

/** Measures of one process, or of one test: each instance has its own registry. The only door to prom-client. */
export interface Metrics {
  counter<Label extends string = never>(options: MetricOptions<Label>): CounterMetric<Label>
  /** `collect` gives the value when it is asked for, for gauges without labels. */
  gauge<Label extends string = never>(
    options: MetricOptions<Label> & { readonly collect?: () => number },
  ): GaugeMetric<Label>
  /** `buckets` are upper bounds in the metric's unit. */
  histogram<Label extends string = never>(
    options: MetricOptions<Label> & { readonly buckets: readonly number[] },
  ): HistogramMetric<Label>
  /** A histogram without labels of what `collect` has counted when it is asked for. Null: nothing yet. */
  countedHistogram(options: MetricOptions<never> & { readonly collect: () => CountedObservations | null }): void
  /** All of them as Prometheus's text exposition format. */
  exposition(): Promise<string>
  readonly contentType: string
}

/** A name that breaks the naming rule: our own mistake, found when the metric is created. */
export class MetricNameError extends Error {
  readonly code = 'METRIC_NAME'
  readonly handling = 'stop'
  readonly remedy = 'Name it tocsin_<app>_<what>_<unit>, in seconds or bytes; only counters end with _total.'
  constructor(name: string, reason: string, options?: ErrorOptions) {
    super(`The metric "${name}" ${reason}.`, options)
  }
}

export interface CreateMetricsOptions {
  /** CPU, memory, event loop lag and garbage collection of this process, under prom-client's own names. Default false. */
  readonly process?: boolean
}

export function createMetrics(options: CreateMetricsOptions = {}): Metrics {
  const registry = new Registry()
  if (options.process === true) collectDefaultMetrics({ register: registry })
  const known = new Map<string, { readonly shape: string; readonly metric: unknown }>()

  /** Two parts of one process may share a metric; they must mean the same. */
  const once = <Metric>(kind: string, name: string, labels: readonly string[], create: () => Metric): Metric => {
    checkName(kind, name)
    const shape = `${kind}(${labels.join()})`
    const existing = known.get(name)
    if (existing !== undefined && existing.shape !== shape) {
      throw new MetricNameError(name, `is a ${existing.shape} already, not a ${shape}`)
    }
    // The shape says which class it is, and only `create` of that shape has put it there.
    if (existing !== undefined) return existing.metric as Metric
    const metric = create()
    known.set(name, { shape, metric })
    return metric
  }

  return {
    counter: <Label extends string = never>({ name, help, labels = [] }: MetricOptions<Label>) => {
      const counter = once(
        'counter',
        name,
        labels,
        () => new Counter<Label>({ name, help, labelNames: [...labels], registers: [registry] }),
      )
      return {
        inc: (...args: readonly unknown[]) => {
          const { labelValues, value } = split<Label>(labels, args)
          if (labelValues === undefined) counter.inc(value)
          else counter.inc(labelValues, value)
        },
      }
    },
    gauge: <Label extends string = never>({
      name,
      help,
      labels = [],
      collect,
    }: MetricOptions<Label> & { readonly collect?: () => number }) => {
      const gauge = once(
        'gauge',
        name,
        labels,
        () =>
          new Gauge<Label>({
            name,
            help,
            labelNames: [...labels],
            registers: [registry],
            ...(collect === undefined
              ? {}
              : {
                  collect() {
                    this.set(collect())
                  },
                }),
          }),
      )
      return {
        set: (...args: readonly unknown[]) => {
          const { labelValues, value = 0 } = split<Label>(labels, args)
          if (labelValues === undefined) gauge.set(value)
          else gauge.set(labelValues, value)
        },
        reset: () => gauge.reset(),
      }
    },
    histogram: <Label extends string = never>({
      name,
      help,
      labels = [],
      buckets,
    }: MetricOptions<Label> & { readonly buckets: readonly number[] }) => {
      const histogram = once(
        'histogram',
        name,
        labels,
        () =>
          new Histogram<Label>({ name, help, labelNames: [...labels], buckets: [...buckets], registers: [registry] }),
      )
      return {
        observe: (...args: readonly unknown[]) => {
          const { labelValues, value = 0 } = split<Label>(labels, args)
          if (labelValues === undefined) histogram.observe(value)
          else histogram.observe(labelValues, value)
        },
      }
    },
    countedHistogram: ({ name, help, collect }) =>
      void once('histogram', name, [], () => new CountedHistogram({ name, help, registers: [registry] }, collect)),
    exposition: () => registry.metrics(),
    contentType: registry.contentType,
  }
}

/** prom-client asks a metric for its values by this method; here they are someone else's. */
class CountedHistogram extends Histogram {
  readonly #name: string
  readonly #help: string
  readonly #collect: () => CountedObservations | null

  constructor(
    options: { readonly name: string; readonly help: string; readonly registers: Registry[] },
    collect: () => CountedObservations | null,
  ) {
    super(options)
    this.#name = options.name
    this.#help = options.help
    this.#collect = collect
  }

  async getForPromString() {
    const { sum, count, buckets } = this.#collect() ?? { sum: 0, count: 0, buckets: [] }
    const bucket = (le: number | '+Inf', value: number) => ({
      labels: { le },
      value,
      metricName: `${this.#name}_bucket`,
    })
    const values = [
      ...buckets.map((one) => bucket(one.le, one.count)),
      bucket('+Inf', count),
      { labels: {}, value: sum, metricName: `${this.#name}_sum` },
      { labels: {}, value: count, metricName: `${this.#name}_count` },
    ]
    return { name: this.#name, help: this.#help, type: 'histogram', values, aggregator: 'sum' }
  }
}

function split<Label extends string>(labels: readonly Label[], args: readonly unknown[]) {
  const [first, second] = args
  // `Labelled` gives labels exactly where the metric has some, and then a number or nothing.
  return labels.length === 0
    ? { labelValues: undefined, value: first as number | undefined }
    : { labelValues: first as LabelValues<Label>, value: second as number | undefined }
}

function checkName(kind: string, name: string): void {
  if (!/^tocsin_[a-z][a-z0-9]*(_[a-z0-9]+)+$/.test(name)) {
    throw new MetricNameError(name, 'is not of the form tocsin_<app>_<what>_<unit>')
  }
  if (kind === 'counter' && !name.endsWith('_total'))
    throw new MetricNameError(name, 'counts and does not end with _total')
  if (kind !== 'counter' && name.endsWith('_total'))
    throw new MetricNameError(name, `is a ${kind} and ends with _total`)
  if (/_(ms|milliseconds|minutes|kb|mb)(_total)?$/.test(name)) throw new MetricNameError(name, 'is not in a base unit')
}
