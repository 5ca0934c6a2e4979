import type { LabelClass } from '@tocsin/chain-model'
import type { LabelOrAddress } from './parameters.ts'

/** Why `address` is left out: the first of `exclude` that it is or is labelled; undefined: it is not. */
export const excludedBy = (
  exclude: readonly LabelOrAddress[],
  address: string,
  labels: readonly LabelClass[],
): LabelOrAddress | undefined => exclude.find((one) => one === address || labels.some((label) => label === one))
