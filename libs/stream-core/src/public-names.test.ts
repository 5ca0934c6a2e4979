import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const textOf = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8')

/** The files that `index.ts` gives names of; of some only these names, of some only types. */
const given = [...textOf('index.ts').matchAll(/^export (type )?(?:\*|\{([^}]*)\}) from '(.*)'$/gm)].map(
  ([, type, names, file = '']) => ({
    file,
    isTypes: type !== undefined,
    names: names?.split(',').map((name) => name.replace(/^\s*(type )?/, '').trim()),
  }),
)

const declaration = /^export (?:abstract |async )?(const|function\*?|class|interface|type) (\w+)/

/** The lines of the file's public names, each with the line before it. */
const publicLines = ({ file, isTypes, names }: (typeof given)[number]) => {
  const lines = textOf(file).split('\n')
  return lines.flatMap((line, at) => {
    const [, kind = '', name = ''] = declaration.exec(line) ?? []
    const isValue = kind === 'const' || kind.startsWith('function')
    if (name === '' || (isTypes && isValue) || (names !== undefined && !names.includes(name))) return []
    return [{ file, name, before: lines[at - 1] ?? '' }]
  })
}

describe('index', () => {
  test('default: every public name says what it is', () => {
    const all = given.flatMap(publicLines)
    expect(all.length).toBeGreaterThan(200)
    // Each name that is listed was found: a form of export that is not understood here hides none.
    const found = new Set(all.map(({ name }) => name))
    expect(given.flatMap(({ names = [] }) => names).filter((name) => name !== '' && !found.has(name))).toEqual([])
    const isTold = ({ before }: { readonly before: string }) => before.trimEnd().endsWith('*/')
    expect(all.filter((one) => !isTold(one)).map(({ file, name }) => `${file} ${name}`)).toEqual([])
  })
})
