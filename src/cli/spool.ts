/**
 * `runnel spool ls` and `runnel spool cat`: what the local log holds, read from its files alone, so it works beside a
 * running agent and without one. Nothing is changed. What the agent removes meanwhile is passed over.
 */
import { join } from 'node:path';
import { decompress } from '../records/codecs.ts';
import { type BatchRecord, records } from '../records/record-batch.ts';
import { STATE_FILE } from '../spool/find.ts';
import { acknowledgedIn } from '../spool/read-state.ts';
import { Salvage } from '../spool/salvage.ts';
import { basesIn, measured, SegmentReader, type StoredBatch } from '../spool/segment.ts';
import { partitionsIn, type SpooledTopic } from '../spool/spools.ts';
import { complain, lineOf, printJson } from './output.ts';
import { table } from './table.ts';

interface TopicFacts {
  topic: string;
  records: number;
  bytes: number;
  first: string | null;
  last: string | null;
  /** Records that are not acknowledged by Kafka. */
  waiting: number;
  damaged_bytes: number;
}

/** Resolves with the exit code. */
export async function spoolLs(dir: string, options: { json: boolean }): Promise<number> {
  const topics = await topicsIn(dir);
  if (!topics) return absent(dir);
  const facts: TopicFacts[] = [];
  for (const { topic, path } of topics) facts.push(await factsOf(topic, path));
  if (options.json) printJson(`${JSON.stringify(facts)}\n`);
  else process.stdout.write(tableOf(facts));
  return 0;
}

/** Prints each record's value on a line, or with `json` all of it; of the last `lines` only. Resolves with the exit code. */
export async function spoolCat(
  dir: string,
  topic: string,
  options: { json: boolean; lines?: string },
): Promise<number> {
  if (options.lines !== undefined && !/^\d{1,15}$/.test(options.lines)) {
    complain(`runnel: -n takes a number of records, for example -n 20, not ${options.lines}`);
    return 2;
  }
  const topics = await topicsIn(dir);
  if (!topics) return absent(dir);
  const found = topics.filter((one) => one.topic === topic);
  if (found.length === 0) {
    const known = topics.length > 0 ? `it has ${topics.map((one) => one.topic).join(', ')}` : 'it is empty';
    complain(`runnel: no topic ${topic} in ${dir}: ${known}`);
    return 1;
  }
  let damaged = 0;
  for (const { path } of found) damaged += await printAll(path, options);
  if (damaged === 0) return 0;
  complain(`runnel: ${damaged} damaged bytes in ${topic} were passed over`);
  return 1;
}

/** Gives how many bytes were damaged. */
async function printAll(at: string, options: { json: boolean; lines?: string }): Promise<number> {
  const from = options.lines === undefined ? ALL : await lastOf(at, Number(options.lines));
  let before = from.skip;
  let damaged = 0;
  for await (const entry of entries(at, (bytes) => (damaged += bytes), from.base)) {
    let lines = '';
    if (before >= entry.count) {
      before -= entry.count;
      continue;
    }
    for (const record of records(await decompress(entry.codec, entry.body))) {
      if (before > 0) {
        before--;
        continue;
      }
      const { value } = record;
      lines += lineOf(options.json ? JSON.stringify(recordJson(entry, record)) : (value?.toString() ?? ''));
    }
    if (!process.stdout.write(lines)) await written();
  }
  return damaged;
}

const ALL = { base: 0, skip: 0 };

/** Where the last `wanted` records of a partition begin: in which segment, and after how many of its records. */
async function lastOf(dir: string, wanted: number): Promise<{ base: number; skip: number }> {
  let found = 0;
  for (const base of (await basesIn(dir)).reverse()) {
    for await (const { count } of entries(dir, () => undefined, base, base)) found += count;
    if (found >= wanted) return { base, skip: found - wanted };
  }
  return ALL;
}

function recordJson(entry: StoredBatch, record: BatchRecord) {
  return {
    offset: entry.baseOffset + record.offsetDelta,
    timestamp: new Date(entry.time + record.timestampDelta).toISOString(),
    key: record.key?.toString() ?? null,
    headers: Object.fromEntries(record.headers.map(([name, value]) => [name, value.toString()])),
    value: record.value?.toString() ?? null,
  };
}

async function topicsIn(dir: string): Promise<SpooledTopic[] | null> {
  try {
    return await partitionsIn(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function absent(dir: string): number {
  complain(`runnel: no local log in ${dir}: nothing was collected there yet`);
  return 1;
}

async function factsOf(topic: string, at: string): Promise<TopicFacts> {
  const acknowledged = await acknowledgedIn(join(at, STATE_FILE));
  const facts: TopicFacts = { topic, records: 0, bytes: 0, first: null, last: null, waiting: 0, damaged_bytes: 0 };
  const onDamage = (bytes: number) => {
    facts.damaged_bytes += bytes;
  };
  for await (const { baseOffset, count, bytes, time } of entries(at, onDamage)) {
    facts.records += count;
    facts.bytes += bytes;
    facts.first ??= new Date(time).toISOString();
    facts.last = new Date(time).toISOString();
    if (baseOffset >= acknowledged) facts.waiting += count;
  }
  return facts;
}

/** The batches of a partition's segments, from one to another, as they are now. */
async function* entries(
  dir: string,
  onDamage: (bytes: number) => void,
  from = 0,
  to = Number.POSITIVE_INFINITY,
): AsyncGenerator<StoredBatch, void> {
  const bases = await basesIn(dir);
  for (const [i, base] of bases.entries()) {
    if (base < from || base > to) continue;
    try {
      const segment = await measured(dir, base, bases[i + 1]);
      const reader = await SegmentReader.open(segment, ({ bytes }) => onDamage(bytes), new Salvage());
      try {
        for (let entry = await reader.next(0); entry; entry = await reader.next(0)) yield entry;
      } finally {
        await reader.close();
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // else: trimmed by the agent meanwhile
    }
  }
}

function tableOf(facts: TopicFacts[]): string {
  const rows = facts.map((f) => [f.topic, f.records, f.bytes, f.waiting, f.first ?? '-', f.last ?? '-']);
  return table(['TOPIC', 'RECORDS', 'BYTES', 'WAITING', 'FIRST', 'LAST'], rows);
}

function written(): Promise<void> {
  return new Promise((resolve) => process.stdout.once('drain', resolve));
}
