/**
 * Reads the wire form of sketches, as SketchView writes it: DDSketch { mapping = 1, positiveValues = 2, negativeValues = 3,
 * zeroCount = 4 }, Store { contiguousBinCounts = 2 (packed doubles), contiguousBinIndexOffset = 3 (sint32) }.
 */
import { BIAS } from './bins.ts';

const VARINT = 0;
const DOUBLE = 1;
const BYTES = 2;

/** Weights by key (bins.ts). What it does not know of a message it passes over; null: it is none, or is cut short. */
export function readBins(message: Buffer): Map<number, number> | null {
  const bins = new Map<number, number>();
  try {
    for (const { field, number, bytes } of fieldsOf(message)) {
      if (field === 2 && bytes) readStore(bytes, (k, weight) => bins.set(k + BIAS, weight));
      else if (field === 3 && bytes) readStore(bytes, (k, weight) => bins.set(-(k + BIAS), weight));
      else if (field === 4 && number > 0) bins.set(0, number);
    }
    return bins;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function readStore(message: Buffer, each: (k: number, weight: number) => void): void {
  let offset = 0;
  let weights: Buffer = Buffer.alloc(0);
  for (const { field, number, bytes } of fieldsOf(message)) {
    if (field === 2 && bytes) weights = bytes;
    else if (field === 3) offset = (number >>> 1) ^ -(number & 1);
  }
  for (let i = 0; (i + 1) * 8 <= weights.length; i++) {
    const weight = weights.readDoubleLE(i * 8);
    if (weight > 0) each(offset + i, weight);
  }
}

/** Throws RangeError where the message ends too soon. */
function* fieldsOf(message: Buffer): Generator<{ field: number; number: number; bytes: Buffer | null }> {
  for (let at = 0; at < message.length; ) {
    const [tag, afterTag] = varint(message, at);
    const [field, type] = [tag >>> 3, tag & 7];
    if (type === VARINT) {
      const [number, next] = varint(message, afterTag);
      at = next;
      yield { field, number, bytes: null };
    } else if (type === DOUBLE) {
      at = afterTag + 8;
      yield { field, number: message.readDoubleLE(afterTag), bytes: null };
    } else if (type === BYTES) {
      const [length, from] = varint(message, afterTag);
      at = from + length;
      if (at > message.length) throw new RangeError('cut short');
      yield { field, number: 0, bytes: message.subarray(from, at) };
    } else throw new RangeError('of an unknown type');
  }
}

/** Of at most 32 bits. */
function varint(message: Buffer, at: number): [value: number, next: number] {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = message.readUInt8(at++);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value >>> 0, at];
  }
  throw new RangeError('too long');
}
