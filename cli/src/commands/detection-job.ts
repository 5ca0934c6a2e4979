import { configureDetectors, detectorSettings, parseOverrides, type DetectionShards } from '@tocsin/detector'
import type { SettingsOf } from '@tocsin/service-kit'

/** What says which job of a chain's detection is meant, and into which tasks it is cut: as `tocsin detect` is given it. */
export const detectionJobSettings = {
  chainId: detectorSettings.chainId,
  detectors: detectorSettings.detectors,
  parameters: detectorSettings.parameters,
  job: detectorSettings.job,
  shards: detectorSettings.shards,
}

export const detectionJobOf = ({
  shared,
  detector,
}: {
  readonly shared: { readonly topicPrefix: string }
  readonly detector: SettingsOf<typeof detectionJobSettings>
}): DetectionShards => ({
  prefix: shared.topicPrefix,
  chainId: detector.chainId,
  job: detector.job,
  shards: detector.shards,
  detectors: configureDetectors(detector.detectors, parseOverrides(detector.parameters)),
})
