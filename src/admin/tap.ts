/**
 * The tap: shows records to whoever listens, as they leave. It never slows the pipeline: a listener gets at most so many
 * records a second and has at most so much waiting; the rest it is told the number of. With nobody listening an offer
 * costs one comparison.
 *
 * A listener reads lines of JSON:
 *   {"topic":"runnel.logs","source":"/var/log/a.log","key":"web-1","value":{...}}    as ECS JSON, and metrics
 *   {"topic":"runnel.logs","source":"/var/log/a.log","key":"web-1","value":"the line","headers":{"host":"web-1",...}}
 *   {"skipped":120}
 *   {"unmatched":{"seconds":10,"streams":["runnel.metrics host"],"others":false}}   once, while nothing has matched
 */
import { type Batch, flagNames, iostreamName, type Stream } from '../core/batch.ts';
import type { RecordTap, TappedRecord } from '../core/input.ts';
import type { Sink } from '../http/answer.ts';
import type { Envelope, JsonEnvelope, RawEnvelope } from '../records/envelope.ts';

const RECORDS_PER_SECOND = 500;
const MAX_WAITING_BYTES = 1 << 20;
const MAX_LISTENERS = 8;
/** One that did not take all that it was sent for so many seconds makes room for another. */
const STUCK = 5;
/** One that saw nothing for so many seconds is told what it would have seen. */
const UNMATCHED = 10;
/** Of so many streams, whatever there is. */
const MAX_SEEN = 20;

/** What a pattern is compared with. */
type Tapped = Pick<Stream, 'topic' | 'name'> & { account: { input: string } };

class Listener {
  readonly sink: Sink;
  readonly matches: (stream: Tapped) => boolean;
  left = RECORDS_PER_SECOND;
  skipped = 0;
  /** Streams that it does not want, until one came that it does, or it was told of these. */
  unwanted: Set<string> | null = new Set();
  seconds = 0;
  /** Seconds in which something waited for it. */
  stuck = 0;

  constructor(sink: Sink, matches: (stream: Tapped) => boolean) {
    this.sink = sink;
    this.matches = matches;
  }
}

export class Tap implements RecordTap {
  /** False: nobody listens. */
  active = false;
  readonly #listeners = new Set<Listener>();
  #timer: NodeJS.Timeout | undefined;

  /** Whether there may be one more; who does not listen any more is let go for it. */
  hasRoom(): boolean {
    if (this.#listeners.size < MAX_LISTENERS) return true;
    const [first] = [...this.#listeners].sort((a, b) => b.stuck - a.stuck);
    if (first!.stuck < STUCK) return false;
    this.#listeners.delete(first!);
    first!.sink.destroy();
    return true;
  }

  /** Shows what matches the pattern until the returned function is called. */
  listen(sink: Sink, pattern: string | null): () => void {
    const listener = new Listener(sink, matcher(pattern));
    this.#listeners.add(listener);
    this.active = true;
    this.#timer ??= setInterval(() => this.#second(), 1000).unref();
    return () => {
      this.#listeners.delete(listener);
      this.active = this.#listeners.size > 0;
      if (this.active) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /** Looks at a batch before it is packed; keeps nothing of it. */
  offer(batch: Batch): void {
    if (!this.active || batch.count === 0) return;
    for (const listener of this.#listeners) {
      const { unwanted } = listener;
      if (listener.matches(batch.stream)) {
        listener.unwanted = null;
        show(listener, batch);
      } else if (unwanted && unwanted.size <= MAX_SEEN) unwanted.add(`${batch.stream.topic} ${batch.stream.name}`);
    }
  }

  /** Records that are in no batch, made as they are looked at; none is made where nobody wants them. */
  show(stream: Stream, records: Iterable<TappedRecord>): void {
    if (!this.active) return;
    let made: string[] | null = null;
    for (const listener of this.#listeners) {
      const { unwanted, sink } = listener;
      if (!listener.matches(stream)) {
        if (unwanted && unwanted.size <= MAX_SEEN) unwanted.add(`${stream.topic} ${stream.name}`);
        continue;
      }
      listener.unwanted = null;
      made ??= [...records].map((record) => lineOf(stream, record));
      const room = sink.writableLength < MAX_WAITING_BYTES ? listener.left : 0;
      const shown = made.slice(0, room);
      listener.left -= shown.length;
      listener.skipped += made.length - shown.length;
      if (shown.length > 0) sink.write(shown.join(''));
    }
  }

  #second(): void {
    for (const listener of this.#listeners) {
      listener.left = RECORDS_PER_SECOND;
      listener.stuck = listener.sink.writableLength > 0 ? listener.stuck + 1 : 0;
      tellUnmatched(listener);
      if (listener.skipped === 0 || listener.sink.writableLength >= MAX_WAITING_BYTES) continue;
      listener.sink.write(`{"skipped":${listener.skipped}}\n`);
      listener.skipped = 0;
    }
  }
}

function lineOf({ topic, name }: Stream, { key, value, headers }: TappedRecord): string {
  const about = `{"topic":${JSON.stringify(topic)},"source":${JSON.stringify(name)},"key":${JSON.stringify(key)}`;
  return `${about},"value":${value}${headers ? `,"headers":${JSON.stringify(headers)}` : ''}}\n`;
}

function tellUnmatched(listener: Listener): void {
  const { unwanted, sink } = listener;
  // The first second may have been a short one.
  if (!unwanted || ++listener.seconds <= UNMATCHED) return;
  listener.unwanted = null;
  const streams = [...unwanted].slice(0, MAX_SEEN).sort();
  sink.write(`${JSON.stringify({ unmatched: { seconds: UNMATCHED, streams, others: unwanted.size > MAX_SEEN } })}\n`);
}

/** What goes into a topic of this name of the agent's own. */
const TOPIC_KINDS = ['events', 'traces', 'audit', 'alerts'];

/** Words that stand for all records of a kind, whatever the topics are called. Anything else is a pattern. */
const SHORTHANDS: Record<string, (stream: Tapped) => boolean> = {
  logs: isLog,
  metrics: (stream) => !isLog(stream) && !TOPIC_KINDS.some((kind) => stream.topic.endsWith(`.${kind}`)),
  events: ({ topic }) => topic.endsWith('.events'),
  traces: ({ topic }) => topic.endsWith('.traces'),
};

function isLog({ account }: Tapped): boolean {
  return account.input.startsWith('logs.');
}

/** A pattern with `*` matches a whole topic, source (a path) or input; without, any part of one. */
export function matcher(pattern: string | null): (stream: Tapped) => boolean {
  if (pattern === null || pattern === '') return () => true;
  if (Object.hasOwn(SHORTHANDS, pattern)) return SHORTHANDS[pattern]!;
  const parts = pattern.split(/\*+/);
  const matches =
    parts.length === 1 ? (text: string) => text.includes(pattern) : (text: string) => hasInOrder(text, parts);
  return ({ topic, name, account }) => matches(topic) || matches(name) || matches(account.input);
}

/** Begins with the first of the parts, ends with the last, and has the others in between: each is taken where it first is. */
function hasInOrder(text: string, parts: readonly string[]): boolean {
  const first = parts[0]!;
  const last = parts.at(-1)!;
  const end = text.length - last.length;
  let at = first.length;
  if (at > end || !text.startsWith(first) || !text.endsWith(last)) return false;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    at = found + part.length;
    if (found < 0 || at > end) return false;
  }
  return true;
}

function show(listener: Listener, batch: Batch): void {
  const envelope = batch.stream.envelope();
  const { topic, name, key } = batch.stream;
  const head = `{"topic":${JSON.stringify(topic)},"source":${JSON.stringify(name)},"key":${JSON.stringify(key)},"value":`;
  const room = MAX_WAITING_BYTES - listener.sink.writableLength;
  let text = '';
  let i = 0;
  for (; i < batch.count && listener.left > 0 && text.length < room; i++) {
    listener.left--;
    text += `${head}${recordText(batch, i, envelope)}}\n`;
  }
  if (i > 0) listener.sink.write(text);
  listener.skipped += batch.count - i;
}

/** The record's value as JSON text, with `,"headers":{...}` where it has some. */
function recordText(batch: Batch, i: number, envelope: Envelope): string {
  const shown = batch.rows ? batch.stream.fields?.show(batch, i) : null;
  if (shown) return shown;
  const { bytes, bytesAt, starts, ends } = batch.slot;
  const text = bytes.toString('utf8', starts[i]! - bytesAt, ends[i]! - bytesAt);
  if (envelope.kind === 'value') return text;
  return envelope.kind === 'json' ? jsonText(batch, i, envelope, text) : rawText(batch, i, envelope, text);
}

function jsonText(batch: Batch, i: number, envelope: JsonEnvelope, line: string): string {
  const { source, length } = batch.slot;
  const skipped = skippedBefore(batch, i);
  const bits = batch.slot.flags[i]!;
  const flags = flagNames(bits);
  const iostream = iostreamName(bits);
  return [
    `{"@timestamp":"${new Date(batch.time).toISOString()}${envelope.before}${JSON.stringify(line).slice(1, -1)}`,
    `${envelope.offset}${batch.from + source[i]!},"length":${length[i]}`,
    skipped > 0 ? `,"skipped":${skipped}` : '',
    flags.length > 0 ? `,"flags":${JSON.stringify(flags)}` : '',
    iostream === null ? '' : `,"iostream":"${iostream}"`,
    `${envelope.after}`,
  ].join('');
}

function rawText(batch: Batch, i: number, envelope: RawEnvelope, line: string): string {
  const { source, length } = batch.slot;
  const headers: Record<string, string> = {};
  let at = 0;
  for (let h = 0; h < envelope.headerCount; h++) {
    const name = textAt(envelope.headers, at);
    const value = textAt(envelope.headers, name.end);
    headers[name.text] = value.text;
    at = value.end;
  }
  headers.offset = String(batch.from + source[i]!);
  headers.length = String(length[i]);
  const skipped = skippedBefore(batch, i);
  if (skipped > 0) headers.skipped = String(skipped);
  const bits = batch.slot.flags[i]!;
  const flags = flagNames(bits);
  const iostream = iostreamName(bits);
  if (flags.length > 0) headers.flags = flags.join(',');
  if (iostream !== null) headers.iostream = iostream;
  return `${JSON.stringify(line)},"headers":${JSON.stringify(headers)}`;
}

/** Bytes of the source that were left out before record i. */
function skippedBefore({ slot, skipped }: Batch, i: number): number {
  return slot.source[i]! - (i === 0 ? -skipped.before : slot.source[i - 1]! + slot.length[i - 1]!);
}

/** A text with its zigzag varint length before it, as record headers carry it. */
function textAt(buffer: Buffer, at: number): { text: string; end: number } {
  let length = 0;
  let scale = 1;
  for (;;) {
    const byte = buffer[at++]!;
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
    scale *= 128;
  }
  const end = at + length / 2;
  return { text: buffer.toString('utf8', at, end), end };
}
