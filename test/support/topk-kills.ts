/**
 * `runnel sink topk` and its Redis, killed in turn while records come. What Redis has in the end must be what the records
 * say: every window's sum, and every name of one ranking.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { createTopic, endOffsets } from './kafka.ts';
import { freePort } from './ports.ts';
import { sendValues } from './produce.ts';
import { type RedisServerOptions, startRedis } from './redis.ts';
import { sumsOf } from './topk.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const PARTITIONS = 4;
const BATCH = 250;
const PATIENCE_MS = 60_000;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A process of the consumer, as it is started by hand. */
export class TopkProcess {
  readonly child: ChildProcess;
  stderr = '';

  constructor(config: string, entry = MAIN) {
    this.child = spawn(process.execPath, [entry, 'sink', 'topk', '-c', config], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    running.add(this.child);
    this.child.once('exit', () => running.delete(this.child));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-100_000);
    });
  }

  /** Its exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill(signal);
      await once(this.child, 'close');
    }
    return this.child.exitCode;
  }
}

export interface TopkSetting {
  dir: string;
  config: string;
  topic: string;
  group: string;
  /** `http://127.0.0.1:PORT` */
  admin: string;
}

/** A topic and a configuration of one's own. */
export async function topkSetting(brokers: string, redisUrl: string, more: object = {}): Promise<TopkSetting> {
  const dir = await mkdtemp(join(tmpdir(), 'runnel-topk-'));
  const topic = `topk-${Math.random().toString(36).slice(2, 10)}`;
  await createTopic(brokers, topic, { partitions: PARTITIONS });
  const config = join(dir, 'sink.yaml');
  const listen = `127.0.0.1:${await freePort()}`;
  const rankings = [
    { name: 'requests', metric: 'http.requests', by: ['attributes.path', 'host.name'] },
    { name: 'slowest', metric: 'http.*.duration', by: ['attributes.path'], value: 'max', field: 'p95' },
    { name: 'records', metric: '*', by: ['name'], value: 'count' },
  ];
  const topk = { redis: { url: redisUrl }, topics: [topic], group: topic, session_timeout: '6s', rankings, ...more };
  const whole = {
    ...{ host: 'web-1', data_dir: join(dir, 'data'), kafka: { brokers }, admin: { listen }, sink: { topk } },
    log: { level: 'debug' },
  };
  await writeFile(config, JSON.stringify(whole));
  return { dir, config, topic, group: topic, admin: `http://${listen}` };
}

/** Records of flushes of 10 s, the last ones now: half of them are counters, a quarter histograms. */
export function metricRecord(i: number, of: number): string {
  const end = Math.floor(Date.now() / 10_000) * 10_000 - Math.floor(((of - i) * 400) / of) * 10_000;
  const [to, from] = [new Date(end).toISOString(), new Date(end - 10_000).toISOString()];
  const path = `/api/item/${(i * 7919) % 400}`;
  const [name, fields] =
    i % 4 === 0
      ? ['http.server.duration', `"type":"histogram","count":3,"sum":1.5,"p95":${((i * 31) % 1000) / 8}`]
      : i % 4 === 1
        ? ['system.cpu.time', `"type":"sum","value":${i / 7}`]
        : ['http.requests', `"type":"sum","value":${(i % 13) + 1}`];
  return `{"@timestamp":"${to}","start":"${from}","interval":10,"name":"${name}",${fields},"attributes":{"path":"${path}"},"host":{"name":"web-${i % 3}"},"event":{"id":"x-${i}","dataset":"statsd"}}`;
}

/** What it must come to, by ranking, window and start: `requests:60:1780000000`. Of requests by name, too. */
class Expected {
  readonly sums = new Map<string, number>();
  readonly names = new Map<string, number>();

  add(text: string): void {
    const record = JSON.parse(text);
    const time = Math.floor((Date.parse(record['@timestamp']) - 1) / 1000);
    for (const window of [60, 3600]) {
      const at = `${window}:${Math.floor(time / window) * window}`;
      plus(this.sums, `records:${at}`, 1);
      if (record.name !== 'http.requests') continue;
      plus(this.sums, `requests:${at}`, record.value);
      plus(this.names, `${at}:${record.attributes.path}\x1f${record.host.name}`, record.value);
    }
  }
}

function plus(to: Map<string, number>, key: string, value: number): void {
  to.set(key, (to.get(key) ?? 0) + value);
}

export interface KillsOptions {
  brokers: string;
  /** Of the consumer, and as many of Redis. */
  kills: number;
  records: number;
  fsync: NonNullable<RedisServerOptions['fsync']>;
}

export interface KillsResult {
  kills: number;
  records: number;
  windows: number;
  names: number;
  sum: number;
  seconds: number;
}

/** Throws where anything differs. */
export async function topkKills({ brokers, kills, records, fsync }: KillsOptions): Promise<KillsResult> {
  const began = performance.now();
  const server = await startRedis({ fsync });
  const redis = server.client();
  const setting = await topkSetting(brokers, server.url);
  const client = new KafkaClient({ brokers: [brokers], client_id: 'test', create_topics: false, quiet: true });
  let consumer = new TopkProcess(setting.config);
  try {
    const expected = new Expected();
    const step = Math.ceil(records / (kills * 2 + 1) / BATCH) * BATCH;
    let sent = 0;
    const send = async (until: number) => {
      for (; sent < until; sent += BATCH) {
        const values = Array.from({ length: BATCH }, (_, i) => metricRecord(sent + i, records));
        for (const value of values) expected.add(value);
        await sendValues(client, setting.topic, (sent / BATCH) % PARTITIONS, values, { codec: 'zstd' });
        await sleep(2);
      }
    };
    for (let kill = 0; kill < kills * 2; kill++) {
      const end = Math.min(records, (kill + 1) * step);
      const feeding = send(end);
      // In the midst of what was just sent.
      const from = Math.min((await counted(redis, setting)) + step / 4, end - BATCH);
      await waitFor(`it has got on to ${from}`, async () => (await counted(redis, setting)) >= from, consumer);
      await sleep(Math.random() * 300);
      if (kill % 2 === 0) {
        await server.kill();
        await sleep(Math.random() * 200);
        await server.start();
      } else {
        await consumer.end('SIGKILL');
        consumer = new TopkProcess(setting.config);
      }
      await feeding;
    }
    await send(records);
    const ends = await endOffsets(brokers, setting.topic);
    const all = ends.reduce((sum, end) => sum + end, 0);
    assert.equal(all, sent, 'every record is in Kafka once');
    await waitFor('all is counted', async () => (await counted(redis, setting)) === all, consumer);
    const result = await compare(redis, setting, expected);
    await balanced(setting);
    assert.equal(await consumer.end('SIGTERM'), 0, consumer.stderr);
    return { kills: kills * 2, records: sent, ...result, seconds: (performance.now() - began) / 1000 };
  } finally {
    await consumer.end('SIGKILL');
    client.close();
    await server[Symbol.asyncDispose]();
    await rm(setting.dir, { recursive: true, force: true });
  }
}

/** How many records have been counted by Redis's positions. */
export async function counted(redis: Redis, { group, topic }: TopkSetting): Promise<number> {
  const positions = await redis.hgetall(`runnel:{${group}}:positions`);
  let sum = 0;
  for (const [field, value] of Object.entries(positions)) if (field.startsWith(`${topic}/`)) sum += Number(value);
  return sum;
}

async function compare(redis: Redis, { group }: TopkSetting, expected: Expected) {
  const sums = new Map<string, number>();
  let [sum, names] = [0, 0];
  for (const key of await redis.keys(`runnel:{${group}}:*:*:*`)) {
    const [, , ranking, window, start] = key.split(':') as [string, string, string, string, string];
    if (ranking === 'slowest') continue;
    const found = await sumsOf(redis, key);
    sums.set(
      `${ranking}:${window}:${start}`,
      [...found.values()].reduce((all, value) => all + value, 0),
    );
    if (ranking !== 'requests') continue;
    for (const [name, value] of found) {
      const at = `${window}:${start}:${name}`;
      assert.equal(value, expected.names.get(at), `${ranking}:${at}`);
      names++;
    }
    if (window === '3600') sum += sums.get(`${ranking}:${window}:${start}`)!;
  }
  assert.deepEqual(new Map([...sums].sort()), new Map([...expected.sums].sort()));
  assert.equal(names, expected.names.size);
  return { windows: sums.size, names, sum };
}

async function balanced({ admin }: TopkSetting): Promise<void> {
  for (const until = performance.now() + PATIENCE_MS; ; await sleep(50)) {
    const status = (await (await fetch(`${admin}/status`)).json()) as Record<string, unknown>;
    const { books, partitions } = status as {
      books: { unaccounted: number; in_flight: number };
      partitions: { committed: number | null; end: number | null }[];
    };
    const done =
      books.in_flight === 0 && partitions.every(({ committed, end }) => committed !== null && committed === end);
    if (done && books.unaccounted === 0 && partitions.length === PARTITIONS) return;
    assert.ok(performance.now() < until, `waited in vain for books that balance: ${JSON.stringify(status)}`);
  }
}

async function waitFor(what: string, so: () => Promise<boolean>, consumer: TopkProcess): Promise<void> {
  for (const until = performance.now() + PATIENCE_MS; !(await so()); await sleep(20)) {
    assert.equal(consumer.child.exitCode, null, `it ended: ${consumer.stderr}`);
    assert.ok(performance.now() < until, `waited in vain: ${what}; ${consumer.stderr.slice(-3000)}`);
  }
}
