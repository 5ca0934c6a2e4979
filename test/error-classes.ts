import { isTest, sourceFiles } from './source-files.ts'

/** An error class of ours as its source says it. */
export interface ErrorClass {
  readonly name: string
  readonly path: string
  readonly code: string | null
  readonly handling: string | null
  readonly remedy: string | null
}

const classPattern = /^export (abstract )?class (\w+) extends (\w*Error)\b[^{]*\{([\s\S]*?)^\}/gm

/** What the field says, or how it is said where the constructor is given it. */
function field(body: string, name: string): string | null {
  const declared = new RegExp(
    `^ {2}(?:override )?readonly ${name}\\b([^=\\n]*)(?:=\\s*(['"\`])((?:(?!\\2)[^\\\\]|\\\\.)*)\\2)?`,
    'm',
  )
  const match = declared.exec(body)
  if (match === null) return null
  const [, type = '', , value] = match
  return (
    value?.replaceAll(/\\(.)/g, '$1') ??
    (type.trim().startsWith(':') ? 'depends on the case; the message says it' : null)
  )
}

/**
 * Every concrete error class that leaves its file, outside tests, in the order of the codes. An abstract one only gives
 * others a shape; one that is not exported never reaches anybody.
 */
export function errorClasses(): readonly ErrorClass[] {
  return sourceFiles()
    .filter(({ path }) => !isTest(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(classPattern)]
        .filter(([, abstract]) => abstract === undefined)
        .map(([, , name = '', , body = '']) => ({
          name,
          path,
          code: field(body, 'code'),
          handling: field(body, 'handling'),
          remedy: field(body, 'remedy'),
        })),
    )
    .sort((a, b) => ((a.code ?? a.name) < (b.code ?? b.name) ? -1 : 1))
}
