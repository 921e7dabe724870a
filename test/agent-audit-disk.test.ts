/** Audit events on a disk that fails: whoever waits is told, the chain has no hole, and nothing is said twice. */
// Slow: starts agents
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { makeHome } from './support/agent.ts';
import { audit, auditOnDisk, checkedStreams, eventOf, startAudit } from './support/audit-agent.ts';
import { failingDisk } from './support/failing-disk.ts';

const ORDERS = { 'runnel-stream': 'orders' };
const CASES = [
  ['EIO datasync', 'a sync that fails'],
  ['EIO datasync truncate unlink rm', 'a sync that fails on a disk that cannot be mended'],
  ['EIO writev', 'a write that fails'],
  ['ENOSPC', 'a full disk'],
  ['EROFS', 'a disk that is read-only'],
] as const;

for (const [fault, what] of CASES) {
  test(`${what}: all who wait get 503, and the same again is taken once`, async () => {
    await using home = await makeHome();
    const bad = home.path('bad');
    const how = { preload: failingDisk(home.dataDir, bad) };
    const { agent, socket } = await startAudit(home, {}, { hold: '800ms', seal: { every: 10 } }, how);
    const send = (id: string, stream = 'orders') => audit(socket, eventOf(id), { 'runnel-stream': stream });
    const known = await Promise.all(['a-0', 'a-1', 'a-2'].map((id) => send(id)));
    assert.deepEqual(new Set(known.map(({ code }) => code)), new Set([201]));
    for (let round = 0; round < 2; round++) {
      await writeFile(bad, fault);
      const ids = Array.from({ length: 24 }, (_, i) => `b-${round}-${i}`);
      const failed = await Promise.all(ids.map((id, i) => send(id, i % 3 === 0 ? 'payroll' : 'orders')));
      for (const { code, headers, body } of failed) {
        assert.equal(code, 503, JSON.stringify(body));
        assert.ok(Number(headers['retry-after']) > 0);
      }
      // What was made of the status for whoever asked before is given for a while.
      await agent.until(({ reasons }) => reasons.some((reason) => reason.includes('audit')), 'the disk is said');
      // What was on the medium before is known, also now.
      const before = await send('a-1');
      assert.deepEqual([before.code, before.body.duplicate], [201, true]);
      await rm(bad);
      const again = await Promise.all(ids.map((id, i) => send(id, i % 3 === 0 ? 'payroll' : 'orders')));
      for (const { code, body } of again) assert.deepEqual([code, body.duplicate], [201, false]);
    }
    const numbers = ['orders 35', 'payroll 16'];
    await agent.until(
      ({ reasons, audit: { streams } }) =>
        reasons.length === 0 &&
        isDeepStrictEqual(
          streams.map(({ stream, sequence }) => `${stream} ${sequence}`),
          numbers,
        ),
      'the disk is well, and all is there once',
    );
    await agent.kill9();
    const { agent: next, socket: there } = await startAudit(home);
    const after = await audit(there, eventOf('after'), ORDERS);
    assert.equal(after.body.first, 36);
    await next.stop();
    const chains = [...checkedStreams(await auditOnDisk(home.dataDir)).values()];
    assert.deepEqual(chains.map(({ ids }) => ids.length).sort(), [16, 36]);
    assert.equal(new Set(chains.flatMap(({ ids }) => ids)).size, 52);
    if (fault.includes('datasync')) {
      const segments = (await readdir(`${home.dataDir}/spool/audit/runnel.audit-0`)).filter((n) => n.endsWith('.log'));
      assert.ok(segments.length > 1, 'after a sync that failed another file is written');
    }
  });
}

test('an agent starts on a full disk, and takes events when there is room', async (t) => {
  await using home = await makeHome();
  await mkdir(home.dataDir);
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'none', home.dataDir]);
  if (status !== 0) return t.skip('needs the right to mount');
  using _ = { [Symbol.dispose]: () => void spawnSync('umount', ['-l', home.dataDir]) };
  const first = await startAudit(home);
  for (const id of ['a-1', 'a-2']) assert.equal((await audit(first.socket, eventOf(id), ORDERS)).code, 201);
  const filler = `${home.dataDir}/filler`;
  await assert.rejects(writeFile(filler, Buffer.alloc(9 << 20)), /ENOSPC/);
  await first.agent.kill9();
  const { agent, socket } = await startAudit(home, {}, { hold: '300ms' });
  assert.deepEqual((await audit(socket, eventOf('a-2'), ORDERS)).body.first, 2, 'what it had is known');
  const taken = ['a-1', 'a-2'];
  // Room was made behind the end of the log: that is used first.
  for (let id = 'b-0'; ; id = `b-${taken.length}`) {
    const { code } = await audit(socket, eventOf(id, { pad: randomBytes(90_000).toString('hex') }), ORDERS);
    if (code === 503) break;
    taken.push(id);
  }
  await rm(filler);
  assert.equal((await audit(socket, eventOf('after'), ORDERS)).body.first, taken.push('after'));
  await agent.stop();
  const chains = [...checkedStreams(await auditOnDisk(home.dataDir)).values()];
  assert.deepEqual(
    chains.map(({ ids }) => ids),
    [taken],
  );
});
