/** The spans of the request that is taken apart, by number: what as/otlp/tables.as.ts notes of each. */
import { ITEM_SIZE, type OtlpKernel } from '../otlp.ts';

const WORDS = ITEM_SIZE / 4;
const [AT, BYTES, TRACE_ID, NANOSECONDS, NAME, KIND, STATE, SERIES, RULES] = [0, 1, 4, 8, 10, 12, 13, 14, 15] as const;
/** What became of one, in place of its rules. */
const DROPPED = 0x8000_0000;
const NOTED = 0x4000_0000;
const HALF = 2 ** 32;
const LONGEST_STATE = 0xffff;
/** Of a text that is looked at. */
const LONGEST_TEXT = 4096;

export class OtlpSpans {
  readonly #kernel: OtlpKernel;
  readonly #words: Uint32Array;
  readonly #base: number;
  /** Where tracestates are written: the text of the request is not needed any more. */
  #stateAt = 0;
  #stateOf = '';
  #statePlace = 0;

  constructor(kernel: OtlpKernel) {
    this.#kernel = kernel;
    this.#words = kernel.words;
    this.#base = kernel.itemsAt / 4;
  }

  get count(): number {
    return this.#kernel.items;
  }

  /** Of a new request: nothing of the one before holds. */
  begin(): void {
    this.#stateAt = this.#kernel.textAt;
    this.#stateOf = '';
  }

  name(i: number): string {
    const at = this.#at(i);
    return this.#text(this.#words[at + NAME]!, this.#words[at + NAME + 1]!);
  }

  service(i: number): string {
    return this.#kernel.serviceOf(i)?.subarray(0, LONGEST_TEXT).toString() ?? '';
  }

  kind(i: number): number {
    return this.#words[this.#at(i) + KIND]! & 0xff;
  }

  status(i: number): number {
    return (this.#words[this.#at(i) + KIND]! >>> 8) & 0xff;
  }

  nanoseconds(i: number): number {
    const at = this.#at(i) + NANOSECONDS;
    return this.#words[at]! + this.#words[at + 1]! * HALF;
  }

  hasState(i: number): boolean {
    return this.#words[this.#at(i) + KIND]! >>> 16 !== 0;
  }

  tracestate(i: number): string {
    const at = this.#at(i);
    const bytes = this.#words[at + KIND]! >>> 16;
    return bytes === 0 ? '' : this.#text(this.#words[at + STATE]!, bytes);
  }

  /** The last 56 bits of the trace id. */
  random(i: number): { high: number; low: number } {
    const at = this.#at(i) + TRACE_ID + 2;
    return { high: swapped(this.#words[at]!) % 2 ** 24, low: swapped(this.#words[at + 1]!) };
  }

  traceId(i: number): string {
    const at = (this.#at(i) + TRACE_ID) * 4;
    return this.#kernel.bytes.toString('hex', at, at + 16);
  }

  series(i: number): number {
    return this.#words[this.#at(i) + SERIES]!;
  }

  rules(i: number): number {
    return this.#words[this.#at(i) + RULES]!;
  }

  keep(i: number): void {
    this.#words[this.#at(i) + RULES] = 0;
  }

  drop(i: number): void {
    this.#words[this.#at(i) + RULES] = DROPPED;
  }

  /** It goes on with this tracestate. Where there is no room it keeps its own. */
  noteState(i: number, text: string): void {
    const bytes = Buffer.byteLength(text);
    if (text !== this.#stateOf) {
      if (bytes > LONGEST_STATE || this.#stateAt + bytes > this.#kernel.textAt + this.#kernel.maxRequest) return;
      this.#kernel.bytes.write(text, this.#stateAt);
      [this.#stateOf, this.#statePlace] = [text, this.#stateAt];
      this.#stateAt += bytes;
    }
    const at = this.#at(i);
    this.#words[at + STATE] = this.#statePlace;
    this.#words[at + KIND] = (this.#words[at + KIND]! & 0xffff) | (bytes << 16);
    this.#words[at + RULES] = NOTED;
  }

  isDropped(i: number): boolean {
    return (this.#words[this.#at(i) + RULES]! & DROPPED) !== 0;
  }

  resourceNumber(i: number): number {
    return this.#kernel.resourceNumberOf(i);
  }

  resourceBytes(i: number): number {
    return this.#kernel.resourceBytesOf(i);
  }

  /** What stands around its scopes: a ResourceSpans without any. */
  resource(i: number): Buffer {
    return this.#kernel.resourceOf(i);
  }

  /** The span's message. */
  message(i: number): Buffer {
    const at = this.messageAt(i);
    return this.bytes.subarray(at, at + this.messageBytes(i));
  }

  /** Where it begins, in `bytes`. */
  messageAt(i: number): number {
    return this.#words[this.#at(i) + AT]!;
  }

  messageBytes(i: number): number {
    return this.#words[this.#at(i) + BYTES]!;
  }

  /** All of the kernel's memory. */
  get bytes(): Buffer {
    return this.#kernel.bytes;
  }

  #at(i: number): number {
    return this.#base + i * WORDS;
  }

  #text(at: number, bytes: number): string {
    return this.#kernel.bytes.toString('utf8', at, at + Math.min(bytes, LONGEST_TEXT));
  }
}

/** Bytes in the other order. */
function swapped(word: number): number {
  return (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
