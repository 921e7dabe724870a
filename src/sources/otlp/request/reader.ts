/**
 * Takes requests apart, one after the other: each is in the kernel's memory until it is closed.
 *
 *   read -> error? answer : room for `bytes`? -> accept -> pack until it is null -> close
 *
 * What takes long is done in slices, between which the event loop has its turn.
 */
import { setImmediate } from 'node:timers/promises';
import { copyInto } from '../../../core/copy.ts';
import { REQUESTS } from '../../../kernel/otlp/schema.ts';
import { OtlpSpans } from '../../../kernel/otlp/spans.ts';
import { OtlpKernel, WALK_ASK, WALK_DONE, WALK_MORE } from '../../../kernel/otlp.ts';
import type { Signal, TracesOptions } from '../options.ts';
import { Red } from '../red/red.ts';
import { SpanMetrics, type SpanMetricsOptions } from '../red/span-metrics.ts';
import { attributesOfRules } from '../sampling/rules.ts';
import { Sampler } from '../sampling/sampler.ts';
import { readState, weightOf } from '../sampling/threshold.ts';
import { GROWTH, SpanDocuments } from './documents.ts';
import { FITS, fitItems } from './fit.ts';
import { Framing, headersOf } from './framing.ts';
import { bitsOfText } from './json.ts';
import {
  hasTooMany,
  isTooLarge,
  largerAsProtobuf,
  NO_VALUE,
  tooMany,
  tooMuch,
  whyNoJson,
  whyWrong,
} from './reasons.ts';
import { Signatures } from './signatures.ts';

export type RequestContent = 'protobuf' | 'json';

export interface ReaderOptions {
  /** Bytes of a request, inflated. */
  maxRequest: number;
  host: string;
  traces: Pick<TracesOptions, 'key' | 'encoding' | 'metrics' | 'sampling'>;
  /** Of documents: `tags` of the configuration. */
  labels?: Readonly<Record<string, string>>;
  /** Milliseconds, of a clock that does not step. */
  clock?: () => number;
}

/** What became of a request's items: spans, data points, log records. */
export interface RequestCounts {
  received: number;
  /** Left out: their ids are none. */
  invalid: number;
  /** Sampled away. */
  filtered: number;
  filteredBy: ReadonlyMap<string, number>;
  /** Bytes of text that were not UTF-8, and are `?`. */
  sanitized: number;
  /** Cut to fit into a record. */
  cut: number;
  /** Metrics that became several, each with some of its points. */
  split: number;
}

export interface OtlpRequest {
  /** A sentence: nothing of it was taken. null: it is good. */
  readonly error: string | null;
  /** `error` is about its size. */
  readonly tooLarge: boolean;
  readonly counts: RequestCounts;
  /** What is told of what was left out; '': all was taken. */
  readonly message: string;
  /** The bytes of its records, at most; 0: there are none. */
  readonly bytes: number;
  /** Its spans count for metrics. Once, when it is known that it will be kept. */
  accept(): Promise<void>;
  /**
   * The next records as they stand in a record batch, numbered from `delta`, in at most `room` bytes; null: there are no
   * more. `count` 0: the next one needs more room; MAX_BLOCK_BYTES is always enough. `bytes` is good until the next call
   * here; `items` is what the records weigh.
   */
  pack(delta: number, room: number): { count: number; items: number; bytes: Buffer } | null;
  /** The next request can be read. */
  close(): void;
}

/** Fields, and items, that are done at once: a millisecond or two. */
const SLICE_FIELDS = 100_000;
const SLICE_ITEMS = 20_000;
/** What takes JavaScript microseconds: spans that are like none before, numbers that are written in a rare way. */
const SLICE_SPANS = 2000;
const SLICE_ASKED = 1000;
/** Requests that are read one behind the other, milliseconds: the event loop has its turn then. */
const SLICE_MS = 3;
/** A request becomes at most so many times as many bytes as it may have. */
const MOST_FRAMED = 4;

export class OtlpReader {
  readonly #maxRequest: number;
  readonly #kernel: OtlpKernel;
  readonly #framing: Framing;
  /** Spans are documents; null: they are protobuf. */
  readonly #documents: SpanDocuments | null = null;
  readonly #spans: OtlpSpans;
  readonly #signatures: Signatures | null;
  readonly #sampler: Sampler | null;
  /** Metrics of the spans; null: they are off. */
  readonly red: Red | null;
  /** Resolves when the request before is closed. */
  #free: Promise<void> = Promise.resolve();
  /** When the event loop had its turn last, as far as is known here. */
  #turned = 0;
  /** Requests that wait for the one before. */
  queued = 0;

  constructor({ maxRequest, host, traces, labels = {}, clock = () => performance.now() }: ReaderOptions) {
    const { key, encoding, metrics, sampling } = traces;
    this.#maxRequest = maxRequest;
    const attributes = [...new Set([...metrics.attributes, ...attributesOfRules(sampling.rules)])];
    this.#kernel = new OtlpKernel(maxRequest, attributes);
    this.#framing = new Framing(host, key);
    const { longest } = this.#framing.of('traces').job;
    this.#spans = new OtlpSpans(this.#kernel);
    if (encoding === 'json') {
      const headers = headersOf({ 'content-type': 'application/json', host, signal: 'traces' });
      this.#documents = new SpanDocuments(this.#spans, { host, labels, key, longest, headers });
    }
    this.red = metrics.enabled ? new Red(metrics) : null;
    this.#sampler = Sampler.keepsAll(sampling) ? null : new Sampler(sampling, clock);
    const asked = this.red || this.#sampler;
    this.#signatures = asked ? new Signatures(this.#kernel, this.#spans, attributes, this.red, this.#sampler) : null;
  }

  /** What brings the metrics of the spans to where they go; null: they are off. */
  spanMetrics(options: SpanMetricsOptions): SpanMetrics | null {
    return this.red && new SpanMetrics(this.red, options);
  }

  /** `body`: in pieces as it came, inflated, together at most `maxRequest` bytes. Rejects with the signal's reason. */
  async read(
    signal: Signal,
    content: RequestContent,
    body: Uint8Array | readonly Uint8Array[],
    stop?: AbortSignal,
  ): Promise<OtlpRequest> {
    const before = this.#free;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#free = promise;
    this.queued++;
    await before;
    this.queued--;
    if (performance.now() - this.#turned > SLICE_MS) {
      await setImmediate();
      this.#turned = performance.now();
    }
    try {
      stop?.throwIfAborted();
      return await this.#read(signal, content, body instanceof Uint8Array ? [body] : body, resolve);
    } catch (error) {
      resolve();
      throw error;
    }
  }

  async #read(
    signal: Signal,
    content: RequestContent,
    body: readonly Uint8Array[],
    close: () => void,
  ): Promise<OtlpRequest> {
    const kernel = this.#kernel;
    let at = content === 'json' ? kernel.textAt : kernel.requestAt;
    const from = at;
    for (const piece of body) {
      copyInto(kernel.bytes, at, piece);
      at += piece.length;
    }
    let size = at - from;
    let sanitized = 0;
    if (content === 'json') {
      sanitized = kernel.beginJson(size, REQUESTS[signal]);
      const wrong = await this.#convert(signal);
      if (wrong) return refused(wrong.error, wrong.tooLarge, close);
      size = kernel.converted;
    }
    kernel.beginWalk(size, REQUESTS[signal]);
    let said = kernel.walk(SLICE_FIELDS);
    for (; said === WALK_MORE; said = kernel.walk(SLICE_FIELDS)) await setImmediate();
    if (said !== WALK_DONE) return this.#wrong(signal, close);
    const filteredBy = new Map<string, number>();
    const weights = signal === 'traces' ? await this.#judge(filteredBy) : NO_WEIGHTS;
    const { job, how, around } = this.#framing.of(signal);
    const large = size > job.longest;
    const { wide, cut, split, left } = large ? await fitItems(kernel, signal, job.longest) : FITS;
    if (wide) return refused(wide, true, close);
    kernel.beginGroups();
    while (!kernel.group(how, SLICE_ITEMS, around)) await setImmediate();
    const { bytes: grouped, items } = kernel.grouped;
    const documents = signal === 'traces' ? this.#documents : null;
    documents?.begin();
    const bytes = documents ? documents.bytes : grouped;
    const most = MOST_FRAMED * this.#maxRequest * (documents ? GROWTH : 1);
    if (bytes > most) return refused(tooMuch(bytes, most), true, close);
    if (!documents) kernel.beginFrames(job);
    const { received, invalid, mended } = kernel.counts;
    const counts = {
      received,
      invalid: invalid + left,
      filtered: sum(filteredBy),
      filteredBy,
      sanitized: sanitized + mended,
      cut,
      split,
    };
    return {
      error: null,
      tooLarge: false,
      counts,
      message: leftOut(invalid, left),
      bytes: items === 0 ? 0 : bytes,
      accept: () => (signal === 'traces' ? this.#count(weights) : Promise.resolve()),
      pack: (delta, room) => {
        if (!documents) return kernel.framedAll ? null : kernel.frame(room, delta);
        const packed = documents.pack(delta, room);
        counts.cut = cut + documents.cut;
        return packed;
      },
      close,
    };
  }

  /** JSON becomes protobuf. Gives what is wrong with it; null: nothing is. */
  async #convert(signal: Signal): Promise<{ error: string; tooLarge: boolean } | null> {
    const kernel = this.#kernel;
    for (let asked = 0; ; ) {
      const said = kernel.convert(SLICE_FIELDS);
      if (said === WALK_DONE) return null;
      if (said === WALK_MORE) {
        await setImmediate();
        continue;
      }
      const { reason, at } = kernel.jsonWrong;
      if (said !== WALK_ASK) {
        const large = isTooLarge(reason);
        return { error: large ? largerAsProtobuf(this.#maxRequest) : whyNoJson(reason, at, signal), tooLarge: large };
      }
      const { scalar, text, message, field } = kernel.asked;
      const bits = bitsOfText(scalar, text, message, field);
      if (bits === null) return { error: whyNoJson(NO_VALUE, at, signal), tooLarge: false };
      kernel.answer(bits);
      if (++asked % SLICE_ASKED === 0) await setImmediate();
    }
  }

  /** Which spans go on. Gives those that stand for more than one. */
  async #judge(filtered: Map<string, number>): Promise<ReadonlyMap<number, number>> {
    const spans = this.#spans;
    const weights = new Map<number, number>();
    spans.begin();
    for (let first = 0; first < spans.count; first += SLICE_SPANS) {
      if (first > 0) await setImmediate();
      const last = Math.min(first + SLICE_SPANS, spans.count);
      this.#signatures?.give(first, last);
      if (this.red) weigh(spans, first, last, weights);
      this.#sampler?.decide(spans, first, last, filtered);
    }
    return weights;
  }

  async #count(weights: ReadonlyMap<number, number>): Promise<void> {
    const { red } = this;
    const spans = this.#spans;
    if (!red) return;
    const { count } = spans;
    for (let i = 0; i < count; i++) {
      if (i % SLICE_ITEMS === SLICE_ITEMS - 1) await setImmediate();
      red.add(spans, i, weights.size === 0 ? 1 : (weights.get(i) ?? 1));
    }
  }

  #wrong(signal: Signal, close: () => void): OtlpRequest {
    const { reason, at } = this.#kernel.wrong;
    if (hasTooMany(reason)) return refused(tooMany(this.#kernel.most, signal), true, close);
    return refused(whyWrong(reason, at, signal), false, close);
  }
}

/** Of spans that their SDK has kept in place of others. */
function weigh(spans: OtlpSpans, first: number, last: number, weights: Map<number, number>): void {
  for (let i = first; i < last; i++) {
    if (!spans.hasState(i)) continue;
    const state = spans.tracestate(i);
    const { threshold } = readState(state);
    if (threshold) weights.set(i, weightOf(threshold));
  }
}

const NO_WEIGHTS: ReadonlyMap<number, number> = new Map();

function sum(counts: ReadonlyMap<string, number>): number {
  return counts.values().reduce((all, one) => all + one, 0);
}

function leftOut(invalid: number, large: number): string {
  const ids = invalid > 0 ? [`${invalid} left out: ids must have 16 and 8 bytes, and not be zero`] : [];
  return [
    ...ids,
    ...(large > 0 ? [`${large} left out: they are larger than a record, or their metric is without them`] : []),
  ].join('; ');
}

const NOTHING: RequestCounts = {
  received: 0,
  invalid: 0,
  filtered: 0,
  filteredBy: new Map(),
  sanitized: 0,
  cut: 0,
  split: 0,
};

function refused(error: string, tooLarge: boolean, close: () => void): OtlpRequest {
  const rest = { counts: NOTHING, message: '', bytes: 0, accept: async () => undefined, pack: () => null };
  return { error, tooLarge, ...rest, close };
}
