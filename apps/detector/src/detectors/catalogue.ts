import type { Detector } from '../detector.ts'
import { passThrough } from './pass-through.ts'
import { priceDeviation } from './price-deviation.ts'
import { runningTotal } from './running-total.ts'
import { transferVolume } from './transfer-volume.ts'

/** Every detector there is, by name. */
export const catalogue: readonly Detector[] = [passThrough, priceDeviation, runningTotal, transferVolume]
