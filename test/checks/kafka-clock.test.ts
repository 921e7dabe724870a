/** How far Kafka's clock is from ours. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clock } from '../../src/checks/clock.ts';
import { HostFiles } from '../../src/checks/files.ts';
import { KafkaClock, type OtherClock } from '../../src/checks/kafka-clock.ts';
import { SeriesMeter } from '../../src/checks/meter.ts';
import { CheckRunner } from '../../src/checks/runner.ts';

const never = new AbortController().signal;

async function told(kafka: KafkaClock): Promise<Record<string, number>> {
  const meter = new SeriesMeter();
  kafka.report(meter, never);
  await kafka.settled();
  return Object.fromEntries(meter.take(true).map(({ name, value }) => [name.replace('system.time.kafka_', ''), value]));
}

test('of three answers the quickest is believed, and asked for once', async (t) => {
  let asked = 0;
  const kafka = new KafkaClock(async (): Promise<OtherClock> => {
    const error = [40, 2, 30][asked++]!;
    return { time: Date.now() + 5000 + error, at: performance.now(), error };
  });
  assert.deepEqual(await told(kafka), {});
  const { offset, offset_error } = await told(kafka);
  assert.ok(Math.abs(offset! - 5.002) < 0.1, `${offset}`);
  assert.equal(offset_error, 0.002);
  assert.equal(asked, 3);
  // Our clock is set a minute back: nobody has to be asked.
  const { now } = Date;
  t.mock.method(Date, 'now', () => now() - 60_000);
  assert.ok(Math.abs((await told(kafka)).offset! - 65.002) < 0.1);
  assert.equal(asked, 3);
});

test('who does not tell, or is away, is no fault of the check', async () => {
  for (const ask of [async () => null, () => Promise.reject(new Error('away'))]) {
    const host = new HostFiles();
    const runner = new CheckRunner('clock', clock(host, {}, ask));
    for (let i = 0; i < 2; i++) {
      const points = await runner.run(1000);
      assert.ok(!points.some(({ name }) => name.includes('kafka')));
      assert.equal(runner.status.last_error, null);
    }
    host.close();
  }
});
