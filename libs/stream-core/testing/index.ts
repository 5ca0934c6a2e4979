export * from './test-driver.ts'
