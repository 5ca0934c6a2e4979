import { deepStrictEqual } from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { maxTimestamp, minTimestamp, noTimestamp, type Timestamp } from '../../src/index.ts'

/**
 * Behaviour cases taken from Flink's and Kafka Streams' own tests. A case is data: what is fed in, step by step, and what
 * comes of it. Each kind has a runner that reads its own fields, which the file's `conventions` describe.
 */
export interface FlinkCase {
  readonly id: string
  readonly kind: string
  /** The upstream test's name; null where the case was computed from a formula. */
  readonly test: string | null
}

/** Runs a case against stream-core; throws where it behaves otherwise than the case says. */
export type CaseRunner<Case extends FlinkCase> = (one: Case) => void | Promise<void>

const shared = process.env['TOCSIN_SHARED'] ?? resolve(import.meta.dirname, '../../../../../shared')
export const caseFile = resolve(shared, 'flink-cases.json')
export const areCasesThere = existsSync(caseFile)

interface CaseFile {
  readonly total: number
  readonly cases: readonly FlinkCase[]
  readonly ttlVariants: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}
const empty: CaseFile = { total: 0, cases: [], ttlVariants: {} }
// The file is data of this project, and a test counts what is in it.
const contents = areCasesThere ? (JSON.parse(readFileSync(caseFile, 'utf8')) as CaseFile) : empty
export const { cases, total, ttlVariants } = contents

/** A time as the cases write it: a number, `LONG_MAX`, `LONG_MIN`, `LONG_MAX-1500`; null: none. */
export type CaseTime = number | string | null

// Windows are cut by the remainder of a time, so a time counted from the end has the remainder that 2^63 - 1 leaves by 1000.
const longMax = maxTimestamp - (maxTimestamp % 1000) - 1000 + 807

export const timeOf = (time: CaseTime): Timestamp => {
  if (typeof time === 'number') return time
  if (time === null) return noTimestamp
  if (time === 'LONG_MAX') return maxTimestamp
  if (time === 'LONG_MIN') return minTimestamp
  const [, beforeEnd] = /^LONG_MAX-(\d+)$/.exec(time) ?? []
  if (beforeEnd === undefined) throw new Error(`"${time}" is no time.`)
  return longMax - Number(beforeEnd)
}

/** @throws {AssertionError} if they differ anywhere. */
export const expectEqual = (got: unknown, expected: unknown, what: string): void =>
  deepStrictEqual(plain(got), plain(expected), `${what}: got ${text(got)}, expected ${text(expected)}`)

export const expectThrown = (run: () => unknown, what: string): void => {
  try {
    run()
  } catch {
    return
  }
  throw new Error(`${what}: nothing was thrown.`)
}

export const unknownStep = (step: readonly unknown[]): Error => new Error(`There is no step ${text(step)}.`)

const text = (value: unknown): string => JSON.stringify(value) ?? 'undefined'
// Compared as data: an absent field and an undefined one are the same, and so are 0 and −0.
const plain = (value: unknown): unknown => (value === undefined ? null : (JSON.parse(text(value)) as unknown))
