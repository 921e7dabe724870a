/** Lines of JSON with faults in them, and what JavaScript says of each: the judge of what the kernel makes of it. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { JSON_WRITERS, jsonLine } from '../bench/written-lines.ts';
import { brief, made, run } from './processed.ts';

const PARTS = [
  ...['{', '}', '[', ']', '"', '\\', ',', ':', '0', '-', '.', 'e', '1', 't', 'true', 'null', 'false', ' ', '\t', '\r'],
  ...[
    'é',
    '\\u12ab',
    '\\u12',
    '\x01',
    '€',
    '"a":1',
    '[[',
    '{"x":',
    '\\ud83d\\ude00',
    '\\ud83d',
    '\\ude00',
    '\0',
    '\\/',
  ],
  ...[
    '"log":',
    '"log.level":',
    '"host":{"name":',
    '"host.name":',
    '"labels.a":',
    '"log.file":',
    '"event":',
    '"event.dataset":',
    '"level":',
    '"a.b":',
    '-0.0',
    '1e+9',
    '"":',
    '"log":{"file":',
    '\ufeff',
  ],
];

export function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const LINES = JSON_WRITERS.flatMap((writer) => Array.from({ length: 100 }, (_, i) => jsonLine(writer, i)));

/** A line without LF; of one of `lines`. */
export function mutant(random: (below: number) => number, lines: readonly string[] = LINES): Buffer {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
  let text = pick(lines);
  if (random(3) === 0) text = text.slice(0, 1 + random(60)) + text.slice(text.length - random(40));
  for (let n = random(4); n > 0; n--) {
    const at = random(text.length + 1);
    text = text.slice(0, at) + pick(PARTS) + text.slice(at + (random(2) === 0 ? 0 : 1 + random(3)));
  }
  const bytes = Buffer.from(text);
  if (random(20) === 0 && bytes.length > 3) bytes[random(bytes.length)] = 128 + random(127);
  return Buffer.from(bytes.filter((byte) => byte !== 10));
}

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The object that a line is; undefined: it is none. Marks at its beginning are no part of it, nor is a CR at its end. */
export function objectOf(line: Buffer): Record<string, unknown> | undefined {
  let from = 0;
  const to = line.length - Number(line.at(-1) === 13);
  while (line.subarray(from, from + 3).toString('hex') === 'efbbbf') from += 3;
  try {
    const value = JSON.parse(DECODER.decode(line.subarray(from, to)));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const OWN = ['@timestamp', 'host', 'labels', 'conflict'];
const OWN_IN_LOG = ['file', 'offset', 'length', 'skipped', 'flags', 'iostream'];

type Nest = Record<string, unknown>;

/** What `parse: json` should make of an object, without the envelope: written apart from how the agent does it. */
export function lifted(object: Nest): Nest {
  const record: Nest = {};
  const log: Nest = {};
  const event: Nest = {};
  const conflict: Nest = {};
  /** Behind what collides as a whole. */
  const parts: [path: string[], value: unknown][] = [];
  const isFull = (value: unknown): value is Nest =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
  const put = (into: Nest, path: string[], value: unknown) => {
    const [name, ...rest] = path as [string, ...string[]];
    if (rest.length === 0) define(into, name, value);
    else if (!(name in into)) define(into, name, nested(rest, value));
    else if (isFull(into[name])) put(into[name] as Nest, rest, value);
    else define(into, path.join('.'), value);
  };
  const inEnvelope = (name: 'log' | 'event', path: string[], value: unknown) => {
    const own = name === 'log' ? OWN_IN_LOG : ['dataset'];
    if (own.includes(path[0]!)) parts.push([[name, ...path], value]);
    else put(name === 'log' ? log : event, path, value);
  };
  for (const [name, value] of Object.entries(object)) {
    const dotted = /^(log|event)\.(.+)$/s.exec(name);
    if (OWN.includes(name)) define(conflict, name, value);
    else if ((name === 'log' || name === 'event') && isFull(value)) {
      for (const [key, inner] of Object.entries(value)) inEnvelope(name, key.split('.'), inner);
    } else if (name === 'log' || name === 'event') define(conflict, name, value);
    else if (/^(host|labels|conflict)\../s.test(name)) parts.push([name.split('.'), value]);
    else if (dotted) inEnvelope(dotted[1] as 'log', dotted[2]!.split('.'), value);
    else define(record, name, value);
  }
  for (const [path, value] of parts) put(conflict, path, value);
  if (Object.keys(conflict).length > 0) record.conflict = conflict;
  if (Object.keys(log).length > 0) record.log = log;
  if (Object.keys(event).length > 0) record.event = event;
  return record;
}

function define(into: Nest, name: string, value: unknown): void {
  Object.defineProperty(into, name, { value, enumerable: true, configurable: true, writable: true });
}

function nested([name, ...rest]: string[], value: unknown): Nest {
  const nest: Nest = {};
  define(nest, name!, rest.length === 0 ? value : nested(rest, value));
  return nest;
}

/** Steps that are checked: what the record of an object is with them, written apart from the agent. */
const CHECKED: { process: unknown[]; becomes: (object: Nest) => Nest }[] = [
  { process: [{ parse: 'json' }], becomes: lifted },
  {
    process: [{ parse: { json: { into: 'app.x' } } }],
    becomes: (object) => (Object.keys(object).length > 0 ? { app: { x: object } } : {}),
  },
  // Names that the lines have, so that there are cells, nodes and many runs.
  {
    process: [
      { parse: 'json' },
      { drop: { level: 'nothing', 'req.method': 'x', 'res.statusCode': '0', 'a.b': 'x', time: '0' } },
    ],
    becomes: (object) => gathered(lifted(object), ['req.method', 'res.statusCode', 'a.b']),
  },
];

/** Dotted names of these fields are nested where that can be. */
function gathered(record: Nest, names: string[]): Nest {
  for (const name of names) {
    if (!(name in record)) continue;
    const { [name]: value, ...rest } = record;
    const [object, member] = name.split('.') as [string, string];
    const there = rest[object];
    if (typeof there === 'object' && there !== null && !Array.isArray(there)) {
      record = { ...rest, [object]: { ...there, [member]: value } };
    } else if (there === undefined) record = { ...rest, [object]: { [member]: value } };
    else {
      const { [object]: _, ...others } = rest;
      const conflict = { ...(rest.conflict as Nest), [object]: there };
      record = { ...others, [object]: { [member]: value }, conflict };
    }
  }
  return record;
}

/** Fails with the first line of which something else is made; gives how many were JSON. */
export function checkMutants({ seed, lines }: { seed: number; lines: number }): { json: number } {
  const random = randomOf(seed);
  const all = CHECKED.map(({ process, becomes }) => ({ processing: made(process), becomes }));
  let json = 0;
  try {
    for (let left = lines; left > 0; left -= 1000) {
      // Half of them are like the first one, also in what values they have.
      const first = LINES[random(LINES.length)]!;
      const others = () => mutant(random, random(2) === 0 ? [first] : LINES);
      const batch = [Buffer.from(first), ...Array.from({ length: Math.min(1000, left) - 1 }, others)];
      for (const { processing, becomes } of all) {
        const { texts } = run(processing, batch);
        assert.equal(texts.length, batch.length);
        for (const [i, line] of batch.entries()) {
          const object = objectOf(line);
          if (object) json++;
          const { message, error, ...record } = brief(texts[i]!);
          const shown = () => `${JSON.stringify(line.toString('latin1'))} became ${texts[i]}`;
          const isPlain = isDeepStrictEqual(error, { type: 'parse' }) && Object.keys(record).length === 0;
          assert.equal(isPlain, object === undefined, shown());
          if (!object) continue;
          const expected = becomes(wellFormed(object) as Nest);
          assert.deepEqual({ ...record, ...(message !== undefined && { message }) }, expected, shown());
        }
      }
    }
  } finally {
    for (const { processing } of all) processing.close();
  }
  return { json: json / all.length };
}

/** Surrogates without their other half become U+FFFD. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Nest = {};
  for (const [name, inner] of Object.entries(value)) define(copy, name.toWellFormed(), wellFormed(inner));
  return copy;
}
