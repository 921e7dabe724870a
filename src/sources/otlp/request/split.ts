/**
 * A metric that is larger than a Kafka record becomes several: each has some of its points, and all else that it has.
 *
 *   Metric  1 name  2 description  3 unit  12 metadata  one of 5 gauge  7 sum  9 histogram  10 exponential  11 summary
 *   each of these   1 points  2 aggregation_temporality  3 is_monotonic
 */
import { setImmediate } from 'node:timers/promises';
import { fieldAt, textField, type WireField } from '../../../kernel/otlp/wire.ts';
import { firstFields } from './cut.ts';

export interface MetricPart {
  /** The metric. */
  bytes: Buffer;
  points: number;
}

const DATA: ReadonlySet<number> = new Set([5, 7, 9, 10, 11]);
const POINT = 1;
/** Tag and length of what holds the points. */
const AROUND = 6;
/** Of what stands between the points. */
const MOST_FIELDS = 10_000;
/** Of a part, for its points: what is beside them is repeated in each. */
const LEAST_ROOM = 64 * 1024;
/** Points that are passed over at once. */
const SLICE_POINTS = 5000;

/**
 * Its parts, of at most `room` bytes each. Points that do not fit into one alone are in none, nor are those of a metric that
 * is too large without any, or has points of two kinds.
 */
export async function* metricParts(metric: Uint8Array, room: number): AsyncGenerator<MetricPart> {
  const fields = firstFields(metric);
  const data = fields?.filter(({ number }) => DATA.has(number)) ?? [];
  if (!fields || data.length !== 1) return;
  const [{ number, from, end }] = data as [WireField];
  const head = fields.filter((field) => field !== data[0]).map((field) => metric.subarray(field.at, field.end));
  const points = metric.subarray(from, end);
  const other = await betweenPoints(points);
  if (!other) return;
  const left = room - AROUND - sizeOf(head) - sizeOf(other);
  if (left < LEAST_ROOM) return;
  for (const { ranges, count } of await shares(points, left)) {
    const some = ranges.map(([from, to]) => points.subarray(from, to));
    yield { bytes: Buffer.concat([...head, textField(number, Buffer.concat([...other, ...some]))]), points: count };
  }
}

/** Null: it is too much. */
async function betweenPoints(bytes: Uint8Array): Promise<Uint8Array[] | null> {
  const fields: Uint8Array[] = [];
  for (let at = 0, n = 1; at < bytes.length; n++) {
    const field = fieldAt(bytes, at);
    if (field.number !== POINT) fields.push(bytes.subarray(at, field.end));
    if (fields.length > MOST_FIELDS) return null;
    at = field.end;
    if (n % SLICE_POINTS === 0) await setImmediate();
  }
  return fields;
}

interface SharePart {
  /** Points that follow each other are one. */
  ranges: [from: number, to: number][];
  count: number;
}

/** Which points go together, in at most `room` bytes. */
async function shares(bytes: Uint8Array, room: number): Promise<SharePart[]> {
  const parts: SharePart[] = [];
  let left = 0;
  for (let at = 0, n = 1; at < bytes.length; n++) {
    const { number, end } = fieldAt(bytes, at);
    const size = end - at;
    if (number === POINT && size <= room) {
      if (parts.length === 0 || size > left) {
        parts.push({ ranges: [], count: 0 });
        left = room;
      }
      const { ranges } = parts.at(-1)!;
      const last = ranges.at(-1);
      if (last?.[1] === at) last[1] = end;
      else ranges.push([at, end]);
      parts.at(-1)!.count++;
      left -= size;
    }
    at = end;
    if (n % SLICE_POINTS === 0) await setImmediate();
  }
  return parts;
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}
