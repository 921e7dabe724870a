/** An agent whose data directory is restored from a backup: what it writes then is found beside what it had written. */
// Slow: starts agents
import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { test } from 'node:test';
import { verifyAudit } from '../src/verify/audit/audit.ts';
import { ExportFile } from '../src/verify/audit/export-file.ts';
import { makeHome } from './support/agent.ts';
import { audit, auditOnDisk, eventOf, startAudit } from './support/audit-agent.ts';
import { writeMade } from './support/audit-records.ts';

test('two lives from one backup are a fork, from the first event that they do not share', async () => {
  await using home = await makeHome();
  const live = async (ids: string[]) => {
    const { agent, socket } = await startAudit(home);
    for (const id of ids) assert.equal((await audit(socket, eventOf(id), { 'runnel-stream': 'orders' })).code, 201);
    await agent.stop();
    return auditOnDisk(home.dataDir);
  };
  const shared = await live(['a-1', 'a-2', 'a-3']);
  await cp(home.dataDir, home.path('backup'), { recursive: true });
  const first = await live(['b-4', 'b-5']);
  await rm(home.dataDir, { recursive: true });
  await cp(home.path('backup'), home.dataDir, { recursive: true });
  const second = await live(['c-4']);
  const path = home.path('export.ndjson');
  const verify = async (records: typeof first) => {
    writeMade(
      path,
      records.map((record) => ({ partition: 0, ...record })),
    );
    const source = new ExportFile(path);
    const { streams } = await verifyAudit({ source, pinned: [], stream: null, anyStart: false, unsealedFor: 0 });
    return streams.flatMap(({ findings }) => findings.map(({ kind, from, to }) => [kind, from, to]));
  };
  assert.deepEqual(await verify(first), []);
  assert.deepEqual(await verify(second), []);
  const found = await verify([...first, ...second.slice(shared.length)]);
  assert.deepEqual(found[0], ['forked', 4, 4], JSON.stringify(found));
});
