import { tmpdir } from 'node:os'
import type { Reporter, TestModule, SerializedError } from 'vitest/node'

/**
 * Ends the run with one plain line, `12 passed, 0 failed, 1 skipped`, for people and scripts alike. A file that could not
 * be loaded and an error outside any test count as failed: they are no less a failure for not being a test.
 */
export class ClosingLineReporter implements Reporter {
  async onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): Promise<void> {
    const count = { passed: 0, failed: unhandled.length, skipped: 0 }
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        count[state === 'pending' ? 'failed' : state] += 1
      }
      for (const suite of [module, ...module.children.allSuites()]) count.failed += suite.errors().length
    }
    const skipped = count.skipped === 0 ? '' : `, ${count.skipped} skipped`
    // Errors go to the other stream: only when they are through does this line come after them, and vitest ends the
    // process when it is through itself.
    await written(process.stderr, count.failed === 0 ? '' : `What the tests wrote is in ${tmpdir()}\n`)
    await written(process.stdout, `${count.passed} passed, ${count.failed} failed${skipped}\n`)
  }
}

const written = (stream: NodeJS.WriteStream, text: string) =>
  new Promise<void>((resolve) => {
    stream.write(text, () => resolve())
  })
