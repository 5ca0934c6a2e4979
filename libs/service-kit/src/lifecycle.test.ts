import { describe, expect, test } from 'vitest'
import { aborted, exitCodes, runProcess, type ProcessHost } from './lifecycle.ts'
import { createLogger } from './logger.ts'

function testHost() {
  const listeners = new Set<() => void>()
  const exits: number[] = []
  const lines: string[] = []
  const host: ProcessHost = {
    on: (event, listener) => event === 'SIGINT' && listeners.add(listener),
    off: (_, listener) => listeners.delete(listener),
    exit: (code) => exits.push(code),
  }
  const log = createLogger({ place: 'test', write: (line) => lines.push(line), now: () => 0 })
  return { host, log, exits, lines, listeners, interrupt: () => [...listeners].forEach((listener) => listener()) }
}

describe('runProcess', () => {
  test('default: work that ends closes what it opened, the last first, and gives the signals back', async () => {
    const { host, log, listeners } = testHost()
    const closed: string[] = []
    const code = await runProcess(
      async ({ onStop }) => {
        onStop('log', () => void closed.push('log'))
        onStop('producer', async () => void closed.push('producer'))
      },
      { host, log },
    )
    expect({ code, closed, listeners: listeners.size }).toEqual({
      code: exitCodes.done,
      closed: ['producer', 'log'],
      listeners: 0,
    })
  })

  test('behavior: Ctrl-C aborts the work and is no failure', async () => {
    const { host, log, interrupt } = testHost()
    const closed: string[] = []
    const running = runProcess(
      async ({ signal, onStop }) => {
        onStop('log', () => void closed.push('log'))
        await aborted(signal)
        signal.throwIfAborted()
      },
      { host, log },
    )
    interrupt()
    expect(await running).toBe(exitCodes.done)
    expect(closed).toEqual(['log'])
  })

  test('behavior: a host that was told to stop before begins nothing', async () => {
    const { host, log, listeners } = testHost()
    const told: ProcessHost = {
      ...host,
      on: (event, listener) => {
        host.on(event, listener)
        if (event === 'SIGINT') listener()
      },
    }
    const begin = async () => {
      throw new Error('begun')
    }
    expect(await runProcess(begin, { host: told, log })).toBe(exitCodes.done)
    expect(listeners.size).toBe(0)
  })

  test('behavior: one Ctrl-C that comes twice, from the terminal and from a parent, is one', async () => {
    const { host, log, interrupt, exits } = testHost()
    const running = runProcess(({ signal }) => aborted(signal), { host, log })
    interrupt()
    interrupt()
    expect(await running).toBe(exitCodes.done)
    expect(exits).toEqual([])
  })

  test('behavior: a second Ctrl-C ends it at once', async () => {
    const { host, log, interrupt, exits } = testHost()
    let release = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    const running = runProcess(() => held, { host, log, sameSignalMs: 0 })
    interrupt()
    expect(exits).toEqual([])
    interrupt()
    expect(exits).toEqual([exitCodes.interrupted])
    release()
    await running
  })

  test('error: failing work is one line and exit code 1, and what was opened is closed', async () => {
    const { host, log, lines } = testHost()
    const closed: string[] = []
    const code = await runProcess(
      async ({ onStop }) => {
        onStop('log', () => void closed.push('log'))
        throw new Error('The disk is gone.')
      },
      { host, log },
    )
    expect({ code, closed, lines }).toEqual({
      code: exitCodes.failed,
      closed: ['log'],
      lines: ['1970-01-01T00:00:00.000Z ERROR test: The disk is gone.\n'],
    })
  })

  test('error: what does not stop in time is named and left', async () => {
    const { host, log, lines } = testHost()
    const code = await runProcess(async ({ onStop }) => onStop('the log', () => new Promise(() => {})), {
      host,
      log,
      stopTimeoutMs: 20,
    })
    expect(code).toBe(exitCodes.failed)
    expect(lines.join('')).toContain('the log did not stop within 20 ms')
  })

  test('error: one thing that fails to close does not keep the others open', async () => {
    const { host, log } = testHost()
    const closed: string[] = []
    const code = await runProcess(
      async ({ onStop }) => {
        onStop('log', () => void closed.push('log'))
        onStop('server', () => {
          throw new Error('stuck')
        })
      },
      { host, log },
    )
    expect({ code, closed }).toEqual({ code: exitCodes.failed, closed: ['log'] })
  })
})
