import { catalogue, type Detector } from '@tocsin/detector'

/** The catalogue, and a user's rules, as the API shows them. */
export const describedDetectors = (rules: readonly Detector[]) =>
  [...catalogue, ...rules].map((detector) => {
    const { id, version, severity, summary } = detector
    return { id, version, severity, summary, parameters: detector.describe() }
  })
