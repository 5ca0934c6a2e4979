export * from './detector-driver.ts'
export * from './scripted-chain.ts'
export * from './recorded-range.ts'
export * from './reorg-storm.ts'
