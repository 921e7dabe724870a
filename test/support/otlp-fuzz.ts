/** Requests with faults in them, and what protobufjs says of each: the judge of what the kernel makes of it. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { randomOf } from './json-mutants.ts';
import { traceBatch } from './otlp-batches.ts';
import { type Decoded, decodeRequest, encodeRequest, type Signal } from './otlp-decoder.ts';
import { otlpReader, take } from './otlp-records.ts';
import { itemsOf, type Random, randomRequest } from './otlp-requests.ts';

export interface Fuzzed {
  taken: number;
  refused: number;
  /** Taken with bytes that became `?`. */
  mended: number;
  /** Refused although protobufjs takes it: a field of another wire type (the Collector refuses it), a varint of 65 bits (Go does). */
  stricter: number;
}

const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];

/** So many requests with faults. The first one of which two say different things fails. */
export async function fuzzRequests({ seed, count }: { seed: number; count: number }): Promise<Fuzzed> {
  const random = randomOf(seed);
  const reader = otlpReader({ maxRequest: 1 << 20 });
  const fuzzed: Fuzzed = { taken: 0, refused: 0, mended: 0, stricter: 0 };
  let sources = sourcesOf(random);
  for (let i = 0; i < count; i++) {
    if (i % 2000 === 1999) sources = sourcesOf(random);
    const { signal, bytes } = sources[random(sources.length)]!;
    const body = mutated(bytes, random);
    const theirs = decoded(signal, body);
    const ours = await take(reader, signal, body);
    const told = () => `seed ${seed}, request ${i}, ${signal} ${body.toString('hex').slice(0, 2000)}: ${ours.error}`;
    if (ours.error !== null) {
      fuzzed.refused++;
      if (theirs) {
        assert.match(ours.error, /has another type|more than 64 bits/, told());
        fuzzed.stricter++;
      }
      continue;
    }
    fuzzed.taken++;
    // Nobody who reads it is poisoned by what was taken.
    const items = ours.records.flatMap(({ value }) => itemsOf(decodeRequest(signal, value!))).sort();
    if (ours.counts.sanitized > 0) fuzzed.mended++;
    else assert.ok(theirs, told());
    if (!theirs) continue;
    // What stands twice in a message counts once, but a wrong id that is followed by a right one is wrong to the Collector.
    const valid = itemsOf(withoutInvalid(theirs));
    if (ours.counts.invalid > 0)
      assert.ok(
        items.every((item) => valid.includes(item)),
        told(),
      );
    else assert.ok(isDeepStrictEqual(items, valid), told());
    if (signal !== 'metrics') assert.equal(ours.counts.received, ours.counts.invalid + items.length, told());
    assert.equal(ours.items, ours.counts.received - ours.counts.invalid, told());
    assert.ok(ours.framed <= ours.bytes, told());
  }
  return fuzzed;
}

function sourcesOf(random: Random): { signal: Signal; bytes: Buffer }[] {
  const made = SIGNALS.flatMap((signal) =>
    Array.from({ length: 20 }, () => ({ signal, bytes: encodeRequest(signal, randomRequest(signal, random)) })),
  );
  const usual = [5, 20].map((n) => ({ signal: 'traces' as const, bytes: encodeRequest('traces', traceBatch(n)) }));
  return [...made.filter(({ bytes }) => bytes.length > 0 && bytes.length < 20_000), ...usual];
}

export function mutated(source: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(source);
  for (let n = 1 + random(4); n > 0; n--) {
    const at = random(bytes.length);
    const how = random(4);
    if (how === 0) bytes[at] = random(256);
    else if (how === 1) bytes[at] = bytes[random(bytes.length)]!;
    else bytes[at]! ^= 1 << random(8);
  }
  return random(5) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
}

function decoded(signal: Signal, body: Buffer): Decoded | null {
  try {
    return decodeRequest(signal, body);
  } catch {
    return null;
  }
}

/** Without spans and others whose ids are none. */
function withoutInvalid(request: Decoded): Decoded {
  for (const inResource of Object.values<Decoded>(request).flat()) {
    for (const scope of inResource.scopeSpans ?? []) scope.spans = scope.spans?.filter(isSpan);
    for (const scope of inResource.scopeMetrics ?? []) scope.metrics = scope.metrics?.filter(isMetric);
    for (const scope of inResource.scopeLogs ?? [])
      scope.logRecords = scope.logRecords?.filter((one: Decoded) => may(one.traceId, 16) && may(one.spanId, 8));
  }
  return request;
}

const bytesOf = (base64: string | undefined) => Buffer.from(base64 ?? '', 'base64');
const may = (id: string | undefined, length: number) => [0, length].includes(bytesOf(id).length);
const is = (id: string | undefined, length: number) => bytesOf(id).length === length && bytesOf(id).some((b) => b > 0);

function isSpan({ traceId, spanId, parentSpanId, links }: Decoded): boolean {
  const linked = (links ?? []).every((link: Decoded) => may(link.traceId, 16) && may(link.spanId, 8));
  return is(traceId, 16) && is(spanId, 8) && may(parentSpanId, 8) && linked;
}

function pointsOf({ gauge, sum, histogram, exponentialHistogram, summary }: Decoded): Decoded[] {
  return (gauge ?? sum ?? histogram ?? exponentialHistogram ?? summary)?.dataPoints ?? [];
}

function isMetric(metric: Decoded): boolean {
  return pointsOf(metric).every((point) =>
    (point.exemplars ?? []).every((one: Decoded) => may(one.traceId, 16) && may(one.spanId, 8)),
  );
}
