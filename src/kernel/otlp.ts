/**
 * The OTLP kernel and its memory: one request at a time is taken apart there, and becomes records.
 *
 *   page 0 | schema | stack | JSON | request | items, scopes, resources | envelopes | groups | signatures | records
 *
 * Its size follows from the largest request; pages that are not used cost nothing. Addresses are offsets into the memory.
 */
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { randomBytes } from '../builtin.ts';
import { jsonNames } from './otlp/json-names.ts';
import { MESSAGE_NAMES, type MessageName } from './otlp/schema.ts';
import { messageRow, ROW_FIELDS, SCALARS, wireTable } from './otlp/table.ts';

/** What `walk` says. */
export const WALK_MORE = 0;
export const WALK_DONE = 1;
export const WALK_ASK = 3;

/** Bytes of a request for each of its items, at least: more items are refused. */
const ITEM_BYTES = 64;
const LEAST_ITEMS = 4096;
export const ITEM_SIZE = 64;
/** Bits of an item's last word: it was left out; its tracestate is written anew. */
const DROPPED = 0x80000000;
const SCOPE_SIZE = 16;
const RESOURCE_SIZE = 32;
const GROUP_SIZE = 8;
const FRAME_SIZE = 16;
const FRAMES = 128;
/** Bytes that the kernel may read and write behind what it was told. */
const SLACK = 64;
/** Random bytes for hashes, so that nobody can choose names or ids that collide. */
const SECRETS = 4096 + 16;
const SIGN_SLOTS = 16_384;
const SIGN_SLOT = 32;
const SIGN_KEYS = 2 << 20;
/** Service, name, and attributes of a signature. */
const PARTS = 34;
/** Bytes of the name of an attribute, with what is read behind it. */
const LONGEST_NAME = 1040;
/** Records that are written at once. */
export const FRAMED_BYTES = 1_000_000;
const PAGE = 65_536;
const FIRST = 8192;
/** Frames of JSON, and bits for what is nested in what is passed over. */
const JSON_FRAMES = 256 * 24;
const SPILL = 40_000;
const NAMES = 16_384;

interface Exports {
  useSchema(table: number, attributes: number): void;
  useTables(...addresses: number[]): void;
  useSecrets(at: number): void;
  useGroups(groups: number, slots: number): void;
  useFrames(lengths: number): void;
  useSigns(...addresses: number[]): void;
  clearTables(): void;
  clearMended(): void;
  mendText(from: number, to: number): void;
  useJson(names: number, frames: number, spill: number): void;
  beginJson(from: number, to: number, request: number, out: number, limit: number): void;
  convert(steps: number): number;
  answer(bits: bigint): void;
  jsonAt(): number;
  jsonOut(): number;
  askedRow(): number;
  readonly jsonWrong: WebAssembly.Global;
  readonly askedAt: WebAssembly.Global;
  readonly askedBytes: WebAssembly.Global;
  readonly askedScalar: WebAssembly.Global;
  readonly askedField: WebAssembly.Global;
  beginWalk(from: number, to: number, request: number): void;
  walk(steps: number): number;
  walkedTo(): number;
  requestBytes(): number;
  sign(first: number, last: number): number;
  learn(series: number, rules: number): void;
  forgetSigns(): void;
  beginGroups(slots: number): void;
  group(how: number, steps: number, around: number): number;
  findLong(first: number, longest: number): number;
  aroundItem(item: number): number;
  addItem(like: number, at: number, bytes: number, weight: number): number;
  beginFrames(keyed: number, ...rest: (number | boolean)[]): void;
  frame(out: number, limit: number, delta: number): number;
  framedAll(): number;
  readonly wrong: WebAssembly.Global;
  readonly items: WebAssembly.Global;
  readonly scopes: WebAssembly.Global;
  readonly resources: WebAssembly.Global;
  readonly received: WebAssembly.Global;
  readonly invalid: WebAssembly.Global;
  readonly mended: WebAssembly.Global;
  readonly groups: WebAssembly.Global;
  readonly grouped: WebAssembly.Global;
  readonly groupedBytes: WebAssembly.Global;
  readonly framedTo: WebAssembly.Global;
  readonly framedItems: WebAssembly.Global;
}

/** How items are told apart: `all` go together. */
const GROUPINGS = { all: 0, trace: 1, 'trace and resource': 2 } as const;
export type Grouping = keyof typeof GROUPINGS;
/** What the key of a record is; `text` is what service is, too, where a resource has none. */
const KEYS = { text: 0, trace: 1, service: 2 } as const;
export type Keyed = keyof typeof KEYS;

/** How groups become records. */
export interface FrameJob {
  keyed: Keyed;
  key: Buffer;
  /** With their number before them, as they stand in a record. */
  headers: Buffer;
  /** Bytes of a value at most. */
  longest: number;
  /** Items weigh what they hold: points of metrics. */
  weighed: boolean;
}

let compiled: WebAssembly.Module | undefined;

export class OtlpKernel {
  readonly memory: WebAssembly.Memory;
  /** All of the memory. */
  readonly bytes: Buffer;
  readonly words: Uint32Array;
  readonly longs: BigUint64Array;
  /** Bytes of a request. */
  readonly maxRequest: number;
  /** Items that a request may have. */
  readonly most: number;
  readonly requestAt: number;
  readonly textAt: number;
  readonly itemsAt: number;
  readonly #scopesAt: number;
  readonly #resourcesAt: number;
  readonly #groupsAt: number;
  readonly #framedAt: number;
  readonly #scratchAt: number;
  readonly #partsAt: number;
  readonly #exports: Exports;
  /** The end of what was added to a request. */
  #addedTo = 0;
  readonly #signed: readonly string[];

  /** For requests of so many bytes; `attributes` are parts of a span's signature. */
  constructor(maxRequest: number, attributes: readonly string[] = []) {
    this.maxRequest = maxRequest;
    this.most = Math.max(LEAST_ITEMS, Math.ceil(maxRequest / ITEM_BYTES));
    const slots = 2 ** Math.ceil(Math.log2(this.most * 2));
    let at = FIRST;
    const reserve = (bytes: number) => {
      const start = at;
      at = (at + bytes + SLACK + 63) & ~63;
      return start;
    };
    const schemaAt = reserve(MESSAGE_NAMES.length * ROW_FIELDS * 4);
    const stackAt = reserve(FRAMES * FRAME_SIZE);
    this.#partsAt = reserve(PARTS * 8);
    const namesAt = reserve(PARTS * 8);
    const textsAt = reserve(PARTS * LONGEST_NAME);
    const secretsAt = reserve(SECRETS);
    const jsonAt = reserve(NAMES);
    const jsonFramesAt = reserve(JSON_FRAMES);
    const spillAt = reserve(SPILL);
    this.#scratchAt = reserve(PAGE);
    this.textAt = reserve(maxRequest);
    this.requestAt = reserve(maxRequest);
    this.itemsAt = reserve(this.most * ITEM_SIZE);
    this.#scopesAt = reserve(this.most * SCOPE_SIZE);
    this.#resourcesAt = reserve(this.most * RESOURCE_SIZE);
    const envelopesAt = [0, 1, 2].map(() => reserve(maxRequest));
    this.#groupsAt = reserve(this.most * GROUP_SIZE);
    const slotsAt = reserve(slots * 4);
    const signsAt = reserve(SIGN_SLOTS * SIGN_SLOT);
    const keysAt = reserve(SIGN_KEYS);
    const lengthsAt = reserve(FRAMED_BYTES);
    this.#framedAt = reserve(FRAMED_BYTES);
    const pages = Math.ceil(at / PAGE) + 1;
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.bytes = Buffer.from(this.memory.buffer);
    this.words = new Uint32Array(this.memory.buffer);
    this.longs = new BigUint64Array(this.memory.buffer);
    compiled ??= new WebAssembly.Module(readFileSync(new URL('./otlp.wasm', import.meta.url)));
    const instance = new WebAssembly.Instance(compiled, { env: { memory: this.memory } });
    this.#exports = instance.exports as unknown as Exports;
    this.#signed = attributes;
    this.words.set(wireTable(), schemaAt / 4);
    const e = this.#exports;
    e.useSchema(schemaAt, messageRow('KeyValue'));
    const [ofResources, ofScopes, ofRequest] = envelopesAt as [number, number, number];
    e.useTables(this.itemsAt, this.most, this.#scopesAt, this.#resourcesAt, ofResources, ofScopes, ofRequest, stackAt);
    this.bytes.set(randomBytes(SECRETS), secretsAt);
    e.useSecrets(secretsAt);
    e.useGroups(this.#groupsAt, slotsAt);
    e.useFrames(lengthsAt);
    const names = jsonNames(jsonAt);
    assert(names.length <= NAMES);
    this.bytes.set(names, jsonAt);
    e.useJson(jsonAt, jsonFramesAt, spillAt);
    this.#placeNames(namesAt, textsAt);
    e.useSigns(signsAt, SIGN_SLOTS, keysAt, keysAt + SIGN_KEYS, this.#partsAt, namesAt, attributes.length);
  }

  /** Makes protobuf at `requestAt` of the JSON in the `bytes` at `textAt`; gives how many of its bytes were not UTF-8. */
  beginJson(bytes: number, message: MessageName): number {
    const e = this.#exports;
    e.clearMended();
    e.mendText(this.textAt, this.textAt + bytes);
    const [out, limit] = [this.requestAt, this.requestAt + this.maxRequest];
    e.beginJson(this.textAt, this.textAt + bytes, messageRow(message), out, limit);
    return e.mended.value;
  }

  /** Goes on for so many values: WALK_MORE, WALK_DONE, WALK_ASK (see `asked`), or else it is wrong (see `jsonWrong`). */
  convert(steps: number): number {
    return this.#exports.convert(steps);
  }

  /** What value this text is. */
  get asked(): { text: string; scalar: string; message: MessageName; field: number } {
    const { askedAt, askedBytes, askedScalar, askedField } = this.#exports;
    const at = askedAt.value >>> 0;
    return {
      text: this.bytes.toString('latin1', at, at + askedBytes.value),
      scalar: SCALARS[askedScalar.value]!,
      message: MESSAGE_NAMES[this.#exports.askedRow()]!,
      field: askedField.value,
    };
  }

  answer(bits: bigint): void {
    this.#exports.answer(bits);
  }

  /** Why the text is none, and where; `reason` 0: the kernel has not found anything. */
  get jsonWrong(): { reason: number; at: number } {
    return { reason: this.#exports.jsonWrong.value, at: (this.#exports.jsonAt() >>> 0) - this.textAt };
  }

  /** Bytes of protobuf that were made. */
  get converted(): number {
    return (this.#exports.jsonOut() >>> 0) - this.requestAt;
  }

  /** Takes apart the `bytes` of the request at `requestAt` that is such a message. */
  beginWalk(bytes: number, message: MessageName): void {
    const e = this.#exports;
    e.clearTables();
    e.clearMended();
    this.#addedTo = this.textAt;
    e.beginWalk(this.requestAt, this.requestAt + bytes, messageRow(message));
  }

  /** Goes on for so many fields. What it says is WALK_MORE, WALK_DONE, or else it is wrong: see `wrong`. */
  walk(steps: number): number {
    return this.#exports.walk(steps);
  }

  /** Why a request is none, and where. */
  get wrong(): { reason: number; at: number } {
    return { reason: this.#exports.wrong.value, at: (this.#exports.walkedTo() >>> 0) - this.requestAt };
  }

  get items(): number {
    return this.#exports.items.value;
  }

  /** Items of the request, those that are left out, and bytes of text that were not UTF-8. */
  get counts(): { received: number; invalid: number; mended: number } {
    const { received, invalid, mended } = this.#exports;
    return { received: received.value, invalid: invalid.value, mended: mended.value };
  }

  /** Spans [first, last) get what their signature leads to; the first of which that is not known yet, or `last`. */
  sign(first: number, last: number): number {
    return this.#exports.sign(first, last);
  }

  /** The span where `sign` has stopped, and all that are like it, lead to these. */
  learn(series: number, rules: number): void {
    this.#exports.learn(series, rules);
  }

  /** Every signature is unknown again. */
  forgetSigns(): void {
    this.#exports.forgetSigns();
  }

  /** Where `sign` has stopped: the AnyValues of the attributes, as they stand in the request; null: it has none. */
  get signedAttributes(): (Buffer | null)[] {
    return this.#signed.map((_, i) => this.#part(this.#partsAt + (2 + i) * 8));
  }

  beginGroups(): void {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(16, this.items * 2)));
    this.#exports.beginGroups(slots);
  }

  /** Goes on for so many items; false: there are more. `around`: bytes of a record beside its items' request, at most. */
  group(how: Grouping, steps: number, around: number): boolean {
    return Boolean(this.#exports.group(GROUPINGS[how], steps, around + this.#exports.requestBytes()));
  }

  /** The first item from this one on that does not fit into a value of so many bytes; `items`: there is none. */
  findLong(first: number, longest: number): number {
    return this.#exports.findLong(first, longest);
  }

  /** Bytes of a value with this item alone, without the item's. */
  aroundItem(item: number): number {
    return this.#exports.aroundItem(item);
  }

  /** Where an item stands; it may be made shorter in its place. */
  itemAt(item: number): Buffer {
    const [at, bytes] = this.#placeOf(item);
    return this.bytes.subarray(at, at + bytes);
  }

  shorten(item: number, bytes: number): void {
    this.words[(this.itemsAt + item * ITEM_SIZE) / 4 + 1] = bytes;
  }

  /** What it weighs from now on. */
  weigh(item: number, weight: number): void {
    this.words[(this.itemsAt + item * ITEM_SIZE) / 4 + 8] = weight;
  }

  /** One more that stands beside this one; false: there is no room for it. Its bytes are kept where JSON stood. */
  addItem(like: number, bytes: Uint8Array, weight: number): boolean {
    const at = this.#addedTo;
    if (at + bytes.length > this.textAt + this.maxRequest) return false;
    if (!this.#exports.addItem(like, at, bytes.length, weight)) return false;
    this.bytes.set(bytes, at);
    this.#addedTo = at + bytes.length;
    return true;
  }

  /** It is in no group. */
  leaveOut(item: number): void {
    this.words[(this.itemsAt + item * ITEM_SIZE) / 4 + 15]! |= DROPPED;
  }

  /** The points of a metric; 1 for a log record. */
  weightOf(item: number): number {
    return this.words[(this.itemsAt + item * ITEM_SIZE) / 4 + 8]!;
  }

  #placeOf(item: number): [at: number, bytes: number] {
    const word = (this.itemsAt + item * ITEM_SIZE) / 4;
    return [this.words[word]!, this.words[word + 1]!];
  }

  /** Groups, the items in them, and the bytes of their records, at most. */
  get grouped(): { groups: number; items: number; bytes: number } {
    const { groups, grouped, groupedBytes } = this.#exports;
    return { groups: groups.value, items: grouped.value, bytes: groupedBytes.value };
  }

  /** Key and headers have 64 KiB at most. */
  beginFrames({ keyed, key, headers, longest, weighed }: FrameJob): void {
    const keyAt = this.#scratchAt;
    const headersAt = (keyAt + key.length + SLACK) & ~15;
    this.bytes.set(key, keyAt);
    this.bytes.set(headers, headersAt);
    this.#exports.beginFrames(KEYS[keyed], keyAt, key.length, headersAt, headers.length, longest, weighed);
  }

  /** The next records, of at most `room` bytes; good until the next call. */
  frame(room: number, delta: number): { count: number; items: number; bytes: Buffer } {
    const from = this.#framedAt;
    const count = this.#exports.frame(from, from + Math.min(room, FRAMED_BYTES), delta);
    const bytes = this.bytes.subarray(from, this.#exports.framedTo.value >>> 0);
    return { count, items: this.#exports.framedItems.value, bytes };
  }

  get framedAll(): boolean {
    return Boolean(this.#exports.framedAll());
  }

  /** service.name of an item, as it stands in the request; null: it has none. */
  serviceOf(item: number): Buffer | null {
    return this.#part(this.#resourcesAt + this.resourceNumberOf(item) * RESOURCE_SIZE + 8);
  }

  resourceNumberOf(item: number): number {
    const scope = this.words[(this.itemsAt + item * ITEM_SIZE) / 4 + 2]!;
    return this.words[(this.#scopesAt + scope * SCOPE_SIZE) / 4]!;
  }

  /** What stands around the scopes of its resource. */
  resourceOf(item: number): Buffer {
    return this.#part(this.#resourcesAt + this.resourceNumberOf(item) * RESOURCE_SIZE)!;
  }

  resourceBytesOf(item: number): number {
    return this.words[(this.#resourcesAt + this.resourceNumberOf(item) * RESOURCE_SIZE) / 4 + 1]!;
  }

  #part(at: number): Buffer | null {
    const [from, bytes] = [this.words[at / 4]!, this.words[at / 4 + 1]!];
    return from === 0 ? null : this.bytes.subarray(from, from + bytes);
  }

  /** Addresses and bytes of the names of attributes; the names. */
  #placeNames(at: number, textAt: number): void {
    for (const [i, name] of this.#signed.entries()) {
      const bytes = this.bytes.write(name, textAt);
      this.words.set([textAt, bytes], at / 4 + i * 2);
      textAt += bytes + 1;
    }
  }
}
