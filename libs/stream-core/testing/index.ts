export * from './seeded-random.ts'
export * from './simulator.ts'
export * from './test-driver.ts'
