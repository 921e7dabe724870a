import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpoolOutlet } from '../../src/spool/outlet.ts';
import { directory } from '../support/directory.ts';
import { block, openSpool, readAll, TOPIC } from '../support/spool-blocks.ts';

test('puts settle in order, once synced; draining does not wait for the next sync of the policy', async (t) => {
  const { spool } = await openSpool(directory(t), { sync: 600_000 });
  const outlet = new SpoolOutlet(spool.partition(TOPIC));
  const settled: number[] = [];
  for (let i = 0; i < 5; i++) await outlet.put(await block([`value ${i}`]), () => settled.push(i));
  assert.deepEqual(settled, []);
  await outlet.drained(AbortSignal.timeout(5000));
  assert.deepEqual(settled, [0, 1, 2, 3, 4]);
  assert.equal((await readAll(spool.partition(TOPIC))).values.length, 5);
  await spool.close();
});

for (const sync of ['always', 10, 'never'] as const) {
  test(`with sync: ${sync} puts settle by themselves`, async (t) => {
    const { spool } = await openSpool(directory(t), { sync });
    const outlet = new SpoolOutlet(spool.partition(TOPIC));
    const b = await block(['value']);
    await new Promise<void>((resolve) => void outlet.put(b, () => resolve()));
    await spool.close();
  });
}

test('an aborted signal ends the wait for a drain', async (t) => {
  const { spool } = await openSpool(directory(t));
  const outlet = new SpoolOutlet(spool.partition(TOPIC));
  await assert.rejects(outlet.drained(AbortSignal.abort(new Error('too late'))), /too late/);
  await spool.close();
});
