/**
 * Records of the audit stream, read and hashed in place: for those who read many. What `record.ts` does for one record at a
 * time costs three times as much, most of it for objects; where records follow each other, kernel/chain.ts is faster.
 */
import { hash } from '../builtin.ts';
import {
  HASH_BYTES,
  HASHED_HEAD_BYTES,
  LINK_AT,
  LINK_BYTES,
  LINK_FIELDS,
  STREAM_BYTES,
  TIME_BYTES,
  ZEROS,
} from './record.ts';

const [OPEN, BRACE] = [0x7b, 0x7d] as const;
const [STREAM_AT, SEQUENCE_AT, TIME_AT, PREVIOUS_AT, HASH_AT] = LINK_AT;
const DIGITS = /^\d{20}$/;
const HEX = /^[0-9a-f]+$/;
/** Events are smaller: those are at most 256 KiB. */
const USUAL_BYTES = 16 << 10;
const NO_PREVIOUS = ZEROS;

export class RecordScan {
  /** The stream's id, 16 hex digits. */
  stream = '';
  sequence = 0;
  /** When the agent took it, ISO 8601 with milliseconds, as it stands in the record. */
  time = '';
  /** 64 hex digits, as are both that follow; `previous` as it stands in the record. */
  previous = NO_PREVIOUS;
  /** As it stands in the record. */
  claimed = '';
  /** Of what the record holds. */
  computed = '';
  /** The head of what is hashed, and behind it the client's bytes. */
  #bytes = Buffer.alloc(HASHED_HEAD_BYTES + USUAL_BYTES);
  #streamIn = '';

  get intact(): boolean {
    return this.computed === this.claimed;
  }

  /** Reads the value in [from, to) of `bytes`; false: it is no record of the audit stream. */
  read(bytes: Buffer, from: number, to: number): boolean {
    const at = to - LINK_BYTES;
    if (at <= from || bytes[from] !== OPEN) return false;
    const link = bytes.toString('latin1', at, to);
    for (let i = 0; i < LINK_FIELDS.length; i++) {
      const [before] = LINK_FIELDS[i]!;
      if (!link.startsWith(before, LINK_AT[i]! - before.length)) return false;
    }
    const digits = link.substring(SEQUENCE_AT, SEQUENCE_AT + 20);
    const stream = link.substring(STREAM_AT, STREAM_AT + 2 * STREAM_BYTES);
    const previous = link.substring(PREVIOUS_AT, PREVIOUS_AT + 2 * HASH_BYTES);
    const claimed = link.substring(HASH_AT, HASH_AT + 2 * HASH_BYTES);
    if (!DIGITS.test(digits) || !link.endsWith('"}}')) return false;
    if (stream !== this.#streamIn && !HEX.test(stream)) return false;
    // What follows its predecessor has the same text there: it was looked at.
    if (previous !== this.claimed && !HEX.test(previous)) return false;
    const sequence = Number(digits);
    if (!Number.isSafeInteger(sequence) || sequence < 1) return false;
    this.stream = stream;
    this.sequence = sequence;
    this.time = link.substring(TIME_AT, TIME_AT + TIME_BYTES);
    this.previous = previous;
    this.computed = this.#hash(bytes, from, at);
    if (claimed !== this.computed && !HEX.test(claimed)) return false;
    this.claimed = claimed;
    return true;
  }

  #hash(value: Buffer, from: number, at: number): string {
    const length = HASHED_HEAD_BYTES + at - from + 1;
    const bytes = length <= this.#bytes.length ? this.#bytes : Buffer.alloc(length);
    if (bytes !== this.#bytes || this.stream !== this.#streamIn) {
      bytes.write(this.stream, 1 + HASH_BYTES, STREAM_BYTES, 'hex');
      if (bytes === this.#bytes) this.#streamIn = this.stream;
    }
    bytes.write(this.previous, 1, HASH_BYTES, 'hex');
    const numberAt = 1 + HASH_BYTES + STREAM_BYTES;
    bytes.writeUInt32BE(Math.floor(this.sequence / 2 ** 32), numberAt);
    bytes.writeUInt32BE(this.sequence >>> 0, numberAt + 4);
    value.copy(bytes, HASHED_HEAD_BYTES - TIME_BYTES, at + TIME_AT, at + TIME_AT + TIME_BYTES);
    value.copy(bytes, HASHED_HEAD_BYTES, from, at);
    bytes[length - 1] = BRACE;
    return hash('sha256', bytes.subarray(0, length), 'hex');
  }
}
