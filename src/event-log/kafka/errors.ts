import { type ErrorKind, PipelineError } from '../../errors.ts';

/**
 * What kafkajs reports and what it means for whoever called the log. Protocol errors by their `type`, source: "Protocol
 * Error Codes" (https://kafka.apache.org/protocol#protocol_error_codes), names as in kafkajs 2.2.4
 * (src/protocol/error.js); kafkajs's own errors by their `name` (src/errors.js).
 */
export const KAFKA_ERROR_KINDS: ReadonlyArray<readonly [name: string, kind: ErrorKind, meaning: string]> = [
  ['KafkaJSConnectionError', 'outage', 'refused, cut or not answered'],
  ['KafkaJSConnectionClosedError', 'outage', 'the broker closed the connection'],
  ['KafkaJSBrokerNotFound', 'outage', 'no broker of the list answers'],
  ['KafkaJSNoBrokerAvailableError', 'outage', 'metadata without a broker'],
  ['KafkaJSGroupCoordinatorNotFound', 'outage', 'the group has no coordinator yet'],
  ['KafkaJSMetadataNotLoaded', 'outage', 'the topic has no metadata: just made, or just deleted'],
  ['KafkaJSTopicMetadataNotLoaded', 'outage', 'the topic has no metadata: just made, or just deleted'],
  ['KafkaJSLockTimeout', 'outage', 'another request holds the connection'],
  ['KafkaJSRequestTimeoutError', 'timeout', 'the broker did not answer in time'],
  ['REQUEST_TIMED_OUT', 'timeout', 'the replicas did not answer the broker in time'],
  ['UNKNOWN_TOPIC_OR_PARTITION', 'outage', 'just made, or deleted: it may come back'],
  ['LEADER_NOT_AVAILABLE', 'outage', 'election under way'],
  ['NOT_LEADER_FOR_PARTITION', 'outage', 'leadership moved'],
  ['BROKER_NOT_AVAILABLE', 'outage', 'broker away'],
  ['REPLICA_NOT_AVAILABLE', 'outage', 'replica away'],
  ['NETWORK_EXCEPTION', 'outage', 'the server disconnected'],
  ['GROUP_LOAD_IN_PROGRESS', 'outage', 'the coordinator is loading'],
  ['GROUP_COORDINATOR_NOT_AVAILABLE', 'outage', 'the coordinator is away'],
  ['NOT_COORDINATOR_FOR_GROUP', 'outage', 'the coordinator moved'],
  ['NOT_ENOUGH_REPLICAS', 'outage', 'fewer replicas than min.insync.replicas'],
  ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'outage', 'written, but to fewer replicas than wanted'],
  ['NOT_CONTROLLER', 'outage', 'the controller moved'],
  ['KAFKA_STORAGE_ERROR', 'outage', 'disk error at the broker'],
  ['REBALANCE_IN_PROGRESS', 'outage', 'the group is rebalancing'],
  ['ILLEGAL_GENERATION', 'outage', 'the group has moved on without this member'],
  ['UNKNOWN_MEMBER_ID', 'outage', 'the group has given this member up'],
  ['MESSAGE_TOO_LARGE', 'data', "the record is larger than the topic's max.message.bytes"],
  ['RECORD_LIST_TOO_LARGE', 'data', 'more than a segment in one request'],
  ['INVALID_RECORD', 'data', 'the broker refuses the record: a compacted topic wants keys'],
  ['INVALID_TIMESTAMP', 'data', "the record's timestamp is outside of what the topic allows"],
  ['TOPIC_AUTHORIZATION_FAILED', 'defect', 'no right to the topic'],
  ['GROUP_AUTHORIZATION_FAILED', 'defect', 'no right to the consumer group'],
  ['CLUSTER_AUTHORIZATION_FAILED', 'defect', 'no right to the cluster'],
  ['SASL_AUTHENTICATION_FAILED', 'defect', 'login refused'],
  ['UNSUPPORTED_SASL_MECHANISM', 'defect', 'the broker does not offer this mechanism'],
  ['KafkaJSSASLAuthenticationError', 'defect', 'login refused'],
  ['INVALID_TOPIC_EXCEPTION', 'defect', 'not a name for a topic'],
  ['INVALID_PARTITIONS', 'defect', 'not a number of partitions'],
  ['INVALID_REPLICATION_FACTOR', 'defect', 'more replicas than brokers'],
  ['POLICY_VIOLATION', 'defect', "the cluster's policy refuses the topic"],
  ['UNSUPPORTED_VERSION', 'defect', 'the broker is too old or too new for kafkajs'],
  ['KafkaJSServerDoesNotSupportApiKey', 'defect', 'the broker is too old or too new for kafkajs'],
  ['KafkaJSNotImplemented', 'defect', 'kafkajs cannot do it'],
  ['TypeError', 'defect', 'a bug'],
  ['RangeError', 'defect', 'a bug'],
  ['ReferenceError', 'defect', 'a bug'],
  ['SyntaxError', 'defect', 'a bug'],
];

const KINDS = new Map(KAFKA_ERROR_KINDS.map(([name, kind]) => [name, kind]));

/** The group has moved on: kafkajs joins again when it meets one of these as it is, wrapped it only counts a retry. */
const MEMBERSHIP_ERRORS = new Set([
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'NOT_COORDINATOR_FOR_GROUP',
  'UNKNOWN_MEMBER_ID',
]);

export function isMembershipError(error: unknown): boolean {
  const { type } = partsOf(error);
  return typeof type === 'string' && MEMBERSHIP_ERRORS.has(type);
}

/** Gives any error of kafkajs its kind. Never throws; an error that is classified already stays as it is. */
export function classifyKafkaError(error: unknown): PipelineError {
  if (error instanceof PipelineError) return error;
  const { code, message } = describe(error, 0);
  return new PipelineError(KINDS.get(code ?? '') ?? 'unforeseen', code ?? 'UNKNOWN', message, error);
}

/** Awaits a call of kafkajs; what it throws has a kind. */
export async function classified<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw classifyKafkaError(error);
  }
}

interface ErrorParts {
  readonly type?: unknown;
  readonly name?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

function partsOf(error: unknown): ErrorParts {
  return typeof error === 'object' && error !== null ? error : {};
}

const MAX_CAUSES = 5;

/** The first known name, outside in: kafkajs wraps what exhausted its retries. */
function describe(error: unknown, depth: number): { code: string | null; message: string } {
  const { type, name, message, cause, errors } = partsOf(error);
  const text = typeof message === 'string' && message !== '' ? message : String(error);
  const known = [type, name].find((code) => typeof code === 'string' && KINDS.has(code));
  if (typeof known === 'string') return { code: known, message: text };
  const inner = Array.isArray(errors) ? errors[0] : cause;
  if (depth < MAX_CAUSES && typeof inner === 'object' && inner !== null) {
    const described = describe(inner, depth + 1);
    if (described.code !== null && KINDS.has(described.code)) return described;
  }
  return { code: typeof name === 'string' ? name : null, message: text };
}
