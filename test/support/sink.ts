/**
 * A sink as its users run it: the program in a process of its own, driven through its configuration, signals and HTTP
 * alone. While it runs its books are looked at, and must balance.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import kafkajs from 'kafkajs';
import type { SinkStatus } from '../../src/consumers/process/status.ts';
import { endOffsets } from './kafka.ts';
import { storedDocuments } from './opensearch.ts';
import { freePort } from './ports.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const FAST_CLOCK = new URL('fast-clock.ts', import.meta.url).href;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface SinkConfig {
  dir: string;
  brokers: string;
  /** In the YAML's own keys, below `sink`. */
  sink: Record<string, unknown>;
  /** Other sections. */
  more?: Record<string, unknown>;
  host?: string;
  /** The program: a built one's `main.js`. Default: the sources as they are. */
  main?: string;
  /** How many times as fast as the machine's its clocks go. */
  clock?: number;
  /** Of whose slots it takes one: part of data_dir's name; default the host. */
  slots?: string;
}

export class SinkProcess {
  readonly child: ChildProcess;
  readonly url: string;
  /** Its own log. */
  log = '';
  readonly #ended: Promise<number | string>;

  private constructor(child: ChildProcess, url: string) {
    this.child = child;
    this.url = url;
    child.stderr!.on('data', (text) => {
      this.log += text;
    });
    child.stdout!.on('data', (text) => {
      this.log += text;
    });
    this.#ended = once(child, 'close').then(([code, signal]) => code ?? signal);
    running.add(child);
    this.#ended.then(() => running.delete(child));
  }

  /** `kind`: what follows `runnel sink`. */
  static async start(kind: string, config: SinkConfig, args: readonly string[] = []): Promise<SinkProcess> {
    const { dir, brokers, sink, more = {}, host = 'sink-host', slots = host, main = MAIN, clock } = config;
    const port = await freePort();
    const dataDir = path.join(dir, `data-${slots}`);
    await mkdir(dataDir, { recursive: true });
    const file = path.join(dir, `sink-${port}.yaml`);
    const all = {
      host,
      data_dir: dataDir,
      kafka: { brokers: brokers.split(','), compression: 'none' },
      admin: { listen: `127.0.0.1:${port}` },
      sink,
      ...more,
    };
    // JSON is YAML.
    await writeFile(file, JSON.stringify(all));
    const first = clock === undefined ? [] : ['--import', FAST_CLOCK];
    const child = spawn(process.execPath, [...first, main, 'sink', kind, '-c', file, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...(clock !== undefined && { RUNNEL_TEST_CLOCK: String(clock) }) },
    });
    return new SinkProcess(child, `http://127.0.0.1:${port}`);
  }

  /** Its exit code, or the signal that ended it. */
  get ended(): Promise<number | string> {
    return this.#ended;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Null: it does not answer. */
  async status(): Promise<SinkStatus | null> {
    try {
      const answer = await fetch(`${this.url}/status`, { signal: AbortSignal.timeout(5000) });
      return (await answer.json()) as SinkStatus;
    } catch {
      return null;
    }
  }

  /** Waits until its status is so; fails where its books do not balance, or it ends. */
  async until(what: string, so: (status: SinkStatus) => boolean, limitMs = 60_000): Promise<SinkStatus> {
    const deadline = Date.now() + limitMs;
    for (let last: SinkStatus | null = null; ; await sleep(50)) {
      const status = await this.status();
      if (status) {
        last = status;
        assert.equal(status.books.unaccounted, 0, `the books do not balance: ${JSON.stringify(status.books)}`);
        if (so(status)) return status;
      }
      const seen = JSON.stringify(last)?.slice(0, 4000);
      assert.ok(this.isRunning, `the sink ended (${this.child.exitCode}), waiting for: ${what}\n${this.log}`);
      assert.ok(Date.now() < deadline, `waited in vain: ${what}\n${seen}\n${this.log}`);
    }
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#ended;
  }

  /** SIGTERM; gives the exit code. */
  async stop(limitMs = 20_000): Promise<number | string> {
    this.child.kill('SIGTERM');
    return await Promise.race([
      this.#ended,
      sleep(limitMs, undefined, { ref: false }).then(() => assert.fail(`it does not stop:\n${this.log}`)),
    ]);
  }
}

/** The log document number `seq` of a test. */
export function logDocument(seq: number): object {
  const ms = String(seq % 1000).padStart(3, '0');
  const message = `GET /${seq % 977} 200 ${(seq * 7919) % 100_003}`;
  return { '@timestamp': `2026-11-30T08:00:00.${ms}Z`, message, seq, labels: { env: 'prod' } };
}

export interface Fed {
  key?: string | null;
  value: string | Buffer | null;
  headers?: Record<string, string>;
  partition?: number;
}

/** Writes records, acknowledged, some hundred a batch. */
export async function feed(brokers: string, topic: string, records: readonly Fed[]): Promise<void> {
  const client = new kafkajs.Kafka({ brokers: brokers.split(','), logLevel: kafkajs.logLevel.NOTHING });
  const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  try {
    for (let i = 0; i < records.length; i += 700) await producer.send({ topic, messages: records.slice(i, i + 700) });
  } finally {
    await producer.disconnect();
  }
}

/** Documents [from, to), over so many partitions in turn, some hundred in a row. */
export function logRecords(from: number, to: number, partitions: number): Fed[] {
  return Array.from({ length: to - from }, (_, i) => {
    const seq = from + i;
    return { value: JSON.stringify(logDocument(seq)), partition: Math.floor(seq / 250) % partitions };
  });
}

/** What of the topic is not committed by the group. */
export async function lagOf(brokers: string, group: string, topic: string): Promise<number> {
  const ends = await endOffsets(brokers, topic);
  // kafkajs finds a group's coordinator at the second attempt.
  const client = new kafkajs.Kafka({ brokers: brokers.split(','), logLevel: kafkajs.logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  const offsets = await admin.fetchOffsets({ groupId: group, topics: [topic] }).finally(() => admin.disconnect());
  const committed = new Map(offsets[0]!.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
  return ends.reduce((sum, end, partition) => sum + end - Math.max(0, committed.get(partition) ?? 0), 0);
}

/** Waits until the group has committed all of the topic. */
export async function untilConsumed(brokers: string, group: string, topic: string, limitMs = 120_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    // A coordinator may be loading.
    const lag = await lagOf(brokers, group, topic).catch(() => null);
    if (lag === 0) return;
    assert.ok(Date.now() < deadline, `${lag ?? 'unknown'} records of ${topic} are not committed after ${limitMs} ms`);
    await sleep(200);
  }
}

export interface Compared {
  stored: number;
  /** Numbers that are in no document. */
  missing: number[];
  /** Documents beyond the first of a number, and beyond the first of an id. */
  twice: number;
}

/** Compares what is stored with the numbers [0, count) without `left`. */
export async function compare(
  url: string,
  pattern: string,
  count: number,
  left: (seq: number) => boolean = () => false,
): Promise<Compared> {
  const documents = await storedDocuments(url, pattern);
  const seen = new Set<number>(documents.map(({ source }) => source.seq));
  const ids = new Set(documents.map(({ id }) => id));
  const missing = Array.from({ length: count }, (_, seq) => seq).filter((seq) => !left(seq) && !seen.has(seq));
  return { stored: documents.length, missing, twice: documents.length - Math.min(seen.size, ids.size) };
}
