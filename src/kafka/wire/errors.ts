/**
 * Kafka's error codes as far as producers and members of groups meet them, and what to do about each. What is not listed is waited out:
 * a block is never given up because of an answer that is not understood.
 */

/**
 * - `done`      the broker has the block already: an acknowledgement
 * - `retry`     passes by itself: send again after a pause
 * - `refresh`   the leader is elsewhere: fetch metadata, then send again
 * - `split`     the block is larger than the topic takes
 * - `order`     a block before this one is missing at the broker
 * - `identity`  the broker does not know (or no longer accepts) the producer id, or its transaction is over
 * - `time`      the broker's clock and ours are too far apart
 * - `denied`    a right is missing: wait, say so
 * - `refused`   the broker's settings do not accept the block: wait, say so
 * - `invalid`   a record of it will never be accepted
 */
export type Action =
  | 'done'
  | 'retry'
  | 'refresh'
  | 'split'
  | 'order'
  | 'identity'
  | 'time'
  | 'denied'
  | 'refused'
  | 'invalid';

const CODES: Readonly<Record<number, readonly [name: string, action: Action]>> = {
  [-1]: ['UNKNOWN_SERVER_ERROR', 'retry'],
  1: ['OFFSET_OUT_OF_RANGE', 'refused'],
  2: ['CORRUPT_MESSAGE', 'retry'],
  3: ['UNKNOWN_TOPIC_OR_PARTITION', 'refresh'],
  5: ['LEADER_NOT_AVAILABLE', 'refresh'],
  6: ['NOT_LEADER_OR_FOLLOWER', 'refresh'],
  7: ['REQUEST_TIMED_OUT', 'retry'],
  8: ['BROKER_NOT_AVAILABLE', 'refresh'],
  9: ['REPLICA_NOT_AVAILABLE', 'refresh'],
  10: ['MESSAGE_TOO_LARGE', 'split'],
  12: ['OFFSET_METADATA_TOO_LARGE', 'refused'],
  13: ['NETWORK_EXCEPTION', 'refresh'],
  14: ['COORDINATOR_LOAD_IN_PROGRESS', 'retry'],
  15: ['COORDINATOR_NOT_AVAILABLE', 'retry'],
  16: ['NOT_COORDINATOR', 'refresh'],
  17: ['INVALID_TOPIC_EXCEPTION', 'refused'],
  18: ['RECORD_LIST_TOO_LARGE', 'split'],
  19: ['NOT_ENOUGH_REPLICAS', 'retry'],
  20: ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'retry'],
  22: ['ILLEGAL_GENERATION', 'refused'],
  23: ['INCONSISTENT_GROUP_PROTOCOL', 'refused'],
  24: ['INVALID_GROUP_ID', 'refused'],
  25: ['UNKNOWN_MEMBER_ID', 'refused'],
  26: ['INVALID_SESSION_TIMEOUT', 'refused'],
  27: ['REBALANCE_IN_PROGRESS', 'retry'],
  28: ['INVALID_COMMIT_OFFSET_SIZE', 'refused'],
  29: ['TOPIC_AUTHORIZATION_FAILED', 'denied'],
  30: ['GROUP_AUTHORIZATION_FAILED', 'denied'],
  31: ['CLUSTER_AUTHORIZATION_FAILED', 'denied'],
  32: ['INVALID_TIMESTAMP', 'time'],
  35: ['UNSUPPORTED_VERSION', 'refused'],
  36: ['TOPIC_ALREADY_EXISTS', 'done'],
  37: ['INVALID_PARTITIONS', 'refused'],
  38: ['INVALID_REPLICATION_FACTOR', 'refused'],
  41: ['NOT_CONTROLLER', 'refresh'],
  43: ['UNSUPPORTED_FOR_MESSAGE_FORMAT', 'refused'],
  44: ['POLICY_VIOLATION', 'refused'],
  45: ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'order'],
  46: ['DUPLICATE_SEQUENCE_NUMBER', 'done'],
  47: ['INVALID_PRODUCER_EPOCH', 'identity'],
  48: ['INVALID_TXN_STATE', 'identity'],
  49: ['INVALID_PRODUCER_ID_MAPPING', 'identity'],
  50: ['INVALID_TRANSACTION_TIMEOUT', 'refused'],
  51: ['CONCURRENT_TRANSACTIONS', 'retry'],
  52: ['TRANSACTION_COORDINATOR_FENCED', 'refresh'],
  53: ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'denied'],
  55: ['OPERATION_NOT_ATTEMPTED', 'retry'],
  56: ['KAFKA_STORAGE_ERROR', 'refresh'],
  59: ['UNKNOWN_PRODUCER_ID', 'identity'],
  74: ['FENCED_LEADER_EPOCH', 'refresh'],
  75: ['UNKNOWN_LEADER_EPOCH', 'refresh'],
  76: ['UNSUPPORTED_COMPRESSION_TYPE', 'refused'],
  79: ['MEMBER_ID_REQUIRED', 'retry'],
  81: ['GROUP_MAX_SIZE_REACHED', 'refused'],
  82: ['FENCED_INSTANCE_ID', 'refused'],
  87: ['INVALID_RECORD', 'invalid'],
  89: ['THROTTLING_QUOTA_EXCEEDED', 'retry'],
  90: ['PRODUCER_FENCED', 'identity'],
  100: ['UNKNOWN_TOPIC_ID', 'refresh'],
  103: ['INCONSISTENT_TOPIC_ID', 'refresh'],
  120: ['TRANSACTION_ABORTABLE', 'retry'],
};

/** Answers to a Produce that say that nothing was written: what was asked for did not get past the broker's checks. */
const NOT_WRITTEN = new Set([2, 10, 17, 18, 19, 29, 31, 32, 35, 43, 44, 45, 47, 59, 76, 87, 89]);

export const TOPIC_AUTHORIZATION_FAILED = 29;
export const CLUSTER_AUTHORIZATION_FAILED = 31;
export const UNKNOWN_TOPIC_OR_PARTITION = 3;
export const INVALID_REPLICATION_FACTOR = 38;
export const OFFSET_OUT_OF_RANGE = 1;
export const COORDINATOR_LOAD_IN_PROGRESS = 14;
export const COORDINATOR_NOT_AVAILABLE = 15;
export const NOT_COORDINATOR = 16;
export const ILLEGAL_GENERATION = 22;
export const UNKNOWN_MEMBER_ID = 25;
export const REBALANCE_IN_PROGRESS = 27;
export const MEMBER_ID_REQUIRED = 79;
export const FENCED_INSTANCE_ID = 82;
export const CONCURRENT_TRANSACTIONS = 51;
export const OPERATION_NOT_ATTEMPTED = 55;
export const TRANSACTIONAL_ID_NOT_FOUND = 105;

export function errorName(code: number): string {
  return CODES[code]?.[0] ?? `error code ${code}`;
}

export function actionFor(code: number): Action {
  return CODES[code]?.[1] ?? 'retry';
}

/** Whether what was answered so may be in the topic all the same: the leader moved, say, or waited for its replicas. */
export function mayBeWritten(code: number): boolean {
  return !NOT_WRITTEN.has(code);
}

/** A broker answered with an error code. */
export class BrokerError extends Error {
  readonly code: number;
  /** What the broker adds to it. */
  readonly detail: string | null;

  constructor(what: string, code: number, detail: string | null = null) {
    super(`${what}: ${errorName(code)}${detail ? `: ${detail}` : ''}`);
    this.name = 'BrokerError';
    this.code = code;
    this.detail = detail;
  }
}

/** Reasons that go on from the address. */
const VERB = /^(refuses|refused|cannot|does|ended|wants|speaks|answers)\b/;

/** A connection could not be made, broke, or did not answer in time. */
export class LinkError extends Error {
  readonly reason: string;

  constructor(address: string, reason: string) {
    const named = reason.startsWith('no address for ');
    super(named ? reason : `${address}${VERB.test(reason) ? '' : ':'} ${reason}`);
    this.name = 'LinkError';
    this.reason = reason;
  }
}

/** None of the brokers can be used now: why, of each, or once for all. */
export class NoBroker extends LinkError {
  constructor(reasons: readonly string[]) {
    const each = [...new Set(reasons)];
    const more = each.length > MOST_SAID ? ` and ${each.length - MOST_SAID} more` : '';
    const what = 'no broker answers';
    super(what, each.slice(0, MOST_SAID).join(', ') + more);
    this.message = `${what}: ${this.reason}`;
    this.name = 'NoBroker';
  }
}

const MOST_SAID = 3;
