/** What the log may let go of, and when: the chains' heads are in the log or in the stored state, at any moment. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { AuditStore } from '../../../src/sources/audit/store.ts';

const dir = mkdtempSync(join(tmpdir(), 'runnel-store-'));
after(() => rmSync(dir, { recursive: true }));

test('the log keeps what the stored state does not have', async () => {
  const storedTo = () => JSON.parse(readFileSync(join(dir, 'state.json'), 'utf8')).offset;
  /** How far a log may be let go of, and how far the state was then. */
  const kept: [topic: string, offset: number, stored: number][] = [];
  function logOf(topic: string) {
    const keepFrom = async (offset: number) => void kept.push([topic, offset, storedTo()]);
    return { topic, next: 3, acknowledged: 3, read: async function* () {}, keepFrom, others: () => others };
  }
  const others = [logOf('before')];
  const durable = logOf('now');
  const options = { dir, agentId: 'a', ids: 1000, sealEvery: 1000, named: () => false, ended: () => undefined };
  const unused = { streamOf: () => assert.fail(), seal: () => assert.fail() };
  const store = await AuditStore.open(durable as never, { ...options, ...unused });
  assert.deepEqual(kept.splice(0), [
    ['now', 3, 3],
    ['before', Number.POSITIVE_INFINITY, 3],
  ]);
  assert.equal(store.behind, false);

  durable.next = 7;
  durable.acknowledged = 7;
  assert.equal(store.behind, true);
  // The name under which the state is written first.
  mkdirSync(join(dir, 'state.json.new'));
  await assert.rejects(store.save());
  assert.deepEqual([kept, store.behind], [[], true]);
  rmdirSync(join(dir, 'state.json.new'));
  await store.save();
  assert.deepEqual([kept, store.behind], [[['now', 7, 7]], false]);
});
