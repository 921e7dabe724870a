/**
 * The body of one `_bulk` request, written once into memory that is used again:
 *
 *   {"create":{"_id":"..."}} LF  value LF  {"create":{"_id":"..."}} LF  value LF ...
 *   ^ starts[0]                            ^ starts[1]
 *
 * A value's bytes are copied as they are; no JSON is parsed and no string made. A line feed in a value would make what
 * follows it another action: each becomes a space, which is the same between the tokens of JSON, and in a string it was
 * not valid. Where they were is kept, for the dead letter that the value may become.
 */
import { ACTION_BYTES, ID_AT, ID_BYTES, parseDocumentId } from './document-id.ts';
import type { PartitionProgress, RecordSpan } from './progress.ts';

const LF = 0x0a;
const SPACE = 0x20;
const FIRST_STARTS = 4096;

export type Settlement = 'written' | 'present' | 'refused';

export class Bulk {
  #bytes: Buffer;
  #starts = new Uint32Array(FIRST_STARTS);
  #at = 0;
  #count = 0;
  spans: RecordSpan[] = [];
  /** Some of it may be in the stream already. */
  suspect = false;
  /** ... or in another one. */
  anywhere = false;
  /** By id: where in a value, from its beginning, line feeds were. */
  #lineFeeds: Map<string, number[]> | null = null;

  constructor(bytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes);
  }

  /** Items in it. */
  get count(): number {
    return this.#count;
  }

  /** The request's body with the first so many items; a view. */
  body(items = this.#count): Buffer {
    return this.#bytes.subarray(0, items < this.#count ? this.#starts[items] : this.#at);
  }

  get bytes(): number {
    return this.#at;
  }

  /** Bytes of memory that it takes. */
  get room(): number {
    return this.#bytes.length;
  }

  /** Copies bytes [from, to) of `source` as the document of `offset`. False: it has no room beside the others. */
  append(owner: PartitionProgress, offset: number, source: Buffer, from: number, to: number): boolean {
    const need = ACTION_BYTES + to - from + 1;
    if (this.#at + need > this.#bytes.length) return false;
    if (this.#count === this.#starts.length) this.#moreStarts();
    const bytes = this.#bytes;
    this.#starts[this.#count] = this.#at;
    bytes.set(owner.action.of(offset), this.#at);
    const document = this.#at + ACTION_BYTES;
    const end = document + to - from;
    source.copy(bytes, document, from, to);
    bytes[end] = LF;
    const feed = bytes.indexOf(LF, document);
    if (feed < end) this.#noLineFeeds(document, feed, end);
    this.#at = end + 1;
    let span = this.spans.at(-1);
    if (span?.owner !== owner) {
      span = owner.open(offset, this.#count);
      this.spans.push(span);
    }
    span.count++;
    this.#count++;
    if (offset < owner.suspectTo) {
      this.suspect = true;
      this.anywhere ||= owner.anywhere;
    }
    return true;
  }

  #noLineFeeds(document: number, first: number, end: number): void {
    const found: number[] = [];
    for (let at = first; at < end; at = this.#bytes.indexOf(LF, at + 1)) {
      this.#bytes[at] = SPACE;
      found.push(at - document);
    }
    this.#lineFeeds ??= new Map();
    this.#lineFeeds.set(this.#idFrom(document - ACTION_BYTES), found);
  }

  #moreStarts(): void {
    const more = new Uint32Array(this.#starts.length * 2);
    more.set(this.#starts);
    this.#starts = more;
  }

  #idFrom(start: number): string {
    return this.#bytes.toString('latin1', start + ID_AT, start + ID_AT + ID_BYTES);
  }

  #end(item: number): number {
    return item + 1 < this.#count ? this.#starts[item + 1]! : this.#at;
  }

  id(item: number): string {
    return this.#idFrom(this.#starts[item]!);
  }

  offset(item: number): number {
    return parseDocumentId(this.id(item))!.offset;
  }

  ids(): string[] {
    return Array.from({ length: this.#count }, (_, item) => this.id(item));
  }

  /** The document as it was sent; a view. */
  document(item: number): Buffer {
    return this.#bytes.subarray(this.#starts[item]! + ACTION_BYTES, this.#end(item) - 1);
  }

  /** A copy of the value as it came. */
  value(item: number): Buffer {
    const value = Buffer.from(this.document(item));
    for (const at of this.#lineFeeds?.get(this.id(item)) ?? []) value[at] = LF;
    return value;
  }

  /** Whose record an item is. */
  owner(item: number): PartitionProgress {
    return this.spans.find(({ first, count }) => item >= first && item < first + count)!.owner;
  }

  /** Takes out what is settled; gives how many of each, without those of partitions that are lost. */
  settle(as: (item: number) => Settlement | null): Record<Settlement, number> {
    const counts = { written: 0, present: 0, refused: 0 };
    let span = 0;
    this.#keep((item) => {
      const settlement = as(item);
      if (settlement === null) return true;
      while (item >= this.spans[span]!.first + this.spans[span]!.count) span++;
      const { owner } = this.spans[span]!;
      if (!owner.lost) {
        counts[settlement]++;
        owner.unsettled--;
      }
      return false;
    });
    return counts;
  }

  /** Keeps only the items that `keeps` says; asks in order, and before any is moved that comes behind. Spans are all kept. */
  #keep(keeps: (item: number) => boolean): void {
    let [at, kept] = [0, 0];
    for (const span of this.spans) {
      const last = span.first + span.count;
      const first = kept;
      for (let item = span.first; item < last; item++) {
        if (!keeps(item)) continue;
        const [from, to] = [this.#starts[item]!, this.#end(item)];
        if (at < from) this.#bytes.copyWithin(at, from, to);
        this.#starts[kept++] = at;
        at += to - from;
      }
      span.first = first;
      span.count = kept - first;
    }
    this.#count = kept;
    this.#at = at;
  }

  /** Takes the records of partitions that are lost out of it. */
  dropLost(): void {
    const lost = this.spans.filter(({ owner }) => owner.lost);
    if (lost.length === 0) return;
    this.#keep((item) => !lost.some(({ first, count }) => item >= first && item < first + count));
    this.spans = this.spans.filter(({ owner }) => !owner.lost);
  }

  /** Empty again. */
  reset(): void {
    this.#at = 0;
    this.#count = 0;
    this.spans = [];
    this.suspect = false;
    this.anywhere = false;
    this.#lineFeeds = null;
  }
}
