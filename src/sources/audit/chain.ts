/**
 * The chains of all streams, the ids and producers that are known: what a request becomes, decided on a draft.
 *
 *   state (on the medium) + draft (this group) -> decide each request -> sections to write -> written: the draft is the state
 *                                                                                          '-> failed: it is thrown away
 *
 * Groups are decided one after the other. So a number is never given twice, and what comes again meets a first copy that
 * is on the medium, was thrown away, or is in the same group.
 */

import {
  type AuditLink,
  auditRecord,
  LINK_BYTES,
  recordHash,
  twentyDigits,
  writeLink,
  ZEROS,
} from '../../audit/record.ts';
import { randomBytes } from '../../builtin.ts';
import type { Stream } from '../../core/batch.ts';
import type { LogSection } from '../../core/durable-log.ts';
import { MAX_BLOCK_BYTES } from '../../core/pool.ts';
import { frameRecord } from '../../records/record-batch.ts';
import type { AuditEvent } from './event.ts';
import { idKey, type KnownEvent, type RecentIds } from './ids.ts';
import { AuditRefusal } from './refusal.ts';

/** What of a stream is on the medium. */
export interface StreamState {
  readonly name: string;
  /** 16 hex digits. */
  readonly id: string;
  /** Of the last event; 0: none came yet. */
  sequence: number;
  /** Its hash. */
  head: Buffer;
  sealed: SealedState;
}

/** How far a stream is sealed. */
export interface SealedState {
  to: number;
  /** When it was sealed last, or began, milliseconds since the epoch. */
  time: number;
  /** Hash of the last seal, hex. */
  previous: string;
  /** The key of the next one, hex; null: there was none yet. */
  key: string | null;
}

export interface ProducerState {
  epoch: number;
  /** Number of the last event. */
  last: number;
}

/** `Runnel-Producer`: who numbers its events itself. */
export interface ProducerPosition {
  id: string;
  epoch: number;
  /** Of the first event. */
  sequence: number;
}

export interface AuditRequest {
  stream: string;
  events: readonly AuditEvent[];
  /** Lines of the events, of NDJSON. */
  lines: readonly number[] | null;
  producer: ProducerPosition | null;
  /** Who sent it, as it is recorded. */
  peer: string;
}

/** What became of a request. `first` and `last` are null where the events are known, and their numbers are not any more. */
export interface TakenEvents {
  stream: string;
  first: number | null;
  last: number | null;
  hash: string | null;
  duplicate: boolean;
}

/** A line of a file, as the record that it is: [from, to) are the bytes of the file that it came from. */
export interface AuditLine {
  bytes: Buffer;
  /** The file's id in its records. */
  file: string;
  path: string;
  from: number;
  to: number;
}

export interface ChainsOptions {
  /** Whose records they are, with the stream's name as key; in the books of this input. */
  streamOf(name: string, input: string): Stream;
  /** A seal of a stream up to its last event, and what of the stream is so then. */
  seal(state: StreamState, time: string): { value: Buffer; sealed: SealedState };
  /** So many events have a seal. */
  sealEvery: number;
}

const MOST_STREAMS = 1000;
/** That are known: who was forgotten, being the one that sent nothing for longest, is told to begin anew (409). */
const MOST_PRODUCERS = 10_000;
/** Files that were read last: those of earlier ones are not read again. */
const MOST_FILES = 100_000;
const INTAKE = 'audit';
/** Around an event in a block: its link, its key and headers, the lengths; not less than that, and hardly more. */
const AROUND_EVENT = LINK_BYTES + 640;

interface Draft {
  streams: Map<string, StreamState>;
  /** Of them those that are new. */
  begun: number;
  ids: Map<string, KnownEvent & { key: Buffer }>;
  producers: Map<string, ProducerState>;
  files: Map<string, number>;
  sections: Map<string, Section[]>;
  silent: boolean;
}

interface Section {
  input: string;
  count: number;
  items: number;
  bytes: number;
  /** Nothing more goes there. */
  full: boolean;
  records: Buffer[];
}

export class Chains {
  readonly streams = new Map<string, StreamState>();
  /** By stream and id; who has not moved for longest is the first. */
  readonly producers = new Map<string, ProducerState>();
  /** By the id of a file: up to where its lines are in the chain. */
  readonly files = new Map<string, number>();
  readonly ids: RecentIds;
  readonly #o: ChainsOptions;
  #draft: Draft = emptyDraft();
  readonly #scratch = Buffer.allocUnsafeSlow(16 << 10);

  constructor(ids: RecentIds, options: ChainsOptions) {
    this.ids = ids;
    this.#o = options;
  }

  /** What this request becomes, as part of the draft. Throws an AuditRefusal, and then nothing of it is in the draft. */
  decide(request: AuditRequest, time: string, keys = idKeys(request)): TakenEvents {
    const { stream: name, events, producer } = request;
    const from = producer ? this.#knownOf(request, producer) : 0;
    const known = keys.map((key) => this.#known(key));
    this.#refuseChanged(request, known, from);
    const fresh = events
      .keys()
      .filter((i) => i >= from && known[i] === null)
      .toArray();
    if (!producer && fresh.length > 0 && fresh.length < events.length) throw this.#mixed(request, known);
    // It may be refused: before anything of the request is in the draft.
    if (fresh.length > 0) this.#stream(name);
    const moves = producer !== null && this.#move(request, producer);
    // What somebody else has sent is not written once more, so that no record says that the producer is past it.
    if (moves && (fresh.length === 0 || from + fresh.length < events.length)) this.#draft.silent = true;
    if (fresh.length === 0) return taken(name, known, true);
    this.#keepTogether(
      name,
      fresh.reduce((sum, i) => sum + events[i]!.bytes.length + AROUND_EVENT, 0),
    );
    for (const i of fresh) {
      const event = events[i]!;
      const sent = producer && producerHeader({ ...producer, sequence: producer.sequence + i });
      const { sequence, hash } = this.#link(name, event.bytes, time, INTAKE, [
        ['peer', request.peer],
        ...(sent ? [['producer', sent] as [string, string]] : []),
      ]);
      const key = keys[i]!;
      known[i] = { digest: event.digest, sequence, hash };
      this.#draft.ids.set(key.toString('latin1'), { key, ...known[i] });
    }
    return taken(name, known, false);
  }

  /** All of it is on the medium already: nothing is written for it. */
  knows({ producer }: AuditRequest, keys: readonly Buffer[]): boolean {
    return producer === null && keys.every((key) => this.ids.has(key));
  }

  /** Streams that the draft changes, as they are then. */
  drafted(): Iterable<StreamState> {
    return this.#draft.streams.values();
  }

  /**
   * Lines of files become part of the draft, but for those that are in the chain: what is read again after a kill is not
   * chained again. `input`: in whose books they are.
   */
  addLines(name: string, lines: readonly AuditLine[], input: string, time: string): void {
    for (const { bytes, file, path, from, to } of lines) {
      const before = this.#draft.files.get(file) ?? this.files.get(file) ?? 0;
      if (to <= before && to > from) continue;
      this.#link(name, bytes, time, input, [['peer', `file=${path}`]]);
      this.#draft.files.set(file, Math.max(before, to));
    }
  }

  /** The next record of a stream. */
  #link(
    name: string,
    bytes: Buffer,
    time: string,
    input: string,
    more: readonly [string, string][],
  ): { sequence: number; hash: Buffer } {
    const state = this.#stream(name);
    const sequence = state.sequence + 1;
    const link = { stream: state.id, time, sequence };
    const hash = recordHash(state.head, link, bytes);
    const value = this.#value(bytes, { ...link, previous: state.head.toString('hex'), hash: hash.toString('hex') });
    const headers: [string, string][] = [['stream', name], ['sequence', twentyDigits(sequence)], ...more];
    this.#add(name, value, headers, input);
    state.sequence = sequence;
    state.head = hash;
    if (sequence - state.sealed.to >= this.#o.sealEvery) this.seal(name, time);
    return { sequence, hash };
  }

  /** Seals a stream up to its last event in the draft. */
  seal(name: string, time: string): void {
    const state = this.#stream(name);
    const { value, sealed } = this.#o.seal(state, time);
    state.sealed = sealed;
    this.#add(name, value, [['stream', name]], null);
  }

  /** A stream as it is with the draft. */
  stream(name: string): StreamState | null {
    return this.#draft.streams.get(name) ?? this.streams.get(name) ?? null;
  }

  /** What is to be written of the draft, in the order of each stream. */
  sections(): LogSection[] {
    return [...this.#draft.sections].flatMap(([name, sections]) =>
      sections.map(({ input, count, items, records }) => {
        return { stream: this.#o.streamOf(name, input), count, items, records: Buffer.concat(records) };
      }),
    );
  }

  /** A record's value, where the next one is put together, too. */
  #value(client: Buffer, link: AuditLink): Buffer {
    const length = client.length - 1 + LINK_BYTES;
    if (length > this.#scratch.length) return auditRecord(client, link);
    client.copy(this.#scratch, 0, 0, client.length - 1);
    writeLink(this.#scratch, client.length - 1, link);
    return this.#scratch.subarray(0, length);
  }

  /** The draft is on the medium. */
  commit(): void {
    const { streams, ids, producers, files } = this.#draft;
    for (const [name, state] of streams) this.streams.set(name, state);
    for (const { key, ...known } of ids.values()) this.ids.add(key, known);
    for (const [name, state] of producers) this.#remember(name, state);
    for (const [file, end] of files) this.#fileTo(file, end);
    this.#draft = emptyDraft();
  }

  /** Nothing of the draft was written. */
  rollBack(): void {
    this.#draft = emptyDraft();
  }

  /** Producers are past events that are not written for them: the log does not say so. */
  get movesSilently(): boolean {
    return this.#draft.silent;
  }

  /** What the log has, at the start. */
  replay(name: string, link: AuditLink, event: ReplayedEvent, producer: string | null): void {
    const hash = Buffer.from(link.hash, 'hex');
    const now = this.streams.get(name);
    const state = now?.id === link.stream ? now : newStream(name, link.stream);
    this.streams.set(name, state);
    state.sequence = link.sequence;
    state.head = hash;
    const { id, digest, file } = event;
    if (file) this.#fileTo(file.id, Math.max(file.end, this.files.get(file.id) ?? 0));
    else if (id !== null) this.ids.add(idKey(name, id), { digest, sequence: link.sequence, hash });
    const position = producer === null ? null : readProducer(producer);
    if (position) this.#remember(`${name} ${position.id}`, { epoch: position.epoch, last: position.sequence });
  }

  /** The last that moved is the last of them. */
  #remember(key: string, state: ProducerState): void {
    this.producers.delete(key);
    this.producers.set(key, state);
    if (this.producers.size <= MOST_PRODUCERS) return;
    const [longest] = this.producers.keys();
    this.producers.delete(longest!);
  }

  #fileTo(file: string, end: number): void {
    this.files.delete(file);
    this.files.set(file, end);
    if (this.files.size > MOST_FILES) this.files.delete(this.files.keys().next().value!);
  }

  /** How many of the events the producer has sent before. */
  #knownOf({ stream, events }: AuditRequest, { id, epoch, sequence }: ProducerPosition): number {
    const now = this.#draft.producers.get(`${stream} ${id}`) ?? this.producers.get(`${stream} ${id}`);
    if (now && epoch < now.epoch) {
      const what = `an older epoch: ${id} is in epoch ${now.epoch}`;
      throw new AuditRefusal(409, 'epoch', what, { expected: now.last + 1, epoch: now.epoch });
    }
    const expected = (now?.last ?? 0) + 1;
    if (sequence > expected) throw new AuditRefusal(409, 'gap', 'events before these are missing', { expected });
    return Math.min(events.length, expected - sequence);
  }

  /** False: it is there already. */
  #move({ stream, events }: AuditRequest, { id, epoch, sequence }: ProducerPosition): boolean {
    const key = `${stream} ${id}`;
    const now = this.#draft.producers.get(key) ?? this.producers.get(key);
    const last = Math.max(now?.last ?? 0, sequence + events.length - 1);
    if (now?.epoch === epoch && now.last === last) return false;
    this.#draft.producers.set(key, { epoch, last });
    return true;
  }

  #known(key: Buffer): KnownEvent | null {
    return this.#draft.ids.get(key.toString('latin1')) ?? this.ids.get(key);
  }

  /** `from`: those before it are known by their numbers. */
  #refuseChanged(request: AuditRequest, known: readonly (KnownEvent | null)[], from: number): void {
    const { events } = request;
    const changed = known.flatMap((one, i) => (one && !one.digest.equals(events[i]!.digest) ? [i] : []));
    const inside = new Map<string, number>();
    for (let i = from; i < events.length; i++) {
      const before = inside.get(events[i]!.id);
      if (before !== undefined) changed.push(i);
      inside.set(events[i]!.id, i);
    }
    if (changed.length === 0) return;
    const what = 'the same event.id came with other bytes, or twice in one request';
    throw new AuditRefusal(409, 'changed', what, placesOf(request, changed));
  }

  #mixed(request: AuditRequest, known: readonly (KnownEvent | null)[]): AuditRefusal {
    const lines = known.flatMap((one, i) => (one ? [i] : []));
    return new AuditRefusal(409, 'mixed', 'some of the events are known, others are not', placesOf(request, lines));
  }

  #stream(name: string): StreamState {
    const drafted = this.#draft.streams.get(name);
    if (drafted) return drafted;
    const now = this.streams.get(name);
    if (!now && this.streams.size + this.#draft.begun >= MOST_STREAMS) {
      throw new AuditRefusal(429, 'streams', `there are ${MOST_STREAMS} streams already`, {}, { 'Retry-After': '60' });
    }
    const state = now ? { ...now } : newStream(name);
    if (!now) this.#draft.begun++;
    this.#draft.streams.set(name, state);
    return state;
  }

  /**
   * What comes next, of so many bytes, begins a block where it has no room in the last one: a kill leaves blocks whole, or
   * not at all, so a request that fits into one is never there in part.
   */
  #keepTogether(name: string, bytes: number): void {
    const last = this.#draft.sections.get(name)?.at(-1);
    if (last) last.full = last.bytes + bytes > MAX_BLOCK_BYTES;
  }

  /** `input`: in whose books it is; null: it is no item. */
  #add(name: string, value: Buffer, headers: readonly (readonly [string, string])[], input: string | null): void {
    const sections = this.#draft.sections.get(name) ?? [];
    this.#draft.sections.set(name, sections);
    let section = sections.at(-1);
    // With the largest delta it takes no more than this.
    const size = value.length + headers.reduce((sum, [a, b]) => sum + a.length + b.length + 12, 0) + name.length + 40;
    const others = input !== null && section?.input !== input;
    if (!section || others || section.full || section.bytes + size > MAX_BLOCK_BYTES) {
      section = { input: input ?? INTAKE, count: 0, items: 0, bytes: 0, full: false, records: [] };
      sections.push(section);
    }
    const record = frameRecord({ offsetDelta: section.count, key: name, value, headers });
    section.records.push(record);
    section.count++;
    if (input !== null) section.items++;
    section.bytes += record.length;
  }
}

/** An event that the log has. `file`: it was a line of that file, which ended there. */
export interface ReplayedEvent {
  id: string | null;
  digest: Buffer;
  file: { id: string; end: number } | null;
}

/** Under what the ids of a request's events are known. */
export function idKeys({ stream, events }: AuditRequest): Buffer[] {
  return events.map(({ id }) => idKey(stream, id));
}

export function producerHeader({ id, epoch, sequence }: ProducerPosition): string {
  return `${id};epoch=${epoch};sequence=${sequence}`;
}

const PRODUCER = /^([\w.:-]{1,128});\s*epoch=(\d{1,15});\s*sequence=(\d{1,15})$/;

/** Of a header; null: it is none. */
export function readProducer(text: string): ProducerPosition | null {
  const found = PRODUCER.exec(text.trim());
  if (!found) return null;
  const sequence = Number(found[3]);
  return sequence < 1 ? null : { id: found[1]!, epoch: Number(found[2]), sequence };
}

export function newStream(name: string, id: string = randomBytes(8).toString('hex')): StreamState {
  return {
    name,
    id,
    sequence: 0,
    head: ZEROS,
    sealed: { to: 0, time: Date.now(), previous: ZEROS.toString('hex'), key: null },
  };
}

function emptyDraft(): Draft {
  return {
    streams: new Map(),
    begun: 0,
    ids: new Map(),
    producers: new Map(),
    files: new Map(),
    sections: new Map(),
    silent: false,
  };
}

function taken(stream: string, known: readonly (KnownEvent | null)[], duplicate: boolean): TakenEvents {
  const last = known.at(-1) ?? null;
  const [first, hash] = [known[0]?.sequence ?? null, last?.hash.toString('hex') ?? null];
  return { stream, first, last: last?.sequence ?? null, hash, duplicate };
}

function placesOf({ lines, events }: AuditRequest, at: readonly number[]): { lines?: number[] } {
  return lines === null ? {} : { lines: at.map((i) => lines[i] ?? events.length) };
}
