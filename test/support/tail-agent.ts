/**
 * A small agent for tests that kill it: `node tail-agent.ts LOGS DATA RESULT [DELAY [PATTERN]]` tails LOGS/*.log* and LOGS/*.gz, or LOGS/PATTERN, appends each line to
 * RESULT as `<id> <offset> <length> <text>`, and counts what is in RESULT as settled after DELAY ms.
 */
import { openSync, writeSync } from 'node:fs';
import { Account } from '../../src/core/account.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import type { FileStream } from '../../src/sources/tail/file/stream.ts';
import { Positions } from '../../src/sources/tail/positions/positions.ts';
import { tailSource } from '../../src/sources/tail/tail.ts';
import { recordsOf, TestOutput } from './output.ts';
import { tailInput } from './tail-input.ts';

const [logs, data, result, delay, pattern] = process.argv.slice(2);
const fd = openSync(result!, 'a');
const output = new TestOutput((batch) => {
  const { stream, end } = batch;
  const { id } = (stream as FileStream).generation;
  let text = '';
  for (const record of recordsOf(batch, 'latin1')) text += `${id} ${record.offset} ${record.length} ${record.text}\n`;
  writeSync(fd, text);
  setTimeout(() => stream.settled?.(end, 0), Number(delay ?? 0));
});
const source = tailSource({
  input: tailInput({ include: pattern ? [`${logs}/${pattern}`] : [`${logs}/*.log*`, `${logs}/*.gz`] }),
  host: 'web-1',
  tags: {},
  partition_by: 'host',
  positions: await Positions.open(data!),
  data_dir: data!,
  kernel: new Kernel(output.pool.memory),
  account: new Account('logs.test'),
});
await source.run(output, new AbortController().signal);
