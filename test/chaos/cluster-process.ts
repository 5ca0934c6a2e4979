import { startTocsin, type Running } from '../tocsin-process.ts'

/** How a process that was not asked to end must have ended: another one of its role has taken its place. */
const fenced = /LOG_PRODUCER_FENCED/
/** Told to stop while the broker was away, or on a machine that is slow, it gives up waiting and says so. */
const left = /did not stop within \d+ ms and was left/

export interface ClusterProcessOptions {
  /** The words of the command. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** What it prints once its HTTP server listens: the port, or the address, is the first group. */
  readonly listening: RegExp
}

const readyDeadlineMs = 120_000

/**
 * One of the processes of a cluster, under a supervisor: who was killed, or was fenced and ended, is started again unless
 * another one has taken over. One that ends by itself for another reason breaks a promise.
 */
export class ClusterProcess {
  readonly #options: ClusterProcessOptions
  readonly #zombies = new Set<Running>()
  readonly #ended = new Set<Running>()
  readonly #before: string[] = []
  #running: Running
  #broken: Error | undefined
  #isClosed = false
  /** Those that were fenced, and ended by themselves. */
  fenced = 0

  constructor(options: ClusterProcessOptions) {
    this.#options = options
    this.#running = this.#start()
  }

  /** The base address of its HTTP server, once it listens. */
  async url(): Promise<string> {
    const [, found = ''] = await this.#running.printed(this.#options.listening, readyDeadlineMs)
    return found.startsWith('http') ? found : `http://127.0.0.1:${found}`
  }

  /** Ends it, and starts another one on the same disk. */
  async restart(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const ending = this.#running
    this.#ended.add(ending)
    ending.child.kill(signal)
    const ended = await ending.finished
    // Node takes some ms before it runs anything of ours: until then there is nobody to be told.
    const isUnborn = ended.signal === 'SIGTERM' && ending.output() === ''
    const isExcused = isUnborn || fenced.test(ending.output()) || left.test(ending.output())
    if (signal === 'SIGTERM' && ended.code !== 0 && !isExcused)
      this.#break(`did not end cleanly on SIGTERM (${ended.code ?? ended.signal})`, ending)
    if (ending === this.#running) this.#replace()
  }

  stop(): void {
    this.#running.child.kill('SIGSTOP')
  }
  continue(): void {
    this.#running.child.kill('SIGCONT')
  }

  /** Stops it as it stands, and starts another one beside it. @returns what lets the first go on. */
  replaceStopped(): () => void {
    const stopped = this.#running
    stopped.child.kill('SIGSTOP')
    this.#zombies.add(stopped)
    this.#replace()
    return () => stopped.child.kill('SIGCONT')
  }

  /** Of the one that was started last. */
  get pid(): number {
    return this.#running.child.pid ?? 0
  }

  /** Whether those that were replaced have ended. */
  get isAlone(): boolean {
    return this.#zombies.size === 0
  }

  /** @throws if one ended by itself that was not fenced. */
  assertWell(): void {
    if (this.#broken !== undefined) throw this.#broken
  }

  output(): string {
    return [...this.#before, this.#running.output()].join('\n--- next ---\n')
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const all = [this.#running, ...this.#zombies]
    for (const one of all) one.child.kill('SIGKILL')
    await Promise.all(all.map(({ finished }) => finished))
  }

  #replace(): void {
    this.#before.push(this.#running.output())
    this.#running = this.#start()
  }

  #start(): Running {
    const { args, env } = this.#options
    const started = startTocsin(args, { env })
    void started.finished.then(({ code, signal }) => {
      if (this.#isClosed || this.#ended.delete(started)) return
      this.#zombies.delete(started)
      if (!fenced.test(started.output())) return this.#break(`ended by itself (${code ?? signal})`, started)
      this.fenced += 1
      if (started !== this.#running) return
      // The one that it was to replace took over again, as long as that lives.
      const [zombie] = this.#zombies
      if (zombie === undefined) return this.#replace()
      this.#before.push(this.#running.output())
      this.#zombies.delete(zombie)
      this.#running = zombie
    })
    return started
  }

  #break(what: string, at: Running): void {
    this.#broken ??= new Error(`tocsin ${this.#options.args[0]} ${what}: ${at.output().slice(-1_500)}`)
  }
}
