/**
 * `runnel explain log PATH LINE`: the record that a line of a file would become, without a running agent. LINE is what the
 * line says: encoding_in does not change it. With `format` or `multiline` it may be several lines, and make several records.
 */
import { ConfigError } from '../config/errors.ts';
import { Account } from '../core/account.ts';
import { Batch, type Stream } from '../core/batch.ts';
import type { Step } from '../core/pipeline.ts';
import { Pool, type Slot } from '../core/pool.ts';
import { Kernel, type PackJob } from '../kernel/kernel.ts';
import { logEnvelope, partitionKey } from '../lines/envelope.ts';
import { Format } from '../lines/format.ts';
import type { Envelope } from '../records/envelope.ts';
import { records } from '../records/record-batch.ts';
import { Selection } from '../sources/tail/find/selection.ts';
import { processingOf } from '../transforms/process.ts';
import { type ConfigChoice, locateConfig } from './locate.ts';
import { complain, printJson } from './output.ts';

/** Prints `{"input","topic","key","steps","value"[,"headers"]}`, value null where a step has dropped it; exit 1 when no input reads this path. */
export async function explainLog(path: string, line: string, choice: ConfigChoice): Promise<number> {
  let config: Awaited<ReturnType<typeof locateConfig>>['config'];
  try {
    config = (await locateConfig(choice)).config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    complain(error.message);
    return 2;
  }
  const including = config.logs.filter((log) => new Selection(log).isIncluded(path));
  const input = including.find((log) => new Selection(log).has(path));
  if (!input) {
    const but = including.map(({ name }) => `, and ${name} excludes it`).join('');
    complain(`runnel: no input under logs: reads ${path}${but}`);
    return 1;
  }
  const pool = new Pool(12 << 20);
  const share = pool.share(input.topic);
  const slot = await pool.take(share, 'batch');
  const out = await pool.take(share, 'block');
  const kernel = new Kernel(pool.memory, pool.arenas);
  const processing = processingOf(input.process, kernel);
  const fields = processing?.fields ? await pool.take(share, 'batch') : null;
  const used = slot.bytes.write(`${line}\n`);
  const envelope: Envelope = logEnvelope({ input, config, path, id: '<file identity>' });
  const stream: Stream = {
    name: path,
    topic: input.topic,
    key: partitionKey(config, path),
    account: new Account(`logs.${input.name}`),
    envelope: () => envelope,
    replayable: true,
  };
  const batch = new Batch(slot, share, stream, fields);
  const format = new Format({ ...input, encoding_in: 'utf-8' }, kernel, processing?.fields?.most);
  const found = format.find(batch, 0, used, 0, true);
  format.shape(batch, found, used, 'silent', new Uint8Array(4));
  format.cut(batch, used);
  const rows = Array.from({ length: batch.count }, (_, i) => rowOf(slot, i));
  /** Where the last record ends that was not dropped. */
  let end = 0;
  for (const row of rows) {
    const { source, length } = row;
    setRow(slot, 0, { ...row, source: 0 });
    batch.count = 1;
    batch.rows = null;
    const told = (processing?.steps ?? []).map((step, i) => ({
      step: i + 1,
      verb: step.verb,
      result: pass(step, batch),
    }));
    const about = { input: input.name, topic: input.topic, key: stream.key, steps: told };
    if (batch.count === 0) {
      printJson(`${JSON.stringify({ ...about, value: null })}\n`);
      continue;
    }
    const job: PackJob = {
      envelope,
      time: Date.now(),
      position: source,
      skipped: source - end,
      delta: 0,
      outAt: out.bytesAt,
      limitAt: out.bytesAt + out.bytes.length,
      empty: true,
    };
    if (processing?.fields) processing.fields.pack(batch, 0, 1, job);
    else kernel.pack(slot, 0, 1, job);
    const { endAt } = processing?.fields ?? kernel;
    end = source + length;
    const [record] = records(Buffer.from(out.bytes.subarray(0, endAt - out.bytesAt)));
    const value = record!.value?.toString() ?? '';
    const shown = input.encoding === 'json' ? { value: JSON.parse(value) } : { value, headers: text(record!.headers) };
    printJson(`${JSON.stringify({ ...about, ...shown })}\n`);
  }
  return 0;
}

/** What a step makes of the one record; `skipped`: one before has dropped it. */
function pass(step: Step, batch: Batch): 'ok' | 'dropped' | 'skipped' {
  if (batch.count === 0) return 'skipped';
  step.apply(batch);
  return batch.count === 0 ? 'dropped' : 'ok';
}

const TABLES = ['starts', 'ends', 'source', 'length', 'flags'] as const;
type Row = Record<(typeof TABLES)[number], number>;

/** What the tables say of a record. */
function rowOf(slot: Slot, i: number): Row {
  return Object.fromEntries(TABLES.map((name) => [name, slot[name][i]!])) as Row;
}

function setRow(slot: Slot, i: number, row: Row): void {
  for (const name of TABLES) slot[name][i] = row[name];
}

function text(headers: [string, Buffer][]): Record<string, string> {
  return Object.fromEntries(headers.map(([name, value]) => [name, value.toString()]));
}
