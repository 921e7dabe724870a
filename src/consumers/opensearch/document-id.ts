/**
 * The `_id` of a record's document: the same for the same record whoever writes it, of fixed width, ascending by offset.
 *
 *   topic number (8) | partition (3) | offset (11)        digits of base 32: 0-9, a-v
 *
 * The topic number is made of the topic's id, which Kafka draws at random when a topic is made, so that it needs no
 * agreement: sinks that know nothing of each other may write into the same streams, and a topic that is made anew under
 * its old name has offsets that mean other records, and so another number. It is kept beside the group's offsets (note.ts).
 */
import { murmur2 } from '../../records/murmur2.ts';

export const NUMBER_DIGITS = 8;
const PARTITION_DIGITS = 3;
const OFFSET_DIGITS = 11;
export const ID_BYTES = NUMBER_DIGITS + PARTITION_DIGITS + OFFSET_DIGITS;
/** A partition beyond it has no id; Kafka's own limits are far below. */
export const MOST_PARTITIONS = 32 ** PARTITION_DIGITS;

const ALPHABET = '0123456789abcdefghijklmnopqrstuv';
const DIGITS = Buffer.from(ALPHABET);
const BEFORE = '{"create":{"_id":"';
const AFTER = '"}}\n';
/** What an action takes of a bulk request's body. */
export const ACTION_BYTES = BEFORE.length + ID_BYTES + AFTER.length;
/** Where in an action its id stands. */
export const ID_AT = BEFORE.length;
const OFFSET_AT = ID_AT + NUMBER_DIGITS + PARTITION_DIGITS;
/** The last two digits change with nearly every record, those before them with one in 1,024. */
const LOW = 1024;

export interface DocumentId {
  number: string;
  partition: number;
  offset: number;
}

/**
 * The number of the topic with this id (32 hexadecimal digits), or with this name where the brokers tell no ids.
 * `life`: another one for the same topic, from where its offsets are used anew.
 */
export function topicNumber(topicId: string | null, name: string, life = 0): string {
  const text = `${topicId ?? name}${life === 0 ? '' : `:${life}`}`;
  const low = BigInt(murmur2(Buffer.from(text)) >>> 0);
  const high = BigInt(murmur2(Buffer.from(`${text}/`)) >>> 0);
  return digits(Number(((high << 32n) | low) & ((1n << 40n) - 1n)), NUMBER_DIGITS);
}

function digits(value: number, width: number): string {
  return value.toString(32).padStart(width, '0');
}

export function documentId({ number, partition, offset }: DocumentId): string {
  return number + digits(partition, PARTITION_DIGITS) + digits(offset, OFFSET_DIGITS);
}

/** What an id says; null: it is none of ours. */
export function parseDocumentId(id: string): DocumentId | null {
  if (id.length !== ID_BYTES || !/^[0-9a-v]+$/.test(id)) return null;
  const partitionAt = NUMBER_DIGITS + PARTITION_DIGITS;
  const number = id.slice(0, NUMBER_DIGITS);
  const partition = Number.parseInt(id.slice(NUMBER_DIGITS, partitionAt), 32);
  return { number, partition, offset: Number.parseInt(id.slice(partitionAt), 32) };
}

/** The action line of a partition's records: `{"create":{"_id":"..."}}` and a line feed. */
export class CreateAction {
  /** The action of the offset that was given last. */
  readonly bytes: Buffer;
  #high = -1;

  constructor(number: string, partition: number) {
    this.bytes = Buffer.from(`${BEFORE}${documentId({ number, partition, offset: 0 })}${AFTER}`);
  }

  of(offset: number): Buffer {
    const { bytes } = this;
    const high = Math.floor(offset / LOW);
    if (high !== this.#high) {
      this.#high = high;
      bytes.write(digits(high, OFFSET_DIGITS - 2), OFFSET_AT, 'latin1');
    }
    const low = offset - high * LOW;
    bytes[OFFSET_AT + OFFSET_DIGITS - 2] = DIGITS[low >>> 5]!;
    bytes[OFFSET_AT + OFFSET_DIGITS - 1] = DIGITS[low & 31]!;
    return bytes;
  }
}
