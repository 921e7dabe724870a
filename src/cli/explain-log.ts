/**
 * `runnel explain log PATH LINE`: the record that a line of a file would become, without a running agent. LINE is what the
 * line says: encoding_in does not change it. With `format` or `multiline` it may be several lines, and make several records.
 */
import { ConfigError } from '../config/errors.ts';
import { Account } from '../core/account.ts';
import { Batch, type Stream } from '../core/batch.ts';
import { Pool } from '../core/pool.ts';
import { Kernel } from '../kernel/kernel.ts';
import { logEnvelope, partitionKey } from '../lines/envelope.ts';
import { formatOf } from '../lines/format.ts';
import type { Envelope } from '../records/envelope.ts';
import { records } from '../records/record-batch.ts';
import { cutLong } from '../sources/tail/file/read.ts';
import { Selection } from '../sources/tail/find/selection.ts';
import { type ConfigChoice, locateConfig } from './locate.ts';
import { complain, printJson } from './output.ts';

/** Prints `{"input","topic","key","value"|"headers"}`; exit 1 when no input reads this path. */
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
  const pool = new Pool(4 << 20);
  const share = pool.share(input.topic);
  const slot = await pool.take(share, 'batch');
  const out = await pool.take(share, 'block');
  const kernel = new Kernel(pool.memory);
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
  const batch = new Batch(slot, share, stream);
  const format = formatOf({ ...input, encoding_in: 'utf-8' }, kernel);
  if (format) {
    const found = format.find(batch, 0, used, 0, true);
    format.shape(batch, found, used, 'silent', new Uint8Array(4));
    format.cut(batch);
  } else {
    batch.count = kernel.findLines(slot, slot.bytesAt, slot.bytesAt + used, slot.bytesAt, 0);
    cutLong(batch, input.max_line);
  }
  kernel.pack(slot, 0, batch.count, {
    envelope: batch.stream.envelope(),
    time: Date.now(),
    position: 0,
    skipped: 0,
    delta: 0,
    outAt: out.bytesAt,
    limitAt: out.bytesAt + out.bytes.length,
    empty: true,
  });
  const packed = Buffer.from(out.bytes.subarray(0, kernel.endAt - out.bytesAt));
  for (const record of records(packed)) {
    const value = record.value?.toString() ?? '';
    const shown = input.encoding === 'json' ? { value: JSON.parse(value) } : { value, headers: text(record.headers) };
    printJson(`${JSON.stringify({ input: input.name, topic: input.topic, key: stream.key, ...shown })}\n`);
  }
  return 0;
}

function text(headers: [string, Buffer][]): Record<string, string> {
  return Object.fromEntries(headers.map(([name, value]) => [name, value.toString()]));
}
