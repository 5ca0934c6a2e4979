import { describe, expect, test } from 'vitest'
import { oldNodeLine } from './old-node.ts'

describe('oldNodeLine', () => {
  test('default: a Node that is new enough is no news', () => {
    for (const version of ['22.12.0', '22.13.1', '23.0.0', '24.21.0']) expect(oldNodeLine(version)).toBeNull()
  })

  test('error: an older one is told what is needed and what brings it', () => {
    for (const version of ['18.20.4', '20.20.2', '22.11.0']) {
      expect(oldNodeLine(version)).toBe(
        `tocsin: Node ${version} is too old: it needs 22.12 or newer. ` +
          'In a checkout `npm start` and `npm run tocsin` use the Node that comes along.',
      )
    }
  })
})
