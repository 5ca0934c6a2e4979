import { EventLogError, LogUnavailableError } from './errors.ts'
import type { Group, GroupMember } from './group.ts'
import { kafkaErrorTypes } from './kafka-errors.ts'
import { type GroupCoordinator, type KafkaConnection, loadKafkajs } from './kafka-internals.ts'

export interface KafkaGroupOptions {
  /** Who has the same id shares the work. */
  readonly groupId: string
  /**
   * A member that says nothing for so long is dead to the others. The brokers must allow it: from their
   * `group.min.session.timeout.ms` (6 s unless configured) up. Default 6 s.
   */
  readonly sessionTimeoutMs?: number
  /** How often it says that it lives, and so how late it may hear of a rebalance. Default 300 ms. */
  readonly heartbeatIntervalMs?: number
}

export class GroupRefusedError extends EventLogError {
  readonly code = 'LOG_GROUP_REFUSED'
  readonly handling = 'stop'
  readonly remedy =
    'Mend what is named: a session timeout that the brokers allow, the right to read the group, an id of its own.'
  constructor(groupId: string, type: string, options?: ErrorOptions) {
    super(`The brokers refuse this member of the group "${groupId}": ${type}.`, options)
  }
}

/** Errors that no repetition mends. */
const REFUSALS = [
  'INVALID_SESSION_TIMEOUT',
  'GROUP_AUTHORIZATION_FAILED',
  'INCONSISTENT_GROUP_PROTOCOL',
  'INVALID_GROUP_ID',
  'GROUP_MAX_SIZE_REACHED',
]
/** The group has gone on without the member. */
const EXPULSIONS = ['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION']

const DEFAULT_SESSION_TIMEOUT_MS = 6000
const DEFAULT_HEARTBEAT_INTERVAL_MS = 300
/** Between heartbeats of a member that waits for the next rebalance. */
const WAITING_INTERVAL_MS = 30
const RETRY_INTERVAL_MS = 100
const LEAVE_MS = 2000
const CONNECT_MS = 10_000
const PROTOCOL = 'tocsin-shards'
const COUNT_BYTES = 4

/**
 * Group membership by Kafka's own requests. kafkajs' consumer is not used: it fetches what nobody asked for, heartbeats
 * only between fetches, and must stop everything at each rebalance. Here a member goes on with its work meanwhile; what
 * keeps two of them apart is the fencing of producers, never the group.
 */
export class KafkaGroup implements Group {
  readonly #connect: () => KafkaConnection
  readonly #groupId: string
  readonly #sessionTimeoutMs: number
  readonly #heartbeatIntervalMs: number
  #connection: KafkaConnection | null = null
  #coordinator: GroupCoordinator | null = null
  #memberId = ''
  #generation = -1
  /** Between the request to join and its answer, which may take until a dead member's session ends. */
  #isJoining = false
  #wantsRejoin = false
  /** Makes each join differ: a coordinator ignores one that says what the last one said. */
  #joins = 0
  /** When the last request was sent that the coordinator answered. */
  #heardAt = -Infinity
  /** When this process was last seen to run. */
  #pulseAt = -Infinity
  /** It did not run for a while, and has not heard from the group since. */
  #wasPaused = false
  #wakeUp: () => void = () => {}

  constructor(connect: () => KafkaConnection, options: KafkaGroupOptions) {
    this.#connect = connect
    this.#groupId = options.groupId
    this.#sessionTimeoutMs = options.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS
    this.#heartbeatIntervalMs = options.heartbeatIntervalMs ?? DEFAULT_HEARTBEAT_INTERVAL_MS
  }

  isMember(): boolean {
    const knownAt = this.#isJoining ? Math.max(this.#heardAt, this.#pulseAt) : this.#heardAt
    return this.#memberId !== '' && !this.#wasPaused && performance.now() - knownAt < this.#sessionTimeoutMs
  }

  rejoin(): void {
    this.#wantsRejoin = true
    this.#wakeUp()
  }

  async run(member: GroupMember, signal: AbortSignal): Promise<void> {
    const wake = () => this.#wakeUp()
    signal.addEventListener('abort', wake)
    this.#pulseAt = performance.now()
    const pulse = setInterval(() => this.#pulse(), this.#heartbeatIntervalMs)
    try {
      let isDisturbed = false
      while (!signal.aborted) {
        try {
          await this.#join(member, signal)
          if (isDisturbed) member.disturbed?.(null)
          isDisturbed = false
          await this.#stay(member, signal)
        } catch (error) {
          const reason = this.#afterFailure(error, member)
          if (reason === null) continue
          member.disturbed?.(reason)
          isDisturbed = true
          await this.#wait(RETRY_INTERVAL_MS, signal)
        }
      }
    } finally {
      clearInterval(pulse)
      signal.removeEventListener('abort', wake)
      await this.#leave()
    }
  }

  /** @returns why to try again a little later; null: at once. */
  #afterFailure(error: unknown, member: GroupMember): string | null {
    const types = kafkaErrorTypes(error)
    if (types.includes('REBALANCE_IN_PROGRESS')) return null
    if (types.some((type) => EXPULSIONS.includes(type))) {
      this.#memberId = ''
      const wasMember = this.#generation !== -1
      this.#generation = -1
      if (wasMember) member.lost(`it was not heard of for ${this.#sessionTimeoutMs} ms`)
      return null
    }
    const refusal = types.find((type) => REFUSALS.includes(type))
    if (refusal !== undefined) throw new GroupRefusedError(this.#groupId, refusal, { cause: error })
    if (!isOfTheCluster(error)) throw error
    this.#reconnect()
    return `the group "${this.#groupId}" cannot be reached: ${error instanceof Error ? error.message : String(error)}`
  }

  async #join(member: GroupMember, signal: AbortSignal): Promise<void> {
    const coordinator = await this.#findCoordinator()
    this.#wantsRejoin = false
    this.#joins += 1
    const count = Buffer.alloc(COUNT_BYTES)
    count.writeInt32BE(this.#joins % 2 ** 31)
    const { AssignerProtocol } = loadKafkajs()
    const metadata = AssignerProtocol.MemberMetadata.encode({
      version: 1,
      topics: [],
      userData: Buffer.concat([count, member.metadata()]),
    })
    const askedAt = performance.now()
    this.#isJoining = true
    const request = coordinator
      .joinGroup({
        groupId: this.#groupId,
        sessionTimeout: this.#sessionTimeoutMs,
        rebalanceTimeout: this.#sessionTimeoutMs,
        memberId: this.#memberId,
        protocolType: 'consumer',
        groupProtocols: [{ name: PROTOCOL, metadata }],
      })
      .finally(() => (this.#isJoining = false))
    const joined = await unlessAborted(request, signal)
    if (joined === null) return
    // Not when it was sent: the session of who waits to join does not run.
    this.#heard(this.#wasPaused ? askedAt : Math.max(askedAt, this.#pulseAt))
    this.#memberId = joined.memberId
    this.#generation = joined.generationId
    const groupAssignment: { memberId: string; memberAssignment: Buffer }[] = []
    if (joined.leaderId === joined.memberId) {
      const members = joined.members.map(({ memberId: id, memberMetadata }) => ({
        id,
        metadata: AssignerProtocol.MemberMetadata.decode(memberMetadata)?.userData.subarray(COUNT_BYTES) ?? NOTHING,
      }))
      for (const [memberId, part] of member.assign(members)) {
        const memberAssignment = AssignerProtocol.MemberAssignment.encode({
          version: 1,
          assignment: {},
          userData: Buffer.from(part),
        })
        groupAssignment.push({ memberId, memberAssignment })
      }
    }
    const syncedAt = performance.now()
    const { memberAssignment } = await this.#inTime(
      coordinator.syncGroup({
        groupId: this.#groupId,
        generationId: joined.generationId,
        memberId: joined.memberId,
        groupAssignment,
      }),
    )
    this.#heard(syncedAt)
    member.assigned(AssignerProtocol.MemberAssignment.decode(memberAssignment)?.userData ?? NOTHING)
  }

  /** Heartbeats until there is a rebalance to take part in. */
  async #stay(member: GroupMember, signal: AbortSignal): Promise<void> {
    let isDisturbed = false
    for (;;) {
      if (!this.#wantsRejoin) {
        await this.#wait(member.isWaiting() ? WAITING_INTERVAL_MS : this.#heartbeatIntervalMs, signal)
      }
      if (signal.aborted || this.#wantsRejoin) return
      const askedAt = performance.now()
      try {
        const coordinator = await this.#findCoordinator()
        await this.#inTime(
          coordinator.heartbeat({
            groupId: this.#groupId,
            groupGenerationId: this.#generation,
            memberId: this.#memberId,
          }),
        )
        this.#heard(askedAt)
        if (isDisturbed) member.disturbed?.(null)
        isDisturbed = false
      } catch (error) {
        // The member stays what it was: who is not heard of in time is told so.
        if (!isOfTheCluster(error) || isAboutMember(error)) throw error
        this.#reconnect()
        member.disturbed?.(`a heartbeat of the group "${this.#groupId}" failed: ${reasonOf(error)}`)
        isDisturbed = true
      }
    }
  }

  async #leave(): Promise<void> {
    const memberId = this.#memberId
    this.#memberId = ''
    this.#generation = -1
    this.#heardAt = -Infinity
    try {
      // A request to join may still wait at the coordinator, which answers in order: so over another connection.
      if (this.#isJoining) this.#reconnect()
      if (memberId !== '') {
        const coordinator = await this.#findCoordinator()
        await within(coordinator.leaveGroup({ groupId: this.#groupId, memberId }), LEAVE_MS)
      }
    } catch {
      // Then the others wait for the session to end.
    } finally {
      this.#reconnect()
    }
  }

  async #findCoordinator(): Promise<GroupCoordinator> {
    this.#connection ??= this.#connect()
    this.#coordinator ??= await within(this.#connection.groupCoordinator(this.#groupId), CONNECT_MS)
    return this.#coordinator
  }

  #reconnect(): void {
    const connection = this.#connection
    this.#connection = null
    this.#coordinator = null
    void connection?.disconnect().catch(() => {})
  }

  #heard(at: number): void {
    this.#heardAt = at
    this.#wasPaused = false
  }

  #pulse(): void {
    const now = performance.now()
    if (now - this.#pulseAt >= this.#sessionTimeoutMs) this.#wasPaused = true
    this.#pulseAt = now
  }

  #inTime<T>(request: Promise<T>): Promise<T> {
    return within(request, this.#sessionTimeoutMs)
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wakeUp = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wakeUp = () => {}
  }
}

const NOTHING = new Uint8Array()

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** kafkajs' errors, and those of the connection. */
const isOfTheCluster = (error: unknown): boolean =>
  error instanceof Error && (error.name.startsWith('KafkaJS') || 'code' in error)

const isAboutMember = (error: unknown): boolean =>
  kafkaErrorTypes(error).some((type) => ['REBALANCE_IN_PROGRESS', ...EXPULSIONS, ...REFUSALS].includes(type))

async function unlessAborted<T>(request: Promise<T>, signal: AbortSignal): Promise<T | null> {
  request.catch(() => {}) // nobody may wait for it any more
  const aborted = Promise.withResolvers<null>()
  const stop = () => aborted.resolve(null)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop)
  try {
    return await Promise.race([request, aborted.promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

async function within<T>(request: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new LogUnavailableError(`no answer in ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([request, late])
  } finally {
    clearTimeout(timer)
  }
}
