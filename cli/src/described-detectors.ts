import { catalogue } from '@tocsin/detector'

/** The catalogue as the API shows it. */
export const describedDetectors = () =>
  catalogue.map((detector) => {
    const { id, version, severity, summary } = detector
    return { id, version, severity, summary, parameters: detector.describe() }
  })
