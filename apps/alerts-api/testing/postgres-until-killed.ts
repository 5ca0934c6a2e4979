import type { Logger } from '@tocsin/service-kit'
import { openEmbeddedPostgres } from '../src/embedded-postgres.ts'

// Node runs this file as it is, and could not run what service-kit's door to Nest is written in.
const quiet = () => {}
const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, at: () => logger }

// Run as a process of its own, to be killed: opens the folder named first and prints the address.
const [, , folder = ''] = process.argv
const { url } = await openEmbeddedPostgres(folder, { logger, volatile: true })
process.stdout.write(`${url}\n`)
setInterval(() => {}, 60_000)
