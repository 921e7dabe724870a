/**
 * A small agent for tests that kill it: `node agent.ts LOGS DATA RESULT [DELAY [PATTERN]]` tails LOGS/*.log* and LOGS/*.gz, or LOGS/PATTERN, appends each line to
 * RESULT as `<id> <offset> <length> <text>`, and counts what is in RESULT as settled after DELAY ms.
 */
import { openSync, writeSync } from 'node:fs';
import { Account } from '../../../src/core/account.ts';
import { Batch } from '../../../src/core/batch.ts';
import type { Output } from '../../../src/core/pipeline.ts';
import { Pool } from '../../../src/core/pool.ts';
import { Kernel } from '../../../src/kernel/kernel.ts';
import type { FileStream } from '../../../src/sources/tail/file/stream.ts';
import { Positions } from '../../../src/sources/tail/positions/positions.ts';
import { type TailOptions, tailSource } from '../../../src/sources/tail/tail.ts';

const [logs, data, result, delay, pattern] = process.argv.slice(2);
const pool = new Pool(8 << 20);
const kernel = new Kernel(pool.memory);
const fd = openSync(result!, 'a');
const output: Output = {
  async take(stream, signal) {
    const share = pool.share(stream.topic);
    return new Batch(await pool.take(share, 'batch', signal), share, stream);
  },
  async push(batch) {
    const { slot, stream, end } = batch;
    const { id } = (stream as FileStream).generation;
    let text = '';
    for (let i = 0; i < batch.count; i++) {
      const line = slot.bytes.toString('latin1', slot.starts[i]! - slot.bytesAt, slot.ends[i]! - slot.bytesAt);
      text += `${id} ${batch.from + slot.source[i]!} ${slot.length[i]} ${line}\n`;
    }
    writeSync(fd, text);
    pool.give(batch.share, 'batch', slot);
    setTimeout(() => stream.settled?.(end, 0), Number(delay ?? 0));
  },
  discard(batch) {
    pool.give(batch.share, 'batch', batch.slot);
  },
};
const input = {
  name: 'test',
  include: pattern ? [`${logs}/${pattern}`] : [`${logs}/*.log*`, `${logs}/*.gz`],
  exclude: [],
  topic: 'logs',
  encoding: 'raw',
  format: 'plain',
  encoding_in: 'utf-8',
  tags: {},
  start_at: 'beginning',
  ignore_older: null,
  max_line: 256 * 1024,
  rotate_wait: 60_000,
  forget_after: null,
  max_files: 200_000,
};
const source = tailSource({
  input: input as unknown as TailOptions['input'],
  host: 'web-1',
  tags: {},
  partition_by: 'host',
  positions: await Positions.open(data!),
  data_dir: data!,
  kernel,
  account: new Account('logs.test'),
});
await source.run(output, new AbortController().signal);
