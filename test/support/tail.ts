/** An output that keeps what a source pushes: the real pool, batches and kernel, and no Kafka. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Account } from '../../src/core/account.ts';
import type { Batch, Stream } from '../../src/core/batch.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { Masking } from '../../src/lines/masking.ts';
import type { FileStatus } from '../../src/sources/tail/file/status.ts';
import type { FileStream } from '../../src/sources/tail/file/stream.ts';
import { Positions } from '../../src/sources/tail/positions/positions.ts';
import { type TailOptions, type TailSource, tailSource } from '../../src/sources/tail/tail.ts';
import { recordsOf, type Seen, TestOutput } from './output.ts';
import { type TailValues, tailInput } from './tail-input.ts';

/** Of hashes in place of secrets. */
export const MASK_KEY = Buffer.alloc(32, 1);

export interface Line extends Seen {
  path: string;
  id: string;
  /** Bytes between the record before and this one. */
  skipped: number;
}

export class Collected extends TestOutput {
  readonly kernel: Kernel;
  readonly lines: Line[] = [];
  /** Of each batch. */
  readonly streams: FileStream[] = [];
  /** True: bytes may be left out between records. */
  gaps = false;
  /** False: nothing is acknowledged. */
  settling = true;
  /** Set: `take` waits for it. */
  blocked: Promise<void> | null = null;
  #changed: () => void = () => undefined;

  constructor() {
    super((batch) => this.#keep(batch));
    this.kernel = new Kernel(this.pool.memory, this.pool.arenas);
  }

  override async take(stream: Stream, signal?: AbortSignal): Promise<Batch> {
    if (this.blocked) await Promise.race([this.blocked, signal && once(signal, 'abort')]);
    return super.take(stream, signal);
  }

  /** Lets nothing through until the result is called. */
  block(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.blocked = promise;
    return () => {
      this.blocked = null;
      resolve();
    };
  }

  #keep(batch: Batch): void {
    const stream = batch.stream as FileStream;
    const { id, path } = stream.generation;
    this.streams.push(stream);
    let end = batch.from;
    for (const record of recordsOf(batch, 'latin1')) {
      const skipped = record.offset - end;
      assert.ok(skipped >= 0, 'records take the bytes of the file in order');
      if (skipped > 0) assert.ok(this.gaps, 'records take the bytes of the file without a gap');
      end = record.offset + record.length;
      this.lines.push({ path, id, ...record, skipped });
    }
    assert.equal(end, batch.end);
    assert.equal(batch.weight, batch.count);
    if (this.settling) {
      stream.settled(batch.end, 0);
      batch.also?.stream.settled?.(batch.also.end, 0);
    }
    this.#changed();
  }

  texts(path?: string): string[] {
    return this.lines.filter((line) => path === undefined || line.path === path).map((line) => line.text);
  }

  /** Waits until this many lines have come. */
  async count(lines: number): Promise<void> {
    while (this.lines.length < lines) await new Promise<void>((resolve) => (this.#changed = resolve));
  }
}

/** What the descriptors of this process are on; deleted files end in ` (deleted)`. */
export function openPaths(): string[] {
  return readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // It was the one that listed them.
      return '';
    }
  });
}

/** `line N` for each N in [from, to). */
export function numbered(from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) text += `line ${i}\n`;
  return text;
}

/** The lines of a text that ends with one. */
export function rows(text: string): string[] {
  return text.split('\n').slice(0, -1);
}

/** What is said while `run` runs, a line each. */
export async function said(run: () => Promise<void>): Promise<string[]> {
  const lines: string[] = [];
  const { write } = process.stderr;
  process.stderr.write = ((text: string | Uint8Array) => {
    lines.push(...String(text).split('\n').filter(Boolean));
    return true;
  }) as typeof write;
  try {
    await run();
  } finally {
    process.stderr.write = write;
  }
  return lines;
}

/** A directory of logs, a data_dir, and sources over them, one after the other as after restarts. */
export class Bench {
  readonly logs: string;
  readonly data: string;
  readonly account = new Account('logs.test');
  output = new Collected();
  /** Its files as one array, which the agent never makes. */
  source!: TailSource & { files(count?: number): FileStatus[] };
  positions!: Positions;
  readonly #mounts: string[] = [];
  #abort = new AbortController();
  #running: Promise<void> | null = null;

  constructor(t: TestContext) {
    const root = mkdtempSync(join(tmpdir(), 'runnel-tail-'));
    this.logs = join(root, 'logs');
    this.data = join(root, 'data');
    mkdirSync(this.logs);
    mkdirSync(this.data);
    t.after(async () => {
      await this.stop();
      for (const dir of this.#mounts) spawnSync('umount', ['-l', dir]);
      rmSync(root, { recursive: true, force: true });
    });
  }

  /** Puts a small disk of its own there; false where this user may not. */
  mount(dir: string, size: string): boolean {
    const done = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', dir]).status === 0;
    if (done) this.#mounts.push(dir);
    return done;
  }

  /** Has a directory under another name there, too; false where this user may not. */
  bind(from: string, name: string): boolean {
    mkdirSync(this.path(name));
    const done = spawnSync('mount', ['--bind', from, this.path(name)]).status === 0;
    if (done) this.#mounts.push(this.path(name));
    return done;
  }

  path(name: string): string {
    return join(this.logs, name);
  }

  async start(input: TailValues = {}, first = true, more: Partial<TailOptions> = {}): Promise<Collected> {
    if (first) this.output = new Collected();
    await this.open(input, more);
    this.#abort = new AbortController();
    this.#running = this.source.run(this.output, this.#abort.signal);
    return this.output;
  }

  /** A source that does not run yet. */
  async open(input: TailValues = {}, more: Partial<TailOptions> = {}): Promise<void> {
    this.positions = await Positions.open(this.data, [input.name ?? 'test']);
    const include = [`${this.logs}/*.log`];
    const { kernel } = this.output;
    const config = tailInput({ include, rotate_wait: 1000, ...input });
    const source = tailSource({
      input: config,
      masking: Masking.of('test', config.masks, kernel, MASK_KEY),
      host: 'web-1',
      tags: {},
      partition_by: 'host',
      positions: this.positions,
      data_dir: this.data,
      kernel,
      account: this.account,
      ...more,
    });
    this.source = Object.assign(source, { files: (count = Number.POSITIVE_INFINITY) => [...source.listing(count)] });
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#abort.abort();
    await this.#running;
    this.#running = null;
    await this.positions.close();
  }
}
