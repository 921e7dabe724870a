/** What of OTLP's JSON form the kernel asks: numbers that are written in a rare way, and names of enums. */
import { ENUMS, fieldsOf, type MessageName } from '../../../kernel/otlp/schema.ts';

/** Ranges of whole numbers. */
const RANGES: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  enum: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
};
const WORDS = ['NaN', 'Infinity', '-Infinity'];
const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d{1,4})?$/;
const LONGEST = 400;

/** The bits of a value of this scalar; null: it is none. */
export function bitsOfText(scalar: string, text: string, message: MessageName, field: number): bigint | null {
  if (text.length > LONGEST) return null;
  if (scalar === 'double') return WORDS.includes(text) || NUMBER.test(text) ? doubleBits(Number(text)) : null;
  const value = scalar === 'enum' ? (enumValue(text, message, field) ?? wholeNumber(text)) : wholeNumber(text);
  const [low, high] = RANGES[scalar]!;
  return value === null || value < low || value > high ? null : BigInt.asUintN(64, value);
}

function wholeNumber(text: string): bigint | null {
  if (/^-?\d{1,20}$/.test(text)) return BigInt(text);
  if (!NUMBER.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? BigInt(value) : null;
}

function enumValue(text: string, message: MessageName, field: number): bigint | null {
  const { type } = fieldsOf(message).find(({ number }) => number === field)!;
  const value = ENUMS[type]!.indexOf(text);
  return value < 0 ? null : BigInt(value);
}

const scratch = new DataView(new ArrayBuffer(8));

function doubleBits(value: number): bigint {
  scratch.setFloat64(0, value);
  return scratch.getBigUint64(0);
}
