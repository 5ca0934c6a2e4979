import type { PriceTick } from '@tocsin/chain-model'

/** What a source knows of its own time. One that tells nothing is taken to have told all up to now. */
export interface PriceProgress {
  /** It lives, and told all that it has up to this time (ms, by its own clock). */
  reached(time: number): void
  /** It is away: until it is heard of again, nobody waits for it. */
  silent(): void
}

/** A live source of prices. It pushes what it sees, in any order; the loop around it says what time it is. */
export interface PriceSource {
  readonly name: string
  /** Runs until the signal is aborted. What cannot be read is told, and the source goes on. */
  run(
    push: (tick: PriceTick) => void,
    failed: (error: unknown) => void,
    signal: AbortSignal,
    progress?: PriceProgress,
  ): Promise<void>
}

/** A source that is fed by a function: the demo's market, or any program that embeds the ingestor. */
export interface PushPriceSource extends PriceSource {
  push(tick: PriceTick): void
}

export function pushPriceSource(name: string): PushPriceSource {
  const sinks = new Set<(tick: PriceTick) => void>()
  return {
    name,
    push: (tick) => {
      for (const sink of sinks) sink(tick)
    },
    run: (push, _failed, signal) =>
      new Promise((resolve) => {
        sinks.add(push)
        const stop = () => {
          sinks.delete(push)
          resolve()
        }
        if (signal.aborted) stop()
        else signal.addEventListener('abort', stop, { once: true })
      }),
  }
}
