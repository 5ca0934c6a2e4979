import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readEnvironment, readSettingsFile, userFolder } from './env.ts'
import { SettingsError } from './settings.ts'

const emptyFolder = () => mkdtempSync(join(tmpdir(), 'tocsin-env-'))

describe('readEnvironment', () => {
  test('default: a frozen copy', () => {
    const env = readEnvironment()
    expect(env['PATH']).toBe(process.env['PATH'])
    expect(Object.isFrozen(env)).toBe(true)
  })
})

describe('userFolder', () => {
  test('behavior: npm run moved us, so the user stands in INIT_CWD', () => {
    const env = { INIT_CWD: '/home/ann/data', npm_package_json: '/tocsin/package.json' }
    expect(userFolder(env, '/tocsin')).toBe('/home/ann/data')
  })

  test('behavior: not moved by npm, or only the child of something that was', () => {
    expect(userFolder({}, '/home/ann')).toBe('/home/ann')
    expect(userFolder({ INIT_CWD: '/tocsin', npm_package_json: '/tocsin/package.json' }, '/tmp/test')).toBe('/tmp/test')
  })
})

describe('readSettingsFile', () => {
  test('default: tocsin.config.json if it is there', () => {
    const dir = emptyFolder()
    expect(readSettingsFile(undefined, dir)).toBeUndefined()
    writeFileSync(join(dir, 'tocsin.config.json'), '{"port": 1}')
    expect(readSettingsFile(undefined, dir)).toEqual({ path: 'tocsin.config.json', dir, values: { port: 1 } })
  })

  test('error: a file that was named and is not there, and one that is no JSON', () => {
    const dir = emptyFolder()
    expect(() => readSettingsFile('mine.json', dir)).toThrow(SettingsError)
    expect(() => readSettingsFile('mine.json', dir)).toThrow('mine.json: the settings file cannot be read (ENOENT')
    writeFileSync(join(dir, 'mine.json'), '{')
    expect(() => readSettingsFile('mine.json', dir)).toThrow('mine.json: the settings file is no JSON')
  })
})
