/** The agent's own words, one line each on stderr. Never the contents of a record, but for debugging. */
export type Level = 'debug' | 'info' | 'warn' | 'error';

export interface LogOptions {
  /** What is of less weight is not said. */
  level: Level;
  /** `text`: time, level, message. `json`: the same as an object a line. */
  format: 'text' | 'json';
}

const WEIGHTS: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Bytes, about, that keys may take: paths are in them, which anybody makes up. */
const MOST_BYTES = 4_000_000;
/** When they take so much, those whose time is over are looked for. */
const SOME_BYTES = 100_000;
/** Of a key, beside its characters. */
const KEY_BYTES = 100;

/** What was said, by a key, and is not to be said again for some time. */
export class Said {
  readonly #until = new Map<string, number>();
  #bytes = 0;
  #sweepAt = SOME_BYTES;

  get bytes(): number {
    return this.#bytes;
  }

  /** True: it was not said in the `ms` before. Then it counts as said `now`, milliseconds of one clock. */
  begin(key: string, ms: number, now: number): boolean {
    const until = this.#until.get(key);
    if (until !== undefined && now < until) return false;
    if (until === undefined) this.#bytes += key.length + KEY_BYTES;
    this.#until.set(key, now + ms);
    if (this.#bytes >= this.#sweepAt) this.#sweep(now);
    return true;
  }

  #sweep(now: number): void {
    for (const [key, until] of this.#until) {
      if (until > now) continue;
      this.#until.delete(key);
      this.#bytes -= key.length + KEY_BYTES;
    }
    if (this.#bytes > MOST_BYTES / 2) {
      this.#until.clear();
      this.#bytes = 0;
    }
    this.#sweepAt = Math.max(SOME_BYTES, this.#bytes * 2);
  }
}

/** Characters of what was said last that are kept. */
const KEPT = 256 * 1024;

/** The last lines, without those of level debug: they may show records. */
class Kept {
  readonly #lines: string[] = [];
  #characters = 0;

  add(line: string): void {
    this.#lines.push(line);
    this.#characters += line.length + 1;
    while (this.#characters > KEPT) this.#characters -= this.#lines.shift()!.length + 1;
  }

  get text(): string {
    return this.#lines.map((line) => `${line}\n`).join('');
  }
}

const kept = new Kept();

/** What this process said last, 256 KiB at most, oldest first. */
export function saidLast(): string {
  return kept.text;
}

const said = new Said();
let options: LogOptions = { level: 'info', format: 'text' };
let elsewhere: ((level: Level, message: string) => void) | null = null;

/** What is said from now on is said so. */
export function setLog(to: LogOptions): void {
  options = to;
}

/**
 * All that is said from now on goes there instead, to be said by another process: one that may hang must not keep the
 * stderr of that one open.
 */
export function sayTo(other: (level: Level, message: string) => void): void {
  elsewhere = other;
}

function isSaid(level: Level): boolean {
  return elsewhere !== null || WEIGHTS[level] >= WEIGHTS[options.level];
}

function say(level: Level, message: string): void {
  if (!isSaid(level)) return;
  if (elsewhere) return void elsewhere(level, message);
  const line = lineOf(level, message);
  if (level !== 'debug') kept.add(line);
  process.stderr.write(`${line}\n`);
}

/** Control characters (of a file's name, of a broker's answer) must not reach a terminal. */
function lineOf(level: Level, message: string): string {
  const time = new Date().toISOString();
  const hex = (c: string, digits: number) => c.charCodeAt(0).toString(16).padStart(digits, '0');
  if (options.format === 'text') {
    return `${time} ${level} ${message.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${hex(c, 2)}`)}`;
  }
  return JSON.stringify({ time, level, message }).replace(/[\x7f-\x9f]/g, (c) => `\\u${hex(c, 4)}`);
}

export const log = {
  debug(message: string): void {
    say('debug', message);
  },
  info(message: string): void {
    say('info', message);
  },
  warn(message: string): void {
    say('warn', message);
  },
  error(message: string): void {
    say('error', message);
  },
  /** A warning about one thing, at most once in `every_ms` (default: an hour) for each key. */
  warnOnce(key: string, message: string, every_ms = 3_600_000): void {
    if (isSaid('warn') && said.begin(key, every_ms, performance.now())) say('warn', message);
  },
  /** What may show the contents of a record, and often: to who asks for it, at most once in `every_ms` for each key. */
  debugOnce(key: string, message: string, every_ms: number): void {
    if (isSaid('debug') && said.begin(key, every_ms, performance.now())) say('debug', message);
  },
};
