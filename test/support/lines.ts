/** Lines for tests to write to files, and what Kafka must have of them afterwards. */
import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { readValues } from './kcat.ts';

/** `PREFIX 00000001 xxxxx`, with `PREFIX` telling files apart and the number telling what is missing. */
export function numbered(prefix: string, from: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const n = from + i;
    return `${prefix} ${String(n).padStart(8, '0')} ${'x'.repeat((n * 37) % 150)}`;
  });
}

/** Lines of any bytes: empty, short, long, text and no text; the separators of the console consumer's output left out. */
export function anyLines(count: number): Buffer[] {
  const noise = randomBytes(1 << 20).map((byte) => (byte === 0x0a || byte === 0x1e || byte === 0x1f ? 0x20 : byte));
  return Array.from({ length: count }, (_, i) => {
    if (i % 997 === 0) return Buffer.alloc(0);
    if (i % 10 !== 0) return Buffer.from(`10.0.0.${i % 256} - - "GET /item/${i} HTTP/1.1" 200 ${(i * 31) % 5000}`);
    const length = i % 5000 === 0 ? randomInt(20_000) : randomInt(200);
    const at = randomInt(noise.length - length);
    return Buffer.from(noise.subarray(at, at + length));
  });
}

/** Appends numbered lines to a file as programs do, some at a time, until it is told to stop. */
export class Writer implements AsyncDisposable {
  readonly file: string;
  readonly prefix: string;
  readonly lines: string[] = [];
  #stopped = false;
  #appended: Promise<void> = Promise.resolve();
  readonly #writing: Promise<void>;

  /** About `perSecond` lines a second. */
  constructor(file: string, prefix: string, perSecond: number) {
    this.file = file;
    this.prefix = prefix;
    this.#writing = this.#write(Math.max(1, Math.round(perSecond / 50)));
  }

  async #write(atATime: number): Promise<void> {
    while (!this.#stopped) {
      await this.append(atATime);
      await sleep(20);
    }
  }

  /** One after the other: what is written has the order of the numbers. */
  append(count: number): Promise<void> {
    this.#appended = this.#appended.then(() => this.#append(count));
    return this.#appended;
  }

  async #append(count: number): Promise<void> {
    const more = numbered(this.prefix, this.lines.length, count);
    await appendFile(this.file, `${more.join('\n')}\n`);
    for (const line of more) this.lines.push(line);
  }

  /** All lines that were written. */
  async stop(): Promise<string[]> {
    this.#stopped = true;
    await this.#writing;
    return this.lines;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** The topic holds exactly these values, once, in this order. */
export async function assertValues(
  brokers: string,
  topic: string,
  expected: readonly (string | Buffer)[],
): Promise<void> {
  const values = await readValues(brokers, topic);
  for (let i = 0; i < Math.min(values.length, expected.length); i++) {
    const wanted = Buffer.from(expected[i]!);
    if (values[i]!.equals(wanted)) continue;
    const near = (of: readonly (string | Buffer)[]) =>
      of.slice(Math.max(0, i - 1), i + 2).map((value) => String(value).slice(0, 40));
    assert.fail(`record ${i} of ${topic}: ${near(values)} instead of ${near(expected)}`);
  }
  assert.equal(values.length, expected.length, `records in ${topic}`);
}
