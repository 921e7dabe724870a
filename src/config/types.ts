/** What the scalars of a configuration may be: durations, sizes, names, addresses, patterns. Each parses its own text. */
import { isIP } from 'node:net';
import { PatternError } from '../kernel/process/regex/parse.ts';
import { Pattern } from '../kernel/process/regex.ts';
import { obstacle } from './backtracking.ts';
import { either, nearest } from './errors.ts';
import { alternatives, checkGlob, namesOf } from './glob.ts';
import { advice, misread } from './misread.ts';
import { type Leaf, leaf, Wrong, WrongAt } from './option.ts';

const DURATION_UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE_UNITS: Record<string, number> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
  kB: 1000,
  KB: 1000,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
};
const DURATION_JSON = { type: 'string', pattern: '^\\d+(\\.\\d+)?(ms|s|m|h|d)$' };
const SIZE_JSON = { type: 'string', pattern: '^\\d+(\\.\\d+)?(B|KiB|MiB|GiB|TiB|kB|KB|MB|GB|TB)$' };

function quantity(text: string, units: Record<string, number>, what: string, example: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  if (!match) throw new Wrong(`must be a ${what}, for example ${example}, not {}`);
  const [, digits = '', unit = ''] = match;
  if (unit === '') {
    throw new Wrong(
      `needs a unit, for example ${digits.length < 7 ? digits + example.replace(/^[\d.]+/, '') : example}`,
    );
  }
  const factor = units[unit];
  if (factor === undefined) {
    const known = Object.keys(units).filter((u) => what === 'duration' || u.endsWith('iB') || u === 'B');
    const meant = [unit, `${unit}iB`].map((one) => one.toLowerCase());
    const near = Object.keys(units).find((u) => meant.includes(u.toLowerCase()) && (what !== 'size' || u !== 'kB'));
    throw new Wrong(`has an unknown unit ${unit}: ${near ? `did you mean ${near}?` : `use ${either(known)}`}`);
  }
  return Math.round(Number(digits) * factor);
}

interface Range {
  min?: string;
  max?: string;
}

function ranged(value: number, range: Range, read: (text: string) => number): number {
  if (range.min !== undefined && value < read(range.min)) throw new Wrong(`must be at least ${range.min}, not {}`);
  if (range.max !== undefined && value > read(range.max)) throw new Wrong(`must be at most ${range.max}, not {}`);
  return value;
}

const readDuration = (text: string, example = '50ms') => quantity(text, DURATION_UNITS, 'duration', example);
/** In a unit that is of use there. */
const durationIn = (text: string, { min }: Range) => readDuration(text, min && !min.endsWith('ms') ? '10s' : '50ms');
const readSize = (text: string) => quantity(text, SIZE_UNITS, 'size', '64KiB');

/** Milliseconds. */
export function duration(range: Range = {}): Leaf<number> {
  return leaf({ label: rangeLabel('duration', range), json: DURATION_JSON, example: '10s' }, (text) =>
    ranged(durationIn(text, range), range, readDuration),
  );
}

/** Milliseconds; `never`, or the word that is used in its place, is null. */
export function durationOrNever(range: Range = {}, never = 'never', example = '7d'): Leaf<number | null> {
  const json = { anyOf: [{ const: never }, DURATION_JSON] };
  return leaf({ label: rangeLabel(`duration or ${never}`, range), json, example }, (text) =>
    text === never ? null : ranged(durationIn(text, range), range, readDuration),
  );
}

/** Bytes. */
export function size(range: Range = {}): Leaf<number> {
  return leaf({ label: rangeLabel('size', range), json: SIZE_JSON, example: '1MiB' }, (text) =>
    ranged(readSize(text), range, readSize),
  );
}

/** Bytes; `auto` is null. */
export function sizeOrAuto(range: Range = {}): Leaf<number | null> {
  const json = { anyOf: [{ const: 'auto' }, SIZE_JSON] };
  return leaf({ label: rangeLabel('size or auto', range), json, example: '64MiB' }, (text) =>
    text === 'auto' ? null : ranged(readSize(text), range, readSize),
  );
}

function rangeLabel(what: string, { min, max }: Range): string {
  if (min !== undefined && max !== undefined) return `${what}, ${min} to ${max}`;
  if (min !== undefined) return `${what}, at least ${min}`;
  return max === undefined ? what : `${what}, at most ${max}`;
}

export function integer(min: number, max: number): Leaf<number> {
  const json = { type: 'integer', minimum: min, maximum: max };
  return leaf({ label: `whole number, ${min} to ${max}`, json }, (text) => {
    if (!/^-?\d{1,15}$/.test(text.trim())) throw new Wrong(`must be a whole number from ${min} to ${max}, not {}`);
    const value = Number(text);
    if (value < min || value > max) throw new Wrong(`must be from ${min} to ${max}, not {}`);
    return value;
  });
}

/** A number between 0 and 1, both excluded. */
export function fraction(): Leaf<number> {
  const json = { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 };
  return leaf({ label: 'number between 0 and 1', json }, (text) => {
    const value = /^\d*\.?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    const percent = /^p?(\d+(?:\.\d+)?)%?$/i.exec(text.trim())?.[1];
    const meant =
      percent !== undefined && Number(percent) > 1 && Number(percent) < 100
        ? `: write ${Number((Number(percent) / 100).toPrecision(12))} for the ${percent}th percentile`
        : '';
    if (Number.isNaN(value) && meant) throw new Wrong(`must be a number between 0 and 1${meant}`);
    if (Number.isNaN(value)) throw new Wrong('must be a number between 0 and 1, for example 0.95, not {}');
    if (value <= 0 || value >= 1) {
      throw new Wrong(`must lie between 0 and 1, both excluded${meant}`);
    }
    return value;
  });
}

export function yesNo(): Leaf<boolean> {
  return leaf({ label: 'true or false', json: { type: 'boolean' } }, (text) => {
    if (text === 'true') return true;
    if (text === 'false') return false;
    throw new Wrong('must be true or false, not {}');
  });
}

export function oneOf<const T extends string>(...words: T[]): Leaf<T> {
  return leaf({ label: either(words), json: { enum: words } }, (text) => {
    if (words.includes(text as T)) return text as T;
    const near = nearest(text, words);
    throw new Wrong(`must be ${either(words)}, not {}${near ? `; did you mean ${near}?` : ''}`);
  });
}

export function text(label = 'text', example?: string): Leaf<string> {
  const json = { type: ['string', 'number', 'boolean'] };
  return leaf({ label, json, ...(example === undefined ? {} : { example }) }, (value) => value);
}

/** Text with at least one character and none that would break a header, a log line or a terminal. */
export function name(label = 'text', example?: string): Leaf<string> {
  const json = { type: ['string', 'number'], minLength: 1, maxLength: 255 };
  return leaf({ label, json, ...(example === undefined ? {} : { example }) }, (value) => {
    if (value.trim() === '') throw new Wrong('must not be empty');
    if (value.length > 255) throw new Wrong('must have at most 255 characters');
    if (/[\x00-\x1f\x7f]/.test(value)) throw new Wrong('must not hold control characters');
    return value;
  });
}

const TOPIC = /^[a-zA-Z0-9._-]{1,249}$/;

export function topic(example = 'runnel.logs', longest = 249): Leaf<string> {
  const json = { type: 'string', pattern: TOPIC.source, maxLength: longest };
  return leaf({ label: 'topic name', json, example }, (value) => {
    const wrong = wrongOfTopic(value);
    if (wrong !== null) throw new Wrong(wrong);
    if (value.length > longest) throw new Wrong(`must have at most ${longest} characters`);
    return value;
  });
}

/** Why Kafka takes no topic of this name; null: it does. */
export function wrongOfTopic(name: string): string | null {
  if (!TOPIC.test(name)) return "must be 1 to 249 letters, digits, '.', '_' or '-', not {}";
  return name === '.' || name === '..' ? "must not be '.' or '..': Kafka refuses it" : null;
}

/** Where something is asked over HTTP. */
export function url(example: string): Leaf<string> {
  return leaf({ label: 'URL', json: { type: 'string', pattern: '^https?://' }, example }, (value) => {
    const address = URL.canParse(value) ? new URL(value) : null;
    if (!address || !/^https?:$/.test(address.protocol))
      throw new Wrong(`must be a URL, for example ${example}, not {}`);
    if (address.username || address.password) throw new Wrong('must not hold a name or a secret');
    return value;
  });
}

/** A path that does not depend on the working directory. */
export function path(example: string): Leaf<string> {
  return leaf({ label: 'absolute path', json: { type: 'string', pattern: '^/' }, example }, (value) => {
    if (value.startsWith('~')) throw new Wrong('begins with ~, which is not replaced: write ${HOME} for it');
    if (!value.startsWith('/')) throw new Wrong('must be an absolute path, beginning with /, not {}');
    if (value.includes('\0')) throw new Wrong('must not hold a NUL');
    return value;
  });
}

/** A glob over absolute paths: `*`, `?`, `**`, `[a-z]`, `{a,b}`. */
export function glob(example: string): Leaf<string> {
  return leaf({ label: 'glob', json: { type: 'string', pattern: '^/' }, example }, (value) => {
    if (!value.startsWith('/')) {
      const wrong = misread(value);
      const why = wrong ? `: it ${wrong.what}; ${advice(wrong)}` : '';
      throw new Wrong(`must be an absolute path or glob, beginning with /, not {}${why}`);
    }
    checkGlob(value);
    for (const one of alternatives(value)) {
      const names = namesOf(one);
      if (['', '..'].includes(names.at(-1) ?? '')) throw new Wrong('names no file: it ends in a directory');
    }
    return value;
  });
}

/** A glob over paths, ends of paths, or names where it has no slash. */
export function excludeGlob(example: string): Leaf<string> {
  return leaf({ label: 'glob of names or paths', json: { type: 'string' }, example }, (value) => {
    if (value === '') throw new Wrong('must not be empty');
    checkGlob(value);
    if (!value.startsWith('/') && namesOf(value).every((name) => name === '..')) throw new Wrong('names nothing');
    return value;
  });
}

const MOST_GROUPS = 100;

function groupsDeep(source: string): number {
  let [depth, most] = [0, 0];
  for (const [found] of source.replace(/\\.|\[(?:\\.|[^\]\\])*\]/gs, '').matchAll(/[()]/g)) {
    depth += found === '(' ? 1 : -1;
    most = Math.max(most, depth);
  }
  return most;
}

export function pattern(example: string): Leaf<string> {
  return leaf({ label: 'regular expression', json: { type: 'string' }, example }, (value) => {
    try {
      new RegExp(value, 'u');
    } catch (error) {
      const reason = String((error as Error).message)
        .split(': ')
        .at(-1);
      throw new WrongAt([], `is no regular expression: ${reason}`, wrongIn(value)?.index);
    }
    if (groupsDeep(value) > MOST_GROUPS) throw new Wrong(`has groups within groups, more than ${MOST_GROUPS} deep`);
    const part = obstacle(value);
    if (part === null || wrongIn(value) === null) return value;
    throw new WrongAt(
      [],
      `may take very long on some lines: with ${part} it cannot be matched in linear time; ` +
        'write it without, or so that it begins with ^ and repeats less',
      Math.max(0, value.indexOf(part)),
    );
  });
}

/** Why our own engine does not know it; null: it does. */
function wrongIn(source: string): PatternError | null {
  try {
    new Pattern(source, { search: true });
    return null;
  } catch (error) {
    if (error instanceof PatternError) return error;
    throw error;
  }
}

/** `host:port`; the port may be left out where there is a default. The result always has one. */
export function hostPort(defaultPort: number | null, example: string): Leaf<string> {
  return leaf(
    { label: defaultPort === null ? 'host:port' : 'host or host:port', json: { type: 'string' }, example },
    (value) => readHostPort(value, defaultPort, example),
  );
}

/** What `hostPort` makes of a text; throws Wrong. */
export function readHostPort(value: string, defaultPort: number | null, example: string): string {
  const alone = /^:?(\d{1,5})$/.exec(value)?.[1];
  if (alone !== undefined) throw new Wrong(`is a port without a host: write ${example.replace(/:\d+$/, '')}:${alone}`);
  const { host, port } = splitHostPort(value);
  if (/^\d+$/.test(host)) throw new Wrong(`has a number where the host should be, for example ${example}, not {}`);
  if (port === null && defaultPort === null) throw new Wrong(`needs a port, for example ${example}`);
  return `${host.includes(':') ? `[${host}]` : host}:${port ?? defaultPort}`;
}

/** Splits `host`, `host:port`, `[::1]:port`; throws Wrong where it is none of them. */
export function splitHostPort(value: string): { host: string; port: number | null } {
  const scheme = /^([a-z+]+):\/\//i.exec(value);
  if (scheme) throw new Wrong(`must be host:port without ${scheme[1]}://`);
  if (/\S\s+\S/.test(value))
    throw new Wrong('must be host:port without blanks, not {}; several are a list: [a:1, b:2]');
  if (isIP(value) === 6) return { host: value, port: null };
  const match = /^(?:\[([^\]]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?$/.exec(value);
  const host = match?.[1] ?? match?.[2];
  if (!match || host === undefined || (match[1] !== undefined && isIP(match[1]) !== 6)) {
    throw new Wrong('must be host:port, not {}');
  }
  const variable = /^\$(\w+)/.exec(host)?.[1];
  if (variable) throw new Wrong(`has $${variable}, which is not replaced: write \${${variable}}`);
  if (/[$@#?,;'"{}<>()]/.test(host)) throw new Wrong('must be host:port, not {}');
  const port = match[3] === undefined ? null : Number(match[3]);
  if (port !== null && port > 65535) throw new Wrong('must have a port from 0 to 65535');
  return { host, port };
}

/** Milliseconds, or one of the words. */
export function syncPolicy(): Leaf<number | 'always' | 'never'> {
  const json = { anyOf: [{ enum: ['always', 'never'] }, DURATION_JSON] };
  return leaf({ label: 'always, never or a duration from 10ms to 1m', json }, (value) => {
    if (value === 'always' || value === 'never') return value;
    return ranged(readDuration(value), { min: '10ms', max: '1m' }, readDuration);
  });
}
