/**
 * The chains of all streams, the ids and producers that are known: what a request becomes, decided on a draft.
 *
 *   state (on the medium) + draft (this group) -> decide each request -> sections to write -> written: the draft is the state
 *                                                                                          '-> failed: it is thrown away
 *
 * Groups are decided one after the other. So a number is never given twice, and what comes again meets a first copy that
 * is on the medium, was thrown away, or is in the same group.
 */
import { type AuditLink, LINK_BYTES, recordHash, writeLink } from '../../audit/record.ts';
import type { Stream } from '../../core/batch.ts';
import type { LogSection } from '../../core/durable-log.ts';
import { encodedHeaders } from '../../records/record-batch.ts';
import { idKey, type KnownEvent, type RecentIds } from './ids.ts';
import { AuditProducers, type ProducerPosition, producerHeader, readProducer } from './producers.ts';
import { RecordHeaders } from './record-headers.ts';
import { AuditRefusal } from './refusal.ts';
import { type AuditLine, type AuditRequest, idKeys, linesAt, type TakenEvents, takenEvents } from './request.ts';
import { AROUND_EVENT, INTAKE, Sections } from './sections.ts';
import { newStream, type SealedState, type StreamState } from './stream-state.ts';

export interface ChainsOptions {
  /** Whose records they are, with the stream's name as key; in the books of this input. */
  streamOf(name: string, input: string): Stream;
  /** A seal of a stream up to its last event, and what of the stream is so then. */
  seal(state: StreamState, time: string): { value: Buffer; sealed: SealedState };
  /** So many events have a seal. */
  sealEvery: number;
  /** The configuration names it: it always has room, and is never ended. */
  named(stream: string): boolean;
  /** It has made room for another, and begins anew where it comes again. */
  ended(stream: string): void;
}

/** Those that the configuration names always have room. */
const MOST_STREAMS = 1000;
/** Files that were read last: those of earlier ones are not read again. */
const MOST_FILES = 100_000;
/** Whose headers are kept. */
const MOST_PEERS = 256;

interface Draft {
  streams: Map<string, StreamState>;
  /** Of them those that are new. */
  begun: number;
  /** Those that make room for them. */
  ended: Set<string>;
  ids: Map<string, KnownEvent>;
  files: Map<string, number>;
  sections: Sections;
  seals: number;
  silent: boolean;
}

export class Chains {
  /** By their names; that which had no event for longest is the first. */
  readonly streams = new Map<string, StreamState>();
  readonly producers = new AuditProducers();
  /** By the id of a file: up to where its lines are in the chain. */
  readonly files = new Map<string, number>();
  readonly ids: RecentIds;
  /** That were written. */
  seals = 0;
  readonly #o: ChainsOptions;
  readonly #headers = new Map<string, RecordHeaders>();
  #draft: Draft = emptyDraft();

  constructor(ids: RecentIds, options: ChainsOptions) {
    this.ids = ids;
    this.#o = options;
  }

  /** What this request becomes, as part of the draft. Throws an AuditRefusal, and then nothing of it is in the draft. */
  decide(request: AuditRequest, time: string, keys = idKeys(request)): TakenEvents {
    const { stream: name, events, producer } = request;
    const from = producer ? this.producers.knownOf(request, producer) : 0;
    const known = keys.map((key) => this.#known(key));
    this.#refuseChanged(request, known, from, keys);
    const fresh: number[] = [];
    for (let i = from; i < events.length; i++) if (known[i] === null) fresh.push(i);
    if (!producer && fresh.length > 0 && fresh.length < events.length) throw this.#mixed(request, known);
    // It may be refused: before anything of the request is in the draft.
    if (fresh.length > 0) this.#stream(name);
    // What somebody else has sent is not written once more, so that no record says that the producer is past it.
    const others = from + fresh.length < events.length;
    const moves = producer !== null && this.producers.move(request, producer, this.ids, others);
    if (moves && (fresh.length === 0 || others)) this.#draft.silent = true;
    if (fresh.length === 0) return takenEvents(name, known, true);
    const bytes = fresh.reduce((sum, i) => sum + events[i]!.bytes.length + AROUND_EVENT, 0);
    this.#draft.sections.together(name, bytes, () => {
      const state = this.#stream(name);
      const alike = producer ? null : this.#headersOf(name, request.peer);
      for (const i of fresh) {
        const event = events[i]!;
        const headers = alike ?? new RecordHeaders(name, request.peer, producerOf(producer!, i));
        const { sequence, hash } = this.#link(state, event.bytes, time, INTAKE, headers);
        known[i] = { digest: event.digest, sequence, hash };
        this.#draft.ids.set(keys[i]!, known[i]);
      }
    });
    return takenEvents(name, known, false);
  }

  /** Of records of this stream from this peer, as they were made for its last request. */
  #headersOf(stream: string, peer: string): RecordHeaders {
    const last = this.#headers.get(peer);
    if (last?.stream === stream) return last;
    if (this.#headers.size >= MOST_PEERS) this.#headers.clear();
    const headers = new RecordHeaders(stream, peer);
    this.#headers.set(peer, headers);
    return headers;
  }

  /** All of it is on the medium already: nothing is written for it. */
  knows({ producer }: AuditRequest, keys: readonly string[]): boolean {
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
      const state = this.#stream(name, true);
      this.#link(state, bytes, time, input, new RecordHeaders(name, `file=${path}`));
      this.#draft.files.set(file, Math.max(before, to));
    }
  }

  /** The next record of a stream. */
  #link(
    state: StreamState,
    bytes: Buffer,
    time: string,
    input: string,
    headers: RecordHeaders,
  ): { sequence: number; hash: string } {
    const { id: stream, name, head: previous } = state;
    const sequence = state.sequence + 1;
    const link: AuditLink = { stream, sequence, time, previous, hash: '' };
    link.hash = recordHash(previous, link, bytes);
    const last = bytes.length - 1;
    this.#draft.sections.add(name, last + LINK_BYTES, headers.of(sequence), input, (record, at) => {
      bytes.copy(record, at, 0, last);
      writeLink(record, at + last, link);
    });
    state.sequence = sequence;
    state.head = link.hash;
    if (sequence - state.sealed.to >= this.#o.sealEvery) this.seal(name, time);
    return { sequence, hash: link.hash };
  }

  /** Seals a stream up to its last event in the draft; one that has ended meanwhile is sealed. */
  seal(name: string, time: string): void {
    if (!this.stream(name)) return;
    const state = this.#stream(name);
    const { value, sealed } = this.#o.seal(state, time);
    state.sealed = sealed;
    this.#draft.seals++;
    this.#draft.sections.add(name, value.length, encodedHeaders([['stream', name]]), null, (record, at) => {
      value.copy(record, at);
    });
  }

  /** A stream as it is with the draft. */
  stream(name: string): StreamState | null {
    return this.#draft.streams.get(name) ?? this.streams.get(name) ?? null;
  }

  /** What is to be written of the draft, in the order of each stream. */
  sections(): LogSection[] {
    return this.#draft.sections.all(this.#o.streamOf);
  }

  /** The draft is on the medium. */
  commit(): void {
    const { streams, ids, files, ended, seals } = this.#draft;
    for (const [name, state] of streams) {
      if (state.sequence !== this.streams.get(name)?.sequence) this.streams.delete(name);
      this.streams.set(name, state);
    }
    for (const name of ended) {
      this.streams.delete(name);
      this.#o.ended(name);
    }
    for (const [key, known] of ids) this.ids.add(key, known);
    this.producers.commit();
    this.seals += seals;
    for (const [file, end] of files) this.#fileTo(file, end);
    this.#draft = emptyDraft();
  }

  /** Nothing of the draft was written. */
  rollBack(): void {
    this.producers.rollBack();
    this.#draft = emptyDraft();
  }

  /** Producers are past events that are not written for them: the log does not say so. */
  get movesSilently(): boolean {
    return this.#draft.silent;
  }

  /** What the log has, at the start. */
  replay(name: string, link: AuditLink, event: ReplayedEvent, producer: string | null): void {
    const now = this.streams.get(name);
    const state = now?.id === link.stream ? now : newStream(name, link.stream);
    this.streams.delete(name);
    this.streams.set(name, state);
    if (event.file) state.files = true;
    state.sequence = link.sequence;
    state.head = link.hash;
    const { id, digest, file } = event;
    if (file) this.#fileTo(file.id, Math.max(file.end, this.files.get(file.id) ?? 0));
    else if (id !== null) this.ids.add(idKey(name, id), { digest, sequence: link.sequence, hash: link.hash });
    const position = producer === null ? null : readProducer(producer);
    if (position) this.producers.replay(name, position, this.ids);
  }

  #fileTo(file: string, end: number): void {
    this.files.delete(file);
    this.files.set(file, end);
    if (this.files.size > MOST_FILES) this.files.delete(this.files.keys().next().value!);
  }

  #known(key: string): KnownEvent | null {
    const { ids } = this.#draft;
    return (ids.size > 0 ? ids.get(key) : undefined) ?? this.ids.get(key);
  }

  /** `from`: those before it are known by their numbers. */
  #refuseChanged(
    request: AuditRequest,
    known: readonly (KnownEvent | null)[],
    from: number,
    keys: readonly string[],
  ): void {
    const { events, stream, producer } = request;
    // Most are new, and each of another id.
    const distinct = keys.length === 1 || new Set(keys).size === keys.length;
    if (distinct && !producer && known.every((one) => one === null)) return;
    const changed = known.flatMap((one, i) => (one && one.digest !== events[i]!.digest ? [i] : []));
    if (producer) {
      const after = this.producers.idsKnownAfter(stream, producer, this.ids.oldest);
      for (let i = 0; i < from; i++) if (!known[i] && producer.sequence + i > after) changed.push(i);
    }
    const inside = new Map<string, number>();
    for (let i = from; i < events.length; i++) {
      const before = inside.get(events[i]!.id);
      if (before !== undefined) changed.push(i);
      inside.set(events[i]!.id, i);
    }
    if (changed.length === 0) return;
    const what = 'the same event.id, or number of a producer, came with another event, or twice in one request';
    throw new AuditRefusal(409, 'changed', what, linesAt(request, changed));
  }

  #mixed(request: AuditRequest, known: readonly (KnownEvent | null)[]): AuditRefusal {
    const lines = known.flatMap((one, i) => (one ? [i] : []));
    return new AuditRefusal(409, 'mixed', 'some of the events are known, others are not', linesAt(request, lines));
  }

  /** Of the draft, to be changed. `files`: lines of files go there. */
  #stream(name: string, files = false): StreamState {
    const drafted = this.#draft.streams.get(name);
    if (drafted) return drafted;
    const now = this.streams.get(name);
    if (now) this.#draft.ended.delete(name);
    else {
      if (!files && !this.#o.named(name)) this.#makeRoom();
      this.#draft.begun++;
    }
    const state = now ? { ...now } : newStream(name);
    if (files) state.files = true;
    this.#draft.streams.set(name, state);
    return state;
  }

  /** For another stream. Whoever may open the socket may begin some: those that are used must not have to wait for them. */
  #makeRoom(): void {
    const { begun, ended, streams } = this.#draft;
    if (this.streams.size + begun - ended.size < MOST_STREAMS) return;
    for (const { name, sequence, sealed, files } of this.streams.values()) {
      // What comes after the last seal is proven by the next one.
      const rests = sequence === sealed.to && !files && !streams.has(name) && !ended.has(name);
      if (!rests || this.#o.named(name)) continue;
      ended.add(name);
      return;
    }
    const what = `there are ${MOST_STREAMS} streams, and none of them rests: name those that may be written in audit.streams`;
    throw new AuditRefusal(429, 'streams', what, {}, { 'Retry-After': '60' });
  }
}

/** Of its event `i`, as it is recorded. */
function producerOf(position: ProducerPosition, i: number): string {
  return producerHeader({ ...position, sequence: position.sequence + i });
}

/** An event that the log has. `file`: it was a line of that file, which ended there. */
export interface ReplayedEvent {
  id: string | null;
  digest: string;
  file: { id: string; end: number } | null;
}

function emptyDraft(): Draft {
  return {
    streams: new Map(),
    begun: 0,
    ended: new Set(),
    ids: new Map(),
    files: new Map(),
    sections: new Sections(),
    seals: 0,
    silent: false,
  };
}
