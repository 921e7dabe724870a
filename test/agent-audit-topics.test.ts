/** Audit events under a topic that is changed between starts: the numbers of a stream go on, whatever topic they are in. */
// Slow: starts agents
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';
import { decompress } from '../src/records/codecs.ts';
import { records } from '../src/records/record-batch.ts';
import { makeHome } from './support/agent.ts';
import { audit, checkedStreams, eventOf, startAudit } from './support/audit-agent.ts';
import { openSpools } from './support/spool-blocks.ts';

const ORDERS = { 'runnel-stream': 'orders' };

/** The values of all records under a topic. */
async function valuesOf(dataDir: string, topic: string): Promise<{ value: Buffer }[]> {
  const spools = await openSpools(`${dataDir}/spool`);
  const found: { value: Buffer }[] = [];
  for (const partition of spools.partitions()) {
    if (partition.topic !== topic) continue;
    for await (const { codec, body } of partition.read(0, { follow: false })) {
      for (const { value } of records(await decompress(codec, body))) found.push({ value: Buffer.from(value!) });
    }
  }
  await spools.close();
  return found;
}

for (const end of ['stop', 'kill9'] as const) {
  test(`from one topic to another and back (${end}): one chain, no number twice`, async () => {
    await using home = await makeHome();
    let sent = 0;
    for (const topic of ['first', 'second', 'first', 'second']) {
      const { agent, socket } = await startAudit(home, {}, { topic, seal: { every: 4 } });
      // The first has more, so that its offsets say something else in the second.
      for (const last = sent + (sent === 0 ? 9 : 3); sent < last; ) {
        const { code, body } = await audit(socket, eventOf(`e-${sent + 1}`), ORDERS);
        assert.deepEqual([code, body.first, body.duplicate], [201, ++sent, false], `in ${topic}`);
      }
      const again = await audit(socket, eventOf('e-1'), ORDERS);
      assert.deepEqual([again.body.first, again.body.duplicate], [1, true]);
      await agent[end]();
    }
    const [first, second] = [await valuesOf(home.dataDir, 'first'), await valuesOf(home.dataDir, 'second')];
    const of = ({ value }: { value: Buffer }) => JSON.parse(value.toString());
    const at = (one: { value: Buffer }) => Number(of(one).audit?.sequence ?? Number(of(one).seal.to) + 0.5);
    const all = [...first, ...second].sort((a, b) => at(a) - at(b));
    assert.equal([...checkedStreams(all).values()][0]!.events.length, sent);
  });
}

test('what an earlier topic has left is not there any more', async () => {
  await using home = await makeHome();
  const one = await startAudit(home, {}, { topic: 'first' });
  await audit(one.socket, eventOf('e-1'), ORDERS);
  await one.agent.stop();
  await rm(home.path('data/spool/audit/first-0'), { recursive: true });
  const { agent, socket } = await startAudit(home, {}, { topic: 'second' });
  assert.equal((await audit(socket, eventOf('e-2'), ORDERS)).body.first, 2);
  await agent.stop();
});
