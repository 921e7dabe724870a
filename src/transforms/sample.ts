/**
 * `sample`: some records go on, the others are dropped.
 *
 *   {sample: 0.1}                              one of ten, by where it stands in its file: read again it is the same one
 *   {sample: {rate: 0.05, by: trace_id}}       all of a value or none, in every file and over restarts
 *   {sample: {limit: 100/s, by: user.name}}    at most so many a second of each value; which, depends on when they are read
 */
import { grammar, optional, Wrong, WrongAt } from '../config/option.ts';
import { type Batch, UNPARSED } from '../core/batch.ts';
import { MAX_RECORDS } from '../core/pool.ts';
import { select } from '../core/select.ts';
import { Buckets } from './buckets.ts';
import { fieldName } from './field.ts';
import { textOf } from './values.ts';
import type { StepContext, Verb } from './verb.ts';
import { writtenOptions } from './written.ts';

interface SampleOptions {
  by: string | null;
  /** Of one; null: there is a limit. */
  rate: number | null;
  /** Records a second. */
  limit: number;
}

const EXAMPLES = '0.1, {rate: 0.05, by: trace_id} or {limit: 100/s, by: user.name}';
const MOST_A_SECOND = 1_000_000;
/** Characters of a value that is told apart from others by them alone. */
const LONGEST_KEY = 256;

export const sample: Verb<SampleOptions> = {
  name: 'sample',
  option: optional(
    grammar(
      { label: 'rate, or rate or limit and by', json: { type: ['number', 'string', 'object'] }, example: '0.1' },
      read,
    ),
    'The part of the lines that goes on, 0.1 for a tenth; the others are dropped, and counted (filtered). Which ones, depends on where they stand in their file alone: read again they are the same. ' +
      '{rate: 0.05, by: FIELD}: all lines of a value go on, or none; a line without the field counts for itself. {limit: 100/s}: at most so many a second, with by of each value; which ones, depends on when they are read.',
  ),
  fields({ by }, names) {
    if (by !== null) names.read(by, 'by');
  },
  step(options, context) {
    const { kernel } = context;
    const chosen = options.rate === null ? byLimit(options, context) : byRate(options.rate, options.by, context);
    const found = new Uint8Array(MAX_RECORDS);
    return (batch, only) => {
      const { count } = batch;
      found.fill(1, 0, count);
      chosen(batch, only, found);
      select(batch, kernel, found.subarray(0, count), 1);
    };
  },
};

/** Makes the bytes of those 0 that do not go on. */
type Choose = (batch: Batch, only: Uint8Array | null, found: Uint8Array) => void;

function byRate(rate: number, by: string | null, context: StepContext): Choose {
  const below = Math.round(rate * 2 ** 32);
  const text = valuesOf(by, context);
  let seed = 0;
  let seeded: string | null = null;
  return (batch, only, found) => {
    const { from, stream, count, slot } = batch;
    const id = stream.id ?? stream.name;
    if (id !== seeded) {
      seed = hashOf(id);
      seeded = id;
    }
    text.prepare(batch);
    for (let i = 0; i < count; i++) {
      if (only && !only[i]) continue;
      if (by !== null && slot.flags[i]! & UNPARSED) continue;
      const value = text.of(batch, i);
      const offset = from + slot.source[i]!;
      const hash = value !== null ? hashOf(value) : mixed(mixed(seed, offset >>> 0), Math.floor(offset / 2 ** 32));
      found[i] = Number(hash < below);
    }
  };
}

function byLimit({ limit, by }: SampleOptions, context: StepContext): Choose {
  const buckets = new Buckets(limit);
  if (by === null) return ({ count }, only, found) => takeFirst(buckets, count, only, found);
  const text = valuesOf(by, context);
  return (batch, only, found) => {
    const now = performance.now();
    const { flags } = batch.slot;
    text.prepare(batch);
    for (let i = 0; i < batch.count; i++) {
      if ((only && !only[i]) || flags[i]! & UNPARSED) continue;
      found[i] = buckets.take(shortened(text.of(batch, i) ?? ''), 1, now);
    }
  };
}

/** All have one bucket. */
function takeFirst(buckets: Buckets, count: number, only: Uint8Array | null, found: Uint8Array): void {
  let wanted = count;
  if (only) for (let i = 0; i < count; i++) wanted -= 1 - only[i]!;
  let left = buckets.take('', wanted, performance.now());
  if (left === wanted) return;
  for (let i = 0; i < count; i++) if (!only || only[i]) found[i] = Number(left-- > 0);
}

/** The values of the field of records; null: they have none, or no field is asked for. */
function valuesOf(by: string | null, context: StepContext) {
  if (by === null) return { prepare: () => undefined, of: () => null };
  const { program } = context;
  const cell = program.cell(by);
  return {
    prepare: (batch: Batch) => program.rowsOf(batch),
    of: (batch: Batch, i: number) => textOf(program, batch, i, cell),
  };
}

/** What is kept of a value. */
function shortened(text: string): string {
  return text.length <= LONGEST_KEY ? text : `${text.slice(0, LONGEST_KEY)} ${hashOf(text)}`;
}

/** 32 bits, spread evenly. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mixed(hash, text.length);
}

function mixed(hash: number, more: number): number {
  hash = Math.imul(hash ^ more, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 16), 0x27d4eb2f);
  return (hash ^ (hash >>> 15)) >>> 0;
}

function read(value: unknown): SampleOptions {
  if (typeof value === 'string') return { rate: rateOf(value, []), by: null, limit: 0 };
  const { rate, limit, by } = writtenOptions(value, 'rate', ['rate', 'limit', 'by']);
  if ((rate === undefined) === (limit === undefined)) {
    throw new Wrong(`needs ${rate === undefined ? '' : 'only one of '}rate or limit: ${EXAMPLES}`);
  }
  const field = by === undefined ? null : fieldName(by, ['by']);
  if (rate !== undefined) return { rate: rateOf(rate, ['rate']), by: field, limit: 0 };
  const [, count] = /^(\d{1,9})\/s$/.exec(String(limit)) ?? [];
  if (count === undefined || Number(count) < 1 || Number(count) > MOST_A_SECOND) {
    throw new WrongAt(['limit'], `must be lines a second, from 1/s to ${MOST_A_SECOND}/s, for example 100/s, not {}`);
  }
  return { rate: null, by: field, limit: Number(count) };
}

function rateOf(value: unknown, path: string[]): number {
  const rate = typeof value === 'string' && /^(\d+(\.\d*)?|\.\d+)(e-?\d+)?$/i.test(value) ? Number(value) : Number.NaN;
  if (rate > 0 && rate <= 1) return rate;
  const why = rate === 0 ? ': drop drops all' : '';
  const text = `must be a part of the lines, above 0 and at most 1${why}; ${EXAMPLES}`;
  throw path.length === 0 ? new Wrong(text) : new WrongAt(path, text);
}
