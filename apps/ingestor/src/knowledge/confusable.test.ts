import { describe, expect, test } from 'vitest'
import { isConfusable } from './confusable.ts'

describe('isConfusable', () => {
  test.each([
    'USDC',
    'aUSDC.e',
    'USD₮0',
    'cafÉ',
    'cafe\u0301', // é of two code points
    'ЩИТ', // Cyrillic, and nothing of Latin looks so
    'ΩΜΕΓΑ',
    '龙 token',
    'ソラナ SOL',
    '비트코인',
    '123',
    '',
  ])('default: %s is what it looks like', (symbol) => {
    expect(isConfusable(symbol)).toBe(false)
  })

  test.each([
    ['a letter of Cyrillic among Latin ones', 'USDС'],
    ['another', 'UЅDT'],
    ['a letter of Greek', 'ΕTH'],
    ['a letter of Cherokee', 'USDᏟ'],
    ['Cyrillic alone that reads as Latin', 'ВТС'],
    ['Greek alone', 'ΑΑΒΕ'],
    ['Cyrillic and Greek', 'ЩΩ'],
    ['full width', 'ＵＳＤＣ'],
    ['mathematical letters', '𝐔𝐒𝐃𝐂'],
    ['a Roman numeral', 'USDⅭ'],
  ])('behavior: %s may pass for another', (_, symbol) => {
    expect(isConfusable(symbol)).toBe(true)
  })
})
