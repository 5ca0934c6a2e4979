/**
 * A group of processes that share work among themselves: each says what it has, the leader, one of them, decides who does
 * what, and each is told its part. Kafka's group membership with nothing of topics in it: whoever is told of a part must
 * still fence whoever had it before, since that one may not have heard yet.
 */
export interface Group {
  /**
   * Takes part until `signal` aborts, then leaves, so that the others need not wait for the session to end. While the
   * cluster is out of reach it goes on trying. Once at a time.
   * @throws what `member` throws.
   */
  run(member: GroupMember, signal: AbortSignal): Promise<void>
  /** Has the group decide anew, since what this member has is no longer what it said. */
  rejoin(): void
  /**
   * The group cannot have gone on without this process yet: its last word to the cluster is younger than the session
   * timeout. After a pause of the process (SIGSTOP, a suspended machine) it is false before anything else is known.
   */
  isMember(): boolean
}

export interface GroupMember {
  /** What the leader is to know of this member; asked at each rebalance. */
  readonly metadata: () => Uint8Array
  /** The decision, if this member is the leader: for each member its part. From the arguments alone. */
  readonly assign: (members: readonly GroupMetadata[]) => ReadonlyMap<string, Uint8Array>
  /** This member's part from now on; it replaces the one before. */
  readonly assigned: (part: Uint8Array) => void
  /** It awaits something from the next rebalance: so it asks more often whether there is one. */
  readonly isWaiting: () => boolean
  /** The group has gone on without this member: others may do its part already. It joins again as a new one. */
  readonly lost: (reason: string) => void
  /** The cluster cannot be reached, as one line; null: it can again. */
  readonly disturbed?: (reason: string | null) => void
}

export interface GroupMetadata {
  /** Of the member, given by the group; another one each time it joins as a new member. */
  readonly id: string
  readonly metadata: Uint8Array
}
