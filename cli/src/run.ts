import { errorLine, exitCodes, readEnvironment, userFolder, type ProcessHost } from '@tocsin/service-kit'
import { OutputError } from './output.ts'
import { runTocsin } from './tocsin.ts'

/** The program as a process: runs the words that it was given, and exits. */
export async function run(host: ProcessHost): Promise<never> {
  // `tocsin decode … | head` has read what it wanted: that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.done)
    process.stderr.write(`tocsin: ${errorLine(new OutputError('standard output', { cause: error }))}\n`)
    process.exit(exitCodes.failed)
  })

  const env = readEnvironment()
  const code = await runTocsin(process.argv.slice(2), {
    env,
    folder: userFolder(env, process.cwd()),
    stdout: {
      // Waits until the text is taken, so that a slow pipe does not fill the memory.
      write: (text) =>
        new Promise((resolve, reject) => {
          process.stdout.write(text, (error) => {
            if (error) reject(error)
            else resolve()
          })
        }),
    },
    stderr: process.stderr,
    host,
    now: Date.now,
    clock: () => performance.now(),
    random: Math.random,
  })
  process.exit(code)
}
