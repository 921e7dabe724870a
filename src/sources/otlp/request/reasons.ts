/** Why a request cannot be taken, for who sent it. */

/** By number, as the kernel has them (as/otlp/walk.as.ts). */
const REASONS: readonly string[] = [
  '',
  'is cut off: it goes on behind its message',
  'has another type than the OTLP schema says',
  'has a number that no field can have',
  'lies within more than 100 messages',
  'is a group that does not begin or end as it should',
  '',
  'holds a number of more than 64 bits',
];
const MANY = 6;

/** Of a field of protobuf. */
export function whyWrong(reason: number, at: number, signal: string): string {
  return `cannot decode the ${signal}: the field at byte ${at} ${REASONS[reason]}`;
}

export function hasTooMany(reason: number): boolean {
  return reason === MANY;
}

export function tooMany(most: number, signal: string): string {
  return `the request has more than ${most} ${ITEMS[signal]}: send smaller ones`;
}

/** The same of JSON (as/otlp/json.as.ts). */
const JSON_REASONS: readonly string[] = [
  '',
  'is no JSON',
  'is not what the OTLP schema has here',
  '',
  'lies too deep',
  'is no number that fits, and no name that is known',
];
const LARGE = 3;
export const NO_VALUE = 5;

export function whyNoJson(reason: number, at: number, signal: string): string {
  return `cannot decode the ${signal}: what stands before byte ${at} of the JSON ${JSON_REASONS[reason]}`;
}

export function isTooLarge(reason: number): boolean {
  return reason === LARGE;
}

export function largerAsProtobuf(most: number): string {
  return `the request has more than ${most} bytes as protobuf: send smaller ones`;
}

/** A resource stands in the record of each of its traces. */
export function tooMuch(bytes: number, most: number): string {
  return (
    `the request would be ${bytes} bytes of records, ${most} is the most: a resource is repeated for each trace; ` +
    'send smaller requests, or fewer attributes of the resource'
  );
}

export function tooWide(bytes: number, most: number): string {
  return `a resource and its scope have ${bytes} bytes, ${most} is the most: a record would have no room for what is in them`;
}

const ITEMS: Readonly<Record<string, string>> = { traces: 'spans', metrics: 'metrics', logs: 'log records' };
