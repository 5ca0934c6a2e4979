import { configureDetectors, detectorSettings, parseOverrides, type DetectionShards } from '@tocsin/detector'
import type { SettingsOf } from '@tocsin/service-kit'
import { rulesFrom } from '../rules.ts'
import { UsageError } from '../words.ts'

/** What says which job of a chain's detection is meant, and into which tasks it is cut: as `tocsin detect` is given it. */
export const detectionJobSettings = {
  chainId: detectorSettings.chainId,
  detectors: detectorSettings.detectors,
  parameters: detectorSettings.parameters,
  rules: detectorSettings.rules,
  job: detectorSettings.job,
  shards: detectorSettings.shards,
}

/** One for each chain. @throws {UsageError} a rule cannot be used */
export const detectionJobsOf = async ({
  shared,
  detector,
}: {
  readonly shared: { readonly topicPrefix: string }
  readonly detector: SettingsOf<typeof detectionJobSettings>
}): Promise<readonly DetectionShards[]> => {
  const rules = await rulesFrom(detector.rules, null)
  return detector.chainId.map((chainId) => ({
    prefix: shared.topicPrefix,
    chainId,
    job: detector.job,
    shards: detector.shards,
    detectors: configureDetectors(detector.detectors, parseOverrides(detector.parameters), rules),
  }))
}

/** The job of the one chain that is named. @throws {UsageError} several are */
export async function detectionJobOf(settings: Parameters<typeof detectionJobsOf>[0]): Promise<DetectionShards> {
  const [job, another] = await detectionJobsOf(settings)
  if (job === undefined || another !== undefined)
    throw new UsageError(
      `a savepoint is of one chain, and ${settings.detector.chainId.length} are named: give its --chain-id.`,
    )
  return job
}
