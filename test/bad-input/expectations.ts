import { expect } from 'vitest'

/** The lines of a log that say `code`. */
export const linesSaying = (output: string, code: string): readonly string[] =>
  output.split('\n').filter((line) => line.includes(`[${code}]`))

/** That `output` tells of `code` in one line, which names the cause and a remedy, and shows no stack. */
export function expectOneLine(output: string, code: string, cause: RegExp): void {
  const lines = linesSaying(output, code)
  expect(lines, output).toHaveLength(1)
  expect(lines[0]).toMatch(cause)
  expect(lines[0]).toMatch(/Remedy: \S.{10}/)
  expectNoStack(output)
}

export function expectNoStack(output: string): void {
  expect(output).not.toMatch(/^\s+at .*[:(]/m)
  expect(output).not.toMatch(/node:internal|Unhandled|UnhandledPromise/)
}

/** Until `holds` does. @throws after `deadlineMs`, with what `seen` says. */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  seen: () => string = () => '',
  deadlineMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + deadlineMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`Not so within ${deadlineMs} ms: ${what}\n${seen()}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
