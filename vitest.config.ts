import { defineConfig } from 'vitest/config'

const source = ['@tocsin/source']

export default defineConfig({
  resolve: { conditions: [...source, 'import', 'module', 'default'] },
  ssr: {
    resolve: {
      conditions: [...source, 'node', 'import', 'module', 'default'],
      externalConditions: ['node', 'import', 'module', 'default'],
    },
  },
  test: {
    include: [
      '{apps,libs}/*/{src,testing}/**/*.test.{ts,tsx}',
      '{cli,demo,bench}/src/**/*.test.ts',
      'test/**/*.test.ts',
    ],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
