import {
  EventLogError,
  LogClientCertificateError,
  LogRefusedError,
  LogTlsError,
  LogUnauthenticatedError,
  LogUnauthorizedError,
  LogUnavailableError,
} from './errors.ts'

/**
 * What becomes of a request that a broker answers with an error.
 *   moved            another broker leads the partition, or none yet: look it up and ask again
 *   wait             not now: ask again
 *   restart          what the broker knew of this producer or member is gone: begin anew, by the restart strategy
 *   fenced           a newer producer has the id: stop
 *   unauthenticated  who we are was not believed: stop
 *   unauthorized     who we are may not: stop
 *   refused          it will never be done: stop
 */
type Fate = 'moved' | 'wait' | 'restart' | 'fenced' | 'unauthenticated' | 'unauthorized' | 'refused'

// Source: org.apache.kafka.common.protocol.Errors of Apache Kafka 4.4.0, all of it; what Java's clients retry is under
// `moved`, `wait` or `restart`.
const errors: Readonly<Record<Fate, Readonly<Record<number, string>>>> = {
  moved: {
    3: 'UNKNOWN_TOPIC_OR_PARTITION',
    5: 'LEADER_NOT_AVAILABLE',
    6: 'NOT_LEADER_OR_FOLLOWER',
    9: 'REPLICA_NOT_AVAILABLE',
    56: 'KAFKA_STORAGE_ERROR',
    72: 'LISTENER_NOT_FOUND',
    74: 'FENCED_LEADER_EPOCH',
    75: 'UNKNOWN_LEADER_EPOCH',
    78: 'OFFSET_NOT_AVAILABLE',
    100: 'UNKNOWN_TOPIC_ID',
    103: 'INCONSISTENT_TOPIC_ID',
    108: 'NEW_LEADER_ELECTED',
  },
  wait: {
    2: 'CORRUPT_MESSAGE',
    7: 'REQUEST_TIMED_OUT',
    8: 'BROKER_NOT_AVAILABLE',
    11: 'STALE_CONTROLLER_EPOCH',
    13: 'NETWORK_EXCEPTION',
    14: 'COORDINATOR_LOAD_IN_PROGRESS',
    15: 'COORDINATOR_NOT_AVAILABLE',
    16: 'NOT_COORDINATOR',
    19: 'NOT_ENOUGH_REPLICAS',
    20: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    41: 'NOT_CONTROLLER',
    51: 'CONCURRENT_TRANSACTIONS',
    60: 'REASSIGNMENT_IN_PROGRESS',
    70: 'FETCH_SESSION_ID_NOT_FOUND',
    71: 'INVALID_FETCH_SESSION_EPOCH',
    77: 'STALE_BROKER_EPOCH',
    80: 'PREFERRED_LEADER_NOT_AVAILABLE',
    83: 'ELIGIBLE_LEADERS_NOT_AVAILABLE',
    84: 'ELECTION_NOT_NEEDED',
    88: 'UNSTABLE_OFFSET_COMMIT',
    89: 'THROTTLING_QUOTA_EXCEEDED',
    106: 'FETCH_SESSION_TOPIC_ID_ERROR',
    122: 'SHARE_SESSION_NOT_FOUND',
    123: 'INVALID_SHARE_SESSION_EPOCH',
    129: 'REBOOTSTRAP_REQUIRED',
    133: 'SHARE_SESSION_LIMIT_REACHED',
  },
  restart: {
    [-1]: 'UNKNOWN_SERVER_ERROR',
    1: 'OFFSET_OUT_OF_RANGE', // of a fetch the reader makes an error of its own
    10: 'MESSAGE_TOO_LARGE', // the limit was lowered: it is asked for again
    18: 'RECORD_LIST_TOO_LARGE',
    22: 'ILLEGAL_GENERATION',
    25: 'UNKNOWN_MEMBER_ID',
    27: 'REBALANCE_IN_PROGRESS',
    45: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
    46: 'DUPLICATE_SEQUENCE_NUMBER',
    48: 'INVALID_TXN_STATE',
    49: 'INVALID_PRODUCER_ID_MAPPING',
    52: 'TRANSACTION_COORDINATOR_FENCED',
    55: 'OPERATION_NOT_ATTEMPTED',
    59: 'UNKNOWN_PRODUCER_ID',
    79: 'MEMBER_ID_REQUIRED',
    82: 'FENCED_INSTANCE_ID',
    105: 'TRANSACTIONAL_ID_NOT_FOUND',
    110: 'FENCED_MEMBER_EPOCH',
    111: 'UNRELEASED_INSTANCE_ID',
    113: 'STALE_MEMBER_EPOCH',
    120: 'TRANSACTION_ABORTABLE',
  },
  fenced: {
    47: 'INVALID_PRODUCER_EPOCH',
    90: 'PRODUCER_FENCED',
  },
  unauthenticated: {
    33: 'UNSUPPORTED_SASL_MECHANISM',
    34: 'ILLEGAL_SASL_STATE',
    58: 'SASL_AUTHENTICATION_FAILED',
    61: 'DELEGATION_TOKEN_AUTH_DISABLED',
    62: 'DELEGATION_TOKEN_NOT_FOUND',
    63: 'DELEGATION_TOKEN_OWNER_MISMATCH',
    64: 'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED',
    66: 'DELEGATION_TOKEN_EXPIRED',
    67: 'INVALID_PRINCIPAL_TYPE',
    93: 'UNACCEPTABLE_CREDENTIAL',
    97: 'PRINCIPAL_DESERIALIZATION_FAILURE',
  },
  unauthorized: {
    29: 'TOPIC_AUTHORIZATION_FAILED',
    30: 'GROUP_AUTHORIZATION_FAILED',
    31: 'CLUSTER_AUTHORIZATION_FAILED',
    53: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
    65: 'DELEGATION_TOKEN_AUTHORIZATION_FAILED',
  },
  refused: {
    4: 'INVALID_FETCH_SIZE',
    12: 'OFFSET_METADATA_TOO_LARGE',
    17: 'INVALID_TOPIC_EXCEPTION',
    21: 'INVALID_REQUIRED_ACKS',
    23: 'INCONSISTENT_GROUP_PROTOCOL',
    24: 'INVALID_GROUP_ID',
    26: 'INVALID_SESSION_TIMEOUT',
    28: 'INVALID_COMMIT_OFFSET_SIZE',
    32: 'INVALID_TIMESTAMP',
    35: 'UNSUPPORTED_VERSION',
    36: 'TOPIC_ALREADY_EXISTS',
    37: 'INVALID_PARTITIONS',
    38: 'INVALID_REPLICATION_FACTOR',
    39: 'INVALID_REPLICA_ASSIGNMENT',
    40: 'INVALID_CONFIG',
    42: 'INVALID_REQUEST',
    43: 'UNSUPPORTED_FOR_MESSAGE_FORMAT',
    44: 'POLICY_VIOLATION',
    50: 'INVALID_TRANSACTION_TIMEOUT',
    54: 'SECURITY_DISABLED',
    57: 'LOG_DIR_NOT_FOUND',
    68: 'NON_EMPTY_GROUP',
    69: 'GROUP_ID_NOT_FOUND',
    73: 'TOPIC_DELETION_DISABLED',
    76: 'UNSUPPORTED_COMPRESSION_TYPE',
    81: 'GROUP_MAX_SIZE_REACHED',
    85: 'NO_REASSIGNMENT_IN_PROGRESS',
    86: 'GROUP_SUBSCRIBED_TO_TOPIC',
    87: 'INVALID_RECORD',
    91: 'RESOURCE_NOT_FOUND',
    92: 'DUPLICATE_RESOURCE',
    94: 'INCONSISTENT_VOTER_SET',
    95: 'INVALID_UPDATE_VERSION',
    96: 'FEATURE_UPDATE_FAILED',
    98: 'SNAPSHOT_NOT_FOUND',
    99: 'POSITION_OUT_OF_RANGE',
    101: 'DUPLICATE_BROKER_REGISTRATION',
    102: 'BROKER_ID_NOT_REGISTERED',
    104: 'INCONSISTENT_CLUSTER_ID',
    107: 'INELIGIBLE_REPLICA',
    109: 'OFFSET_MOVED_TO_TIERED_STORAGE',
    112: 'UNSUPPORTED_ASSIGNOR',
    114: 'MISMATCHED_ENDPOINT_TYPE',
    115: 'UNSUPPORTED_ENDPOINT_TYPE',
    116: 'UNKNOWN_CONTROLLER_ID',
    117: 'UNKNOWN_SUBSCRIPTION_ID',
    118: 'TELEMETRY_TOO_LARGE',
    119: 'INVALID_REGISTRATION',
    121: 'INVALID_RECORD_STATE',
    124: 'FENCED_STATE_EPOCH',
    125: 'INVALID_VOTER_KEY',
    126: 'DUPLICATE_VOTER',
    127: 'VOTER_NOT_FOUND',
    128: 'INVALID_REGULAR_EXPRESSION',
    130: 'STREAMS_INVALID_TOPOLOGY',
    131: 'STREAMS_INVALID_TOPOLOGY_EPOCH',
    132: 'STREAMS_TOPOLOGY_FENCED',
    134: 'GROUP_DELETION_FAILED',
    135: 'STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED',
    136: 'CONTROLLER_ID_NOT_REGISTERED',
  },
}

interface BrokerError {
  readonly code: number
  readonly name: string
  readonly fate: Fate
}

/** Every error of Kafka's protocol, by its number. */
export const brokerErrors: ReadonlyMap<number, BrokerError> = new Map(
  Object.entries(errors).flatMap(([fate, names]) =>
    Object.entries(names).map(([code, name]) => [Number(code), { code: Number(code), name, fate: fate as Fate }]),
  ),
)

/** One that Kafka got after this was written may be of any kind: trying anew loses nothing, and tries are counted. */
export const brokerError = (code: number): BrokerError =>
  brokerErrors.get(code) ?? { code, name: `error ${code}, which this build does not know`, fate: 'restart' }

/** What brokers answered, of an error of kafkajs or of what caused it. */
export function brokerErrorsOf(error: unknown): readonly BrokerError[] {
  return causesOf(error).flatMap((cause) => {
    if (!('type' in cause) || !('code' in cause) || typeof cause.code !== 'number') return []
    // For a number that it does not know kafkajs has one of its own, and says the broker's in the message.
    const unknown = /^Unknown error code (-?\d+)$/.exec(cause.message)
    return [brokerError(unknown === null ? cause.code : Number(unknown[1]))]
  })
}

/** Their names: `INVALID_PRODUCER_EPOCH`. */
export const kafkaErrorTypes = (error: unknown): readonly string[] => brokerErrorsOf(error).map(({ name }) => name)

/**
 * What Node says of a certificate, a chain, a handshake or a file of them. Source: Node's documentation, X509 certificate
 * error codes; OpenSSL's names of reasons.
 */
const TLS_CODES =
  /^(CERT_|CRL_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|EPROTO$)/
/** An alert is what the other side says: of a certificate, of ours. Source: RFC 8446 §6.2. */
const CERTIFICATE_ALERT = /^ERR_SSL_.*ALERT_(.*CERTIFICATE.*|UNKNOWN_CA)$/
/** How OpenSSL says it: at times the thread, then number, library, function, reason, and at times file, line and a newline. */
const OPENSSL_MESSAGE = /(?:[\dA-F]+:)?error:[\dA-F]+:[^:]*:[^:]*:([^:\n]*)(?::[^\n]*)?\n?/g

/** The error of the port that says why a request failed: as the broker answered, or for what lies on the way to it. */
export function logErrorOf(what: string, cause: unknown): EventLogError {
  const causes = causesOf(cause)
  const known = causes.find((one) => one instanceof EventLogError)
  if (known !== undefined) return known
  const said = cause instanceof Error ? cause.message : String(cause)
  const reason = `${what}: ${said.replaceAll(OPENSSL_MESSAGE, '$1')}`
  if (causes.some(({ name }) => name === 'KafkaJSSASLAuthenticationError')) {
    return new LogUnauthenticatedError(reason, { cause })
  }
  const codes = causes.flatMap((one) => ('code' in one && typeof one.code === 'string' ? [one.code] : []))
  if (codes.some((code) => CERTIFICATE_ALERT.test(code))) return new LogClientCertificateError(reason, { cause })
  if (codes.some((code) => TLS_CODES.test(code))) return new LogTlsError(reason, { cause })
  const [answer] = brokerErrorsOf(cause)
  if (answer !== undefined) return brokerAnswered(what, answer, { cause })
  return new LogUnavailableError(reason, { cause })
}

/** @param answer Not of the fate `fenced`, which only a producer meets, and which knows its id. */
export function brokerAnswered(what: string, answer: BrokerError, options?: ErrorOptions): EventLogError {
  const reason = `${what}: the broker answered ${answer.name}`
  switch (answer.fate) {
    case 'unauthenticated':
      return new LogUnauthenticatedError(reason, options)
    case 'unauthorized':
      return new LogUnauthorizedError(reason, options)
    case 'refused':
      return new LogRefusedError(reason, options)
    case 'moved':
    case 'wait':
    case 'restart':
    case 'fenced':
      return new LogUnavailableError(reason, options)
  }
}

function causesOf(error: unknown): readonly Error[] {
  if (!(error instanceof Error)) return []
  const parts: readonly unknown[] = 'errors' in error && Array.isArray(error.errors) ? error.errors : []
  return [error, ...causesOf(error.cause), ...parts.flatMap(causesOf)]
}
