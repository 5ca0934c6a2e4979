import { defineConfig } from 'vitest/config'
import { ClosingLineReporter } from './test/closing-line-reporter.ts'

// Our libraries are tested from their sources. `import` and `default` always hold and must not be listed: vitest hands this
// list to node as conditions for every package, and `require` would then be given ES modules.
const conditions = ['@tocsin/source', 'node']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['node'] } },
  test: {
    include: [
      '{apps,libs}/*/{src,testing}/**/*.test.{ts,tsx}',
      '{cli,demo,bench}/src/**/*.test.ts',
      'test/**/*.test.ts',
    ],
    globalSetup: [
      'test/temporary-folder.ts',
      'apps/alerts-api/testing/global-setup.ts',
      'test/kafka-broker/shared-broker.ts',
    ],
    reporters: ['default', new ClosingLineReporter()],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
