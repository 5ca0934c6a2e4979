import type { CaseRunner, FlinkCase } from './case.ts'
import { runIntervalJoin } from './interval-join.ts'
import { runKafkaJoin, runKafkaSession, runPartitionGroup, runPunctuator } from './kafka-streams.ts'
import { runKeyedProcess } from './keyed-process.ts'
import { runKeyGroupDefault, runKeyGroupOwner, runKeyGroupRange } from './key-groups.ts'
import { runTimerService } from './timer-service.ts'
import { runTtl } from './ttl.ts'
import { runTrigger } from './trigger.ts'
import { runIdlenessTimer, runWatermarkGenerator, runWatermarkMultiplexer, runWatermarkValve } from './watermarks.ts'
import {
  runInvalidAssigner,
  runMergingWindowSet,
  runSessionMerge,
  runWindowAssigner,
  runWindowIntersect,
  runWindowStart,
} from './window-assigner.ts'
import { runCoGroup, runWindowJoin } from './window-join.ts'
import { runWindowOperator } from './window-operator.ts'

/** A runner reads the fields of its own kind, which are what the file's conventions say. */
const forKind = <Case extends FlinkCase>(runner: CaseRunner<Case>) => runner as unknown as CaseRunner<FlinkCase>

const runners: Readonly<Record<string, CaseRunner<FlinkCase>>> = {
  'window-operator': forKind(runWindowOperator),
  'interval-join': forKind(runIntervalJoin),
  'watermark-valve': forKind(runWatermarkValve),
  'watermark-multiplexer': forKind(runWatermarkMultiplexer),
  'watermark-generator': forKind(runWatermarkGenerator),
  'idleness-timer': forKind(runIdlenessTimer),
  'window-assigner': forKind(runWindowAssigner),
  'window-assigner-invalid': forKind(runInvalidAssigner),
  'window-start': forKind(runWindowStart),
  'window-intersect': forKind(runWindowIntersect),
  'session-merge': forKind(runSessionMerge),
  'merging-window-set': forKind(runMergingWindowSet),
  trigger: forKind(runTrigger),
  'timer-service': forKind(runTimerService),
  ttl: forKind(runTtl),
  'keyed-process': forKind(runKeyedProcess),
  'window-cogroup': forKind(runCoGroup),
  'window-join': forKind(runWindowJoin),
  'key-group-range': forKind(runKeyGroupRange),
  'key-group-owner': forKind(runKeyGroupOwner),
  'key-group-default': forKind(runKeyGroupDefault),
  'kstreams-session': forKind(runKafkaSession),
  'kstreams-join': forKind(runKafkaJoin),
  'partition-group': forKind(runPartitionGroup),
  punctuator: forKind(runPunctuator),
}

/** Runs a case of any kind; throws where stream-core behaves otherwise than the case says. */
export const runCase = async (one: FlinkCase): Promise<void> => {
  const runner = runners[one.kind]
  if (runner === undefined) throw new Error(`There is no runner of kind "${one.kind}".`)
  await runner(one)
}
