import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { holdSignals } from './held-signals.ts'

function testProcess() {
  const signals = new EventEmitter()
  const host = holdSignals({
    on: (event, listener) => signals.on(event, listener),
    off: (event, listener) => signals.off(event, listener),
    exit: () => {},
  })
  const listeners = () => signals.listenerCount('SIGINT') + signals.listenerCount('SIGTERM')
  return { host, listeners, send: (signal: 'SIGINT' | 'SIGTERM') => signals.emit(signal) }
}

describe('holdSignals', () => {
  test('default: without a signal nobody is told', () => {
    const { host, send } = testProcess()
    const told: string[] = []
    host.on('SIGINT', () => told.push('SIGINT'))
    host.on('SIGTERM', () => told.push('SIGTERM'))
    expect(told).toEqual([])
    send('SIGTERM')
    expect(told).toEqual(['SIGTERM'])
  })

  test('behavior: signals that come before anyone listens are told once, to the first who does', () => {
    const { host, send } = testProcess()
    const told: string[] = []
    send('SIGTERM')
    send('SIGTERM')
    host.on('SIGINT', () => told.push('first'))
    host.on('SIGTERM', () => told.push('second'))
    expect(told).toEqual(['first'])
  })

  test('behavior: once its listeners are gone nothing is held', () => {
    const { host, listeners } = testProcess()
    const listener = () => {}
    for (const signal of ['SIGINT', 'SIGTERM'] as const) host.on(signal, listener)
    for (const signal of ['SIGINT', 'SIGTERM'] as const) host.off(signal, listener)
    expect(listeners()).toBe(0)
  })
})
