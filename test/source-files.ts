import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root, from the sources and from what is compiled of them. */
export const root = fileURLToPath(new URL(import.meta.url.includes('/test/dist/') ? '../..' : '..', import.meta.url))

export interface SourceFile {
  /** From the root, with `/`. */
  readonly path: string
  readonly text: string
  /** What it imports, statically or not, also types only. */
  readonly imports: readonly string[]
}

const skipped = new Set(['node_modules', 'dist', 'coverage', '.git', '.tocsin'])

function* walk(folder: string): Generator<string> {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    if (skipped.has(entry.name)) continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* walk(path)
    else if (/\.tsx?$/.test(entry.name)) yield path
  }
}

const importPattern = /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)'([^']+)'/g

/** Every TypeScript file of ours, in the order of their paths. */
export function sourceFiles(): readonly SourceFile[] {
  return ['apps', 'libs', 'demo', 'cli', 'bench', 'test']
    .flatMap((folder) => [...walk(join(root, folder))])
    .map((file) => {
      const text = readFileSync(file, 'utf8')
      const code = withoutComments(text)
      return {
        path: relative(root, file).split('\\').join('/'),
        text: code,
        imports: [...code.matchAll(importPattern)].map(([, name]) => name ?? ''),
      }
    })
}

/** A comment may name what the code must not use. Lines keep their numbers. */
function withoutComments(text: string): string {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' '))
    .replaceAll(/(^|[\s;{(])\/\/[^\n]*/gm, '$1')
}

export const isTest = (path: string): boolean =>
  /\.(test|suite)\.tsx?$/.test(path) || /(^|\/)(testing|test)\//.test(path)

/** The package that an import names: `@nestjs/core/x` is `@nestjs/core`; null for files and node's own. */
export function packageOf(name: string): string | null {
  if (name.startsWith('.') || name.startsWith('node:')) return null
  const [first, second] = name.split('/')
  return name.startsWith('@') ? `${first}/${second}` : (first ?? null)
}
