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
  /**
   * The same registry for one of several things of a kind that a process has: what is measured through it carries these
   * labels too, and `reset` forgets only what was set through it. A metric has the same labels everywhere.
   */
  with(labels: Readonly<Record<string, string>>): Metrics
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

/**
 * The delay of the event loop is measured by a timer; each firing wakes the process, at prom-client's 10 ms a hundred times a
 * second: about half of what an idle process takes. What it tells includes this, so an idle loop has a "lag" of it.
 */
const eventLoopMonitoringPrecision = 100

export function createMetrics(options: CreateMetricsOptions = {}): Metrics {
  const registry = new Registry()
  if (options.process === true) collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision })
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

  /** Histograms that show their zeros under these labels already. */
  const begun = new Set<string>()

  const view = (constant: Readonly<Record<string, string>>): Metrics => {
    const constants = Object.keys(constant)
    const namesOf = (labels: readonly string[]) => [...labels, ...constants]
    /** The labels that were given, with ours, and the number that came after them. */
    const split = (labels: readonly string[], args: readonly unknown[]) => {
      const [first, second] = args
      // `Labelled` gives labels exactly where the metric has some, and then a number or nothing.
      return labels.length === 0
        ? { labelValues: constant, value: first as number | undefined }
        : { labelValues: { ...(first as LabelValues<string>), ...constant }, value: second as number | undefined }
    }
    return {
      counter: <Label extends string = never>({ name, help, labels = [] }: MetricOptions<Label>) => {
        const labelNames = namesOf(labels)
        const counter = once(
          'counter',
          name,
          labelNames,
          () => new Counter<string>({ name, help, labelNames, registers: [registry] }),
        )
        if (labels.length === 0) counter.inc(constant, 0)
        return {
          inc: (...args: readonly unknown[]) => {
            const { labelValues, value } = split(labels, args)
            counter.inc(labelValues, value)
          },
        }
      },
      gauge: <Label extends string = never>({
        name,
        help,
        labels = [],
        collect,
      }: MetricOptions<Label> & { readonly collect?: () => number }) => {
        const labelNames = namesOf(labels)
        const gauge = once(
          'gauge',
          name,
          labelNames,
          () =>
            new Gauge<string>({
              name,
              help,
              labelNames,
              registers: [registry],
              ...(collect === undefined
                ? {}
                : {
                    collect() {
                      this.set(constant, collect())
                    },
                  }),
            }),
        )
        const set = new Map<string, LabelValues<string>>()
        if (labels.length === 0) gauge.inc(constant, 0)
        return {
          set: (...args: readonly unknown[]) => {
            const { labelValues, value = 0 } = split(labels, args)
            if (labels.length > 0) set.set(JSON.stringify(labelValues), labelValues)
            gauge.set(labelValues, value)
          },
          reset: () => {
            if (labels.length === 0) gauge.set(constant, 0)
            for (const labelValues of set.values()) gauge.remove(labelValues)
            set.clear()
          },
        }
      },
      histogram: <Label extends string = never>({
        name,
        help,
        labels = [],
        buckets,
      }: MetricOptions<Label> & { readonly buckets: readonly number[] }) => {
        const labelNames = namesOf(labels)
        const histogram = once(
          'histogram',
          name,
          labelNames,
          () => new Histogram<string>({ name, help, labelNames, buckets: [...buckets], registers: [registry] }),
        )
        const under = `${name}${JSON.stringify(constant)}`
        if (labels.length === 0 && !begun.has(under)) histogram.zero(constant)
        begun.add(under)
        return {
          observe: (...args: readonly unknown[]) => {
            const { labelValues, value = 0 } = split(labels, args)
            histogram.observe(labelValues, value)
          },
        }
      },
      countedHistogram: ({ name, help, collect }) =>
        once(
          'histogram',
          name,
          constants,
          () => new CountedHistogram({ name, help, labelNames: constants, registers: [registry] }),
        ).collects(constant, collect),
      with: (labels) => view({ ...constant, ...labels }),
      exposition: () => registry.metrics(),
      contentType: registry.contentType,
    }
  }
  return view({})
}

/** prom-client asks a metric for its values by this method; here they are someone else's. */
class CountedHistogram extends Histogram {
  readonly #name: string
  readonly #help: string
  readonly #collectors = new Map<
    string,
    { readonly labels: LabelValues<string>; readonly collect: () => CountedObservations | null }
  >()

  constructor(options: {
    readonly name: string
    readonly help: string
    readonly labelNames: string[]
    readonly registers: Registry[]
  }) {
    super(options)
    this.#name = options.name
    this.#help = options.help
  }

  /** Who counts for these labels. */
  collects(labels: LabelValues<string>, collect: () => CountedObservations | null): void {
    this.#collectors.set(JSON.stringify(labels), { labels, collect })
  }

  async getForPromString() {
    const values = [...this.#collectors.values()].flatMap(({ labels, collect }) => {
      const { sum, count, buckets } = collect() ?? { sum: 0, count: 0, buckets: [] }
      const bucket = (le: number | '+Inf', value: number) => ({
        labels: { ...labels, le },
        value,
        metricName: `${this.#name}_bucket`,
      })
      return [
        ...buckets.map((one) => bucket(one.le, one.count)),
        bucket('+Inf', count),
        { labels, value: sum, metricName: `${this.#name}_sum` },
        { labels, value: count, metricName: `${this.#name}_count` },
      ]
    })
    return { name: this.#name, help: this.#help, type: 'histogram', values, aggregator: 'sum' }
  }
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
