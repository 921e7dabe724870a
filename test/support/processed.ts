/** What steps make of lines: their records, decoded by a reader of their own, as JSON. */
import assert from 'node:assert/strict';
import { Account } from '../../src/core/account.ts';
import { Batch, type Stream } from '../../src/core/batch.ts';
import { MAX_BLOCK_BYTES, Pool } from '../../src/core/pool.ts';
import { runSteps } from '../../src/core/run.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { logEnvelope } from '../../src/lines/envelope.ts';
import { configFrom } from '../../src/options.ts';
import { NESTED } from '../../src/transforms/fields/envelope.ts';
import { membersOf } from '../../src/transforms/fields/json-text.ts';
import { type Processing, processingOf } from '../../src/transforms/process.ts';

export const pool = new Pool(16 << 20);
export const kernel = new Kernel(pool.memory, pool.arenas);
const share = pool.share('test');
const [slot, fields] = await pool.takeAll(share, 'batch', 2);
const block = await pool.take(share, 'block');

/** Objects at the top whose members come from several places. */
const BUILT = new Set(['log', 'event', 'conflict']);

/** When the lines were read. */
export const READ_AT = Date.parse('2026-11-22T14:00:00.123Z');
export const PATH = '/var/log/app/a.log';

const envelope = logEnvelope({
  input: { name: 'app', tags: {}, encoding: 'json', format: 'plain', encoding_in: 'utf-8', max_line: 262_144 },
  config: { host: 'web-1', tags: { env: 'prod' }, kafka: { partition_by: 'host' } },
  path: PATH,
  id: 'a-1',
});

/** The steps of an input, as they are written. */
export function made(process: unknown[]): Processing {
  const { logs } = configFrom({ logs: [{ name: 'app', include: [PATH], process }] }, {});
  return processingOf(logs[0]!.process, kernel, 'logs')!;
}

export interface Run {
  /** The records' values, as they stand. */
  texts: string[];
  replaced: number;
  cut: number;
}

/** Runs lines through steps that are made, and packs them; each line may have any bytes but LF. */
export function run(made: Processing, lines: readonly (string | Buffer)[], name = PATH): Run {
  const { steps } = made;
  const found: Run = { texts: [], replaced: 0, cut: 0 };
  for (const batch of batchesOf(made, lines, name)) {
    for (const step of steps) {
      step.in += batch.count;
      step.apply(batch);
      step.out += batch.count;
    }
    pack(made, batch, found);
  }
  return found;
}

/** The same as the pipeline does it, slice by slice; with the topics' numbers. */
export async function runSliced(
  made: Processing,
  lines: readonly (string | Buffer)[],
): Promise<Run & { routes: number[] }> {
  const found = { texts: [], replaced: 0, cut: 0, routes: [] as number[] };
  for (const batch of batchesOf(made, lines, PATH)) {
    (await runSteps(batch, made.steps)).count(true);
    pack(made, batch, found);
    for (let i = 0; i < batch.count; i++) found.routes.push(batch.routes?.[i] ?? 0);
  }
  return found;
}

function* batchesOf({ fields: plan }: Processing, lines: readonly (string | Buffer)[], name: string): Generator<Batch> {
  const stream: Stream = {
    name,
    topic: 'logs',
    key: 'web-1',
    account: new Account('logs.app'),
    envelope: () => envelope,
    replayable: true,
    ...(plan && { fields: plan }),
  };
  let at = 0;
  for (let i = 0; i < lines.length; ) {
    const batch = new Batch(slot!, share, stream, fields);
    let used = 0;
    const first = i;
    for (; i < lines.length && batch.count < (plan?.most ?? 1000); i++) {
      const line = Buffer.from(lines[i]!);
      if (used + line.length + 1 > 512 << 10 && i > first) break;
      line.copy(slot!.bytes, used);
      used += line.length;
      slot!.bytes[used++] = 10;
      batch.count++;
    }
    slot!.bytes.fill(0x78, used, used + 100);
    batch.count = kernel.findLines(slot!, slot!.bytesAt, slot!.bytesAt + used, slot!.bytesAt, 0);
    Object.assign(batch, { from: at, end: at + used, used, time: READ_AT, weight: batch.count });
    at += used;
    yield batch;
  }
}

function pack({ fields: plan }: Processing, batch: Batch, found: Run): void {
  for (let packed = 0; packed < batch.count; ) {
    const job = { envelope, time: READ_AT, position: batch.from, skipped: 0, delta: 0, empty: true };
    const room = { outAt: block.bytesAt, limitAt: block.bytesAt + MAX_BLOCK_BYTES };
    const packer = plan ?? kernel;
    const count = plan
      ? plan.pack(batch, packed, batch.count - packed, { ...job, ...room })
      : kernel.pack(slot!, packed, batch.count - packed, { ...job, ...room });
    assert.ok(count > 0 && packer.endAt <= room.limitAt, 'a record has no room');
    const records = Buffer.from(pool.memory.buffer, block.bytesAt, packer.endAt - block.bytesAt);
    const read = [...valuesOf(records)];
    assert.equal(read.length, count);
    for (const value of read) assertOnce(value);
    // As it is shown to who looks on.
    const shown = batch.rows && plan ? plan.show(batch, packed) : null;
    assert.equal(shown ?? read[0], read[0]);
    found.texts.push(...read);
    packed += count;
    found.replaced += packer.replaced;
    found.cut += packer.cut;
  }
}

/** No name is twice in what the agent puts together: Elasticsearch refuses such a document. */
function assertOnce(object: string, path = ''): void {
  const members = membersOf(object);
  assert.equal(
    new Set(members.map(({ name }) => name)).size,
    members.length,
    `${path || 'a name'} is twice: ${object}`,
  );
  for (const { name, value } of members) {
    const isBuilt = path === '' ? BUILT.has(name) : path === 'conflict' && NESTED.has(name);
    if (value[0] === '{' && isBuilt) assertOnce(value, path === '' ? name : `${path}.${name}`);
  }
}

/** The values of the records of a block, decoded here on purpose: varints, key, value, no headers. */
function* valuesOf(records: Buffer): Generator<string> {
  for (let at = 0; at < records.length; ) {
    const record = varintAt(records, at);
    const delta = varintAt(records, record.end + 2);
    const key = varintAt(records, delta.end);
    const value = varintAt(records, key.end + key.value);
    assert.equal(records.toString('utf8', key.end, key.end + key.value), 'web-1');
    yield new TextDecoder('utf-8', { fatal: true }).decode(records.subarray(value.end, value.end + value.value));
    const headers = varintAt(records, value.end + value.value);
    assert.equal(headers.value, 0);
    at = record.end + record.value;
    assert.equal(headers.end, at);
  }
}

function varintAt(bytes: Buffer, at: number): { value: number; end: number } {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++]!;
    value += (byte & 127) * scale;
    if (byte < 128) return { value: value / 2, end: at };
  }
}

/** The records that steps make of lines, without what is the same for all: `@timestamp` when it is of the reading, host, labels, file. */
export function processed(
  process: unknown[],
  lines: readonly (string | Buffer)[],
  name = PATH,
): Record<string, unknown>[] {
  const all = made(process);
  try {
    return run(all, lines, name).texts.map(brief);
  } finally {
    all.close();
  }
}

// biome-ignore lint/suspicious/noExplicitAny: a document
export function brief(text: string): any {
  const { host, labels, log, event, ...rest } = JSON.parse(text);
  assert.deepEqual([host, labels], [{ name: 'web-1' }, { env: 'prod' }]);
  assert.equal(event.dataset, 'app');
  const { file, offset, length, ...more } = log;
  assert.deepEqual(file, { path: PATH, id: 'a-1' });
  assert.ok(offset >= 0 && length > 0);
  const { dataset, ...said } = event;
  if (rest['@timestamp'] === new Date(READ_AT).toISOString()) delete rest['@timestamp'];
  return {
    ...rest,
    ...(Object.keys(more).length > 0 && { log: more }),
    ...(Object.keys(said).length > 0 && { event: said }),
  };
}
