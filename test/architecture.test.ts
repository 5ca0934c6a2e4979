import { describe, expect, test } from 'vitest'
import { errorClasses } from './error-classes.ts'
import { isTest, packageOf, sourceFiles } from './source-files.ts'

const files = sourceFiles()
const product = files.filter(({ path }) => !isTest(path) && !/\.test\.tsx?$/.test(path))

/** Where each rule is broken, as lines that say why the rule is there. */
const breaches = (found: readonly { readonly path: string; readonly what: string }[], reason: string) =>
  found.map(({ path, what }) => `${path}: ${what}. ${reason}`)

/** What each workspace may import of ours. */
const mayKnow: Readonly<Record<string, readonly string[]>> = {
  'libs/chain-model': [],
  'libs/event-log': [],
  'libs/stream-core': ['event-log'],
  'libs/service-kit': [],
  'apps/ingestor': ['chain-model', 'event-log', 'service-kit', 'stream-core'],
  'apps/detector': ['chain-model', 'event-log', 'service-kit', 'stream-core'],
  'apps/alerts-api': ['chain-model', 'event-log', 'service-kit', 'stream-core'],
  'apps/dashboard': ['chain-model'],
}

/** The few files that may import each third-party package; `*` is any name. A test may use what it tests with. */
const doors: Readonly<Record<string, readonly string[]>> = {
  'hash-wasm': ['apps/ingestor/src/verify/keccak.ts'],
  ethers: ['apps/ingestor/src/decode/abi.ts', 'apps/ingestor/src/decode/eip7702.ts', 'demo/src/*'],
  kafkajs: ['libs/event-log/src/kafka-*'],
  '@node-rs/crc32': ['libs/event-log/src/record-batch.ts', 'libs/event-log/src/kafka-internals.ts'],
  'classic-level': [
    'libs/event-log/src/embedded-log.ts',
    'libs/stream-core/src/state/level-store.ts',
    'libs/stream-core/src/state/rollback-journal.ts',
  ],
  pg: ['apps/alerts-api/src/database.ts'],
  'prom-client': ['libs/service-kit/src/metrics.ts'],
  zod: ['libs/chain-model/src/*'],
}
const nestDoors = [
  /\/(main|alerts-api|log-strategy|nest-logger)\.ts$/,
  /\.(module|controller|filter|guard|interceptor)\.ts$/,
  /^apps\/alerts-api\/src\/http\//,
]

/** It waits for records and commits; when it does so decides nothing about results. */
const loopAroundTheFold = 'libs/stream-core/src/task/event-loop.ts'

/** All that decides results, so not what carries state between tasks or files: the runtime, the operators and what users write for them. */
const isFold = (path: string) =>
  /^libs\/stream-core\/src\/(?!(?:distributed|savepoint)\/)/.test(path) ||
  /^apps\/detector\/src\/(detectors|features|rules)\//.test(path)

/** Files of the fold's folders that may, and with what. */
const mayReachOutside: Readonly<Record<string, readonly string[]>> = {
  [loopAroundTheFold]: ['node:timers/promises', 'node:perf_hooks'], // it waits, and measures the waiting
  'libs/stream-core/src/task/output-buffer.ts': ['node:crypto'], // it hashes
  'libs/stream-core/src/state/level-store.ts': ['node:fs/promises'], // whether LevelDB began a new log, which it does not tell
}

const withoutStrings = (text: string) => text.replace(/'[^'\n]*'|`[^`]*`/g, "''")

/** Thrown and caught within one folder, as another error with code and remedy: they reach nobody. */
const caughtNextDoor = ['FieldError', 'TransportError', 'CorruptBatchError']

const matches = (path: string, door: string) =>
  door.endsWith('*') ? path.startsWith(door.slice(0, -1)) : path === door

describe('architecture', () => {
  test('behavior: imports follow the data', () => {
    const found = files.flatMap(({ path, imports }) => {
      const [workspace, allowed] = Object.entries(mayKnow).find(([folder]) => path.startsWith(`${folder}/`)) ?? []
      if (workspace === undefined || allowed === undefined) return []
      const own = `@tocsin/${workspace.split('/')[1] ?? ''}`
      return imports
        .map((name) => packageOf(name))
        .filter((name) => name !== null && name.startsWith('@tocsin/') && name !== own)
        .filter((name) => !allowed.includes(name?.slice('@tocsin/'.length) ?? ''))
        .map((name) => ({ path, what: `imports ${name}` }))
    })
    const reason =
      'Each part must be understood, tested and replaced without those downstream of it: libs know no app, no app knows an app.'
    expect(breaches(found, reason)).toEqual([])
  })

  test('behavior: a workspace is entered by its name, never by a path into it', () => {
    const found = files.flatMap(({ path, imports }) => {
      const depth = path.split('/').length - 1
      const workspaceDepth = /^(apps|libs)\//.test(path) ? 2 : 1
      return imports
        .filter(
          (name) =>
            name.startsWith('.') && name.split('/').filter((part) => part === '..').length > depth - workspaceDepth,
        )
        .map((name) => ({ path, what: `imports ${name}` }))
    })
    expect(breaches(found, 'What a lib promises is its index.ts; a path past it makes a private name public.')).toEqual(
      [],
    )
  })

  test('behavior: each third-party package has few doors', () => {
    const found = product.flatMap(({ path, imports }) =>
      imports
        .map((name) => packageOf(name))
        .filter((name) => name !== null)
        .filter((name) => {
          const open = doors[name]
          if (name.startsWith('@nestjs/')) return !nestDoors.some((door) => door.test(path))
          return open !== undefined && !open.some((door) => matches(path, door))
        })
        .map((name) => ({ path, what: `imports ${name}` })),
    )
    const reason = 'Behind a few doors a package can be replaced, and its surprises are met in one place.'
    expect(breaches(found, reason)).toEqual([])
  })

  test('behavior: the environment is read in one place', () => {
    const found = product
      .filter(({ path, text }) => path !== 'libs/service-kit/src/env.ts' && /\bprocess\.env\b/.test(text))
      .map(({ path }) => ({ path, what: 'reads process.env' }))
    const reason =
      'A setting has a name, a default, a unit and a parser in a config.ts; read elsewhere it has none of these.'
    expect(breaches(found, reason)).toEqual([])
  })

  test('behavior: what folds the log has no clock, no chance and no waiting', () => {
    const banned =
      /\b(Date\.now|new Date\(\)|Math\.random|performance\.now|set(?:Timeout|Interval)|randomUUID|randomBytes)\b/
    const found = product
      .filter(({ path }) => /^(libs\/stream-core|apps\/detector)\/src\//.test(path) && path !== loopAroundTheFold)
      .flatMap(({ path, text }) => {
        const match = banned.exec(text)
        return match === null ? [] : [{ path, what: `uses ${match[0]}` }]
      })
    const reason = 'Same log in, same alerts out: time comes from the log, and the runtime is given its clock.'
    expect(breaches(found, reason)).toEqual([])
  })

  test('behavior: what folds the log imports nothing that reaches outside of it', () => {
    const found = product
      .filter(({ path }) => isFold(path))
      .flatMap(({ path, imports }) =>
        imports
          .filter((name) => name.startsWith('node:') && !(mayReachOutside[path] ?? []).includes(name))
          .map((name) => ({ path, what: `imports ${name}` })),
      )
    const reason = 'A fold that reads a file, asks a host or knows its process gives another result on another machine.'
    expect(breaches(found, reason)).toEqual([])
  })

  test('behavior: what folds the log knows no locale and no machine', () => {
    const banned =
      /(?<![.\w])(?:(?:Date|performance|crypto|fetch|process(?=\.)|globalThis|Intl|queueMicrotask|setImmediate)\b|import\()(?!:)|\b(localeCompare|toLocale\w+)\b/
    const found = product
      .filter(({ path }) => isFold(path) && mayReachOutside[path] === undefined)
      .flatMap(({ path, text }) => {
        const match = banned.exec(withoutStrings(text))
        return match === null ? [] : [{ path, what: `uses ${match[0]}` }]
      })
    const reason = 'The lint rules for folds say the same while one types; this holds wherever they are switched off.'
    expect(breaches(found, reason)).toEqual([])
  })

  test('behavior: every error class has a code of its own, a handling and a remedy', () => {
    const classes = errorClasses().filter(({ name }) => !caughtNextDoor.includes(name))
    expect(classes.length).toBeGreaterThan(10)
    const found = classes.flatMap((one) => [
      ...(['code', 'handling', 'remedy'] as const)
        .filter((name) => one[name] === null)
        .map((name) => ({ path: one.path, what: `${one.name} has no ${name}` })),
      ...classes
        .filter((other) => other !== one && other.code !== null && other.code === one.code)
        .map((other) => ({ path: one.path, what: `${one.name} has the code ${one.code} of ${other.name}` })),
    ])
    const reason = 'An operator looks the code up and does what the remedy says; a loop decides by the handling.'
    expect(breaches(found, reason)).toEqual([])
  })
})
