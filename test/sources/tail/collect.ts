/** An output that keeps what a source pushes: the real pool, batches and kernel, and no Kafka. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Account } from '../../../src/core/account.ts';
import { Batch, type Stream } from '../../../src/core/batch.ts';
import type { Output } from '../../../src/core/pipeline.ts';
import { Pool } from '../../../src/core/pool.ts';
import { Kernel } from '../../../src/kernel/kernel.ts';
import type { FileStatus } from '../../../src/sources/tail/file/status.ts';
import type { FileStream } from '../../../src/sources/tail/file/stream.ts';
import { Positions } from '../../../src/sources/tail/positions/positions.ts';
import { type TailOptions, type TailSource, tailSource } from '../../../src/sources/tail/tail.ts';

export interface Line {
  path: string;
  id: string;
  text: string;
  offset: number;
  length: number;
  flags: number;
  /** Bytes between the record before and this one. */
  skipped: number;
}

export class Collected implements Output {
  readonly pool = new Pool(8 << 20);
  readonly kernel = new Kernel(this.pool.memory);
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

  async take(stream: Stream, signal?: AbortSignal): Promise<Batch> {
    if (this.blocked) await Promise.race([this.blocked, signal && once(signal, 'abort')]);
    const share = this.pool.share(stream.topic);
    return new Batch(await this.pool.take(share, 'batch', signal), share, stream);
  }

  async push(batch: Batch): Promise<void> {
    const { slot, stream } = batch;
    const { id, path } = (stream as FileStream).generation;
    this.streams.push(stream as FileStream);
    let end = 0;
    for (let i = 0; i < batch.count; i++) {
      const text = slot.bytes.toString('latin1', slot.starts[i]! - slot.bytesAt, slot.ends[i]! - slot.bytesAt);
      const skipped = slot.source[i]! - end;
      assert.ok(skipped >= 0, 'records take the bytes of the file in order');
      if (skipped > 0) assert.ok(this.gaps, 'records take the bytes of the file without a gap');
      end = slot.source[i]! + slot.length[i]!;
      const line = { path, id, text, offset: batch.from + slot.source[i]!, length: slot.length[i]! };
      this.lines.push({ ...line, flags: slot.flags[i]!, skipped });
    }
    assert.equal(batch.from + end, batch.end);
    assert.equal(batch.weight, batch.count);
    if (this.settling) {
      stream.settled?.(batch.end, 0);
      batch.also?.stream.settled?.(batch.also.end, 0);
    }
    this.pool.give(batch.share, 'batch', slot);
    this.#changed();
  }

  discard(batch: Batch): void {
    this.pool.give(batch.share, 'batch', batch.slot);
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

/** Runs `tick` until it is true. */
export async function until(what: string, done: () => boolean, timeout_ms = 20_000): Promise<void> {
  const start = performance.now();
  while (!done()) {
    assert.ok(performance.now() - start < timeout_ms, `waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
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

type Input = TailOptions['input'];

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

  async start(input: Partial<Input> = {}, first = true, more: Partial<TailOptions> = {}): Promise<Collected> {
    if (first) this.output = new Collected();
    this.#abort = new AbortController();
    this.positions = await Positions.open(this.data, [input.name ?? 'test']);
    const defaults = {
      name: 'test',
      include: [`${this.logs}/*.log`],
      exclude: [],
      topic: 'logs',
      encoding: 'raw',
      format: 'plain',
      encoding_in: 'utf-8',
      tags: {},
      start_at: 'beginning',
      ignore_older: null,
      max_line: 256 * 1024,
      rotate_wait: 1000,
      hold_deleted: 1 << 30,
      delete_after: null,
      forget_after: 7 * 86_400_000,
      max_files: 200_000,
    };
    const source = tailSource({
      input: { ...defaults, ...input } as Input,
      host: 'web-1',
      tags: {},
      partition_by: 'host',
      positions: this.positions,
      data_dir: this.data,
      kernel: this.output.kernel,
      account: this.account,
      ...more,
    });
    this.source = Object.assign(source, { files: (count = Number.POSITIVE_INFINITY) => [...source.listing(count)] });
    this.#running = this.source.run(this.output, this.#abort.signal);
    return this.output;
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#abort.abort();
    await this.#running;
    this.#running = null;
    await this.positions.close();
  }
}
