/** The spool drained to a real Kafka by a process that is killed again and again. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { directory } from '../support/directory.ts';
import { freshTopic, noKafka, sharedKafka } from '../support/kafka.ts';
import { readValues } from '../support/kcat.ts';

const WRITER = new URL('../support/spool-writer.ts', import.meta.url).pathname;
const ROUNDS = 8;

test('a process killed while it drains the spool leaves nothing lost, nothing twice, all in order', {
  skip: noKafka,
}, async (t) => {
  await using kafka = await sharedKafka();
  const dir = directory(t);
  const topic = await freshTopic(kafka.brokers, 'spool-kill');
  const run = (total: number) => {
    const child = spawn(process.execPath, [WRITER, dir, kafka.brokers, topic, String(total)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => child.kill('SIGKILL'));
    return child;
  };
  for (let round = 0; round < ROUNDS; round++) {
    const child = run(1_000_000);
    await once(child.stdout, 'data');
    await sleep(20 + 60 * round);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  // What the killed ones wrote, and no more.
  const last = run(0);
  let said = '';
  last.stdout.on('data', (data) => {
    said += data;
  });
  const [code] = await once(last, 'exit');
  assert.equal(code, 0);
  assert.match(said, /possible duplicates: 0/);
  const values = (await readValues(kafka.brokers, topic)).map(String);
  assert.ok(values.length > 100, `${values.length} records`);
  assert.deepEqual(
    values,
    values.map((_, i) => String(i)),
  );
});
