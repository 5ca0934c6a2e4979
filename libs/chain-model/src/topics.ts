/** Names of the topics, design §4. `prefix` is configured (default `tocsin`); a chain is named by its chain id. */
export const transactionsTopic = (prefix: string, chainId: number): string => `${prefix}.${chainId}.transactions`
export const mempoolTopic = (prefix: string, chainId: number): string => `${prefix}.${chainId}.mempool`
export const pricesTopic = (prefix: string, chainId: number): string => `${prefix}.${chainId}.prices`
export const alertsTopic = (prefix: string): string => `${prefix}.alerts`
export const deadLettersTopic = (prefix: string): string => `${prefix}.dead-letters`
/** Internal to the ingestor: what the chain has taught of its contracts. */
export const factsTopic = (prefix: string, chainId: number): string => `${prefix}.${chainId}.facts`
/** Internal: progress markers of a job. */
export const progressTopic = (prefix: string, chainId: number, job: string): string =>
  `${prefix}.${chainId}.${job}.progress`
