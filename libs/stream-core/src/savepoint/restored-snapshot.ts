import { firstStamp } from '../distributed/stamp.ts'
import type { JobPlan } from '../distributed/plan.ts'
import type { TaskPart } from '../distributed/task-part.ts'
import { startSnapshot, type InputSnapshot } from '../task/input.ts'
import type { Task, TaskSnapshot } from '../task/task.ts'
import { maxTimestamp, minTimestamp, type Timestamp } from '../time.ts'
import type { Topology } from '../topology.ts'
import type { ValveSnapshot } from '../watermark.ts'
import { identityOf, type SavepointHead, type SavepointWatermark } from './savepoint-head.ts'

export interface RestoredSnapshotOptions {
  readonly task: Task
  readonly head: SavepointHead
  /** By what a node is called now. */
  readonly watermarks: Readonly<Record<string, SavepointWatermark>>
  readonly partitions: (topic: string) => number
  /** Of each of the task's sources. */
  readonly inputs: readonly InputSnapshot[]
  /** Of each of the task's exchanges, the offset from which it is read. */
  readonly exchanges: readonly number[]
  readonly part: TaskPart | undefined
  readonly plan: JobPlan | null
  /** By the number of a source's partition among all: whether it is idle. */
  readonly idleInputs: readonly boolean[]
}

/** Where a task stands after a restore. What a job counts for itself begins anew. */
export const restoredSnapshot = (options: RestoredSnapshotOptions): TaskSnapshot => {
  const { task, head, inputs, exchanges, part } = options
  const { epoch, place, processingTime } = head
  return {
    epoch,
    steps: 0,
    inputs,
    exchanges: exchanges.map((offset, index) => ({
      offset,
      ordinal: 0,
      bound: firstStamp,
      isIdle: isWriterAtRest(options, index),
    })),
    told: part === undefined ? null : { section: 0, last: firstStamp },
    valves: valvesOf(task.topology, options),
    proofs: {},
    sent: {},
    sequences: [],
    lateElements: 0,
    finalized: epoch,
    place,
    answers: 0,
    processingTime,
    isTimeDue: false,
  }
}

/** A task of idle sources tells nothing until one of them goes on, so nobody may wait for it. */
const isWriterAtRest = ({ part, plan, idleInputs }: RestoredSnapshotOptions, read: number): boolean => {
  const { topic, partition } = part?.reads[read] ?? {}
  const writer = plan?.tasks.find(({ writes }) =>
    writes.some((target) => target.topic === topic && (partition ?? 0) % target.writers === target.writer),
  )
  return writer?.tellsRest === true && writer.inputs.every((input) => idleInputs[input] === true)
}

const valvesOf = (
  { nodes }: Topology,
  { watermarks, partitions, head }: RestoredSnapshotOptions,
): readonly ValveSnapshot[] => {
  const valves: ValveSnapshot[] = []
  for (const node of nodes) {
    const { source } = node
    const known = watermarks[identityOf(nodes, node)]
    if (source === null) {
      const upstream = node.inputs.flatMap((input) => valves[input] ?? [])
      const watermark = known?.watermark ?? lowest(upstream)
      // As the valve has it: a channel counts while it is active and has caught up.
      const channels = upstream.map((channel) => ({
        watermark: channel.watermark,
        isIdle: channel.isIdle,
        isAligned: !channel.isIdle && channel.watermark >= watermark,
      }))
      valves.push({ watermark, isIdle: channels.every(({ isIdle }) => isIdle), channels })
      continue
    }
    const channels = Array.from({ length: partitions(source.topic) }, (_, partition) => {
      const told = known?.partitions?.[partition]
      const input = head.inputs.find((one) => one.topic === source.topic && one.partition === partition)
      const { watermark, isIdle } = told ?? {
        watermark: input?.watermark ?? minTimestamp,
        isIdle: input === undefined ? source.watermarks.type === 'clock' : input.isIdle || input.isSilent,
      }
      return { watermark, isIdle, isAligned: true }
    })
    const isIdle = channels.every((channel) => channel.isIdle)
    valves.push({ watermark: known?.watermark ?? lowest(channels), isIdle, channels })
  }
  return valves
}

/** Of those that are not idle; of none the lowest that there is. */
const lowest = (of: readonly { readonly watermark: Timestamp; readonly isIdle: boolean }[]): Timestamp => {
  const active = of.filter(({ isIdle }) => !isIdle)
  if (active.length === 0) return minTimestamp
  return Math.min(maxTimestamp, ...active.map(({ watermark }) => watermark))
}

export const newInput = (offset: number): InputSnapshot => ({ ...startSnapshot, offset })
