/** Audit events to an agent without brokers: what is answered, and what is on disk then. */
// Slow: starts agents
import assert from 'node:assert/strict';
import { chown, stat } from 'node:fs/promises';
import { test } from 'node:test';
import { makeHome } from './support/agent.ts';
import { audit, auditOnDisk, checkedStreams, eventOf, linesOf, NDJSON, startAudit } from './support/audit-agent.ts';

test('what is answered is on disk after kill -9, in a chain that goes on', async () => {
  await using home = await makeHome();
  const headers = { 'runnel-stream': 'orders' };
  const group = process.getuid!() === 0 ? 12_345 : process.getgid!();
  await chown(home.dir, -1, group);
  const first = await startAudit(home);
  const { mode, gid } = await stat(first.socket);
  assert.deepEqual([mode & 0o777, gid], [0o660, group], 'its group is that of its directory');
  const one = await audit(first.socket, eventOf('e-1'), headers);
  assert.equal(one.code, 201, JSON.stringify(one.body));
  const { hash, ...rest } = one.body;
  assert.deepEqual(rest, { stream: 'orders', first: 1, last: 1, durable: 'spool', duplicate: false });
  const several = await audit(first.socket, linesOf(['e-2', 'e-3', 'e-4']), { ...headers, 'content-type': NDJSON });
  assert.deepEqual([several.code, several.body.first, several.body.last], [201, 2, 4]);
  const many = Array.from({ length: 40 }, (_, i) => `m-${i}`);
  const answers = await Promise.all(many.map((id) => audit(first.socket, eventOf(id), headers)));
  assert.deepEqual(
    answers.map(({ body }) => body.first).sort((a, b) => a - b),
    many.map((_, i) => i + 5),
  );
  await first.agent.kill9();

  const { agent, socket } = await startAudit(home);
  const again = await audit(socket, eventOf('e-1'), headers);
  assert.deepEqual([again.code, again.body], [201, { ...one.body, duplicate: true }]);
  const all = await audit(socket, linesOf(['e-2', 'e-3', 'e-4']), { ...headers, 'content-type': NDJSON });
  assert.deepEqual([all.code, all.body], [201, { ...several.body, duplicate: true }]);
  const next = await audit(socket, eventOf('after'), headers);
  assert.deepEqual([next.code, next.body.first], [201, 45]);
  const streams = await audit(socket, null, {}, '/v1/audit/streams');
  assert.deepEqual(
    streams.body.streams.map(({ stream, sequence, head }: Record<string, unknown>) => [stream, sequence, head]),
    [['orders', 45, next.body.hash]],
  );
  const { keys } = (await audit(socket, null, {}, '/v1/audit/key')).body;
  await agent.stop();

  const found = await auditOnDisk(home.dataDir);
  const chains = [...checkedStreams(found).values()];
  assert.equal(chains.length, 1);
  const { events, ids, seals } = chains[0]!;
  assert.deepEqual(ids.toSorted(), ['after', 'e-1', 'e-2', 'e-3', 'e-4', ...many].toSorted());
  assert.equal(events[0]!.hash, hash);
  assert.equal(seals.at(-1)!.to, 45, 'the last seal is written at the stop');
  assert.equal(keys[0].key, seals[0]!.key);
  assert.ok(found.every(({ key, headers }) => key === 'orders' && headers.stream === 'orders'));
  assert.equal(found[0]!.headers.peer, `uid=${process.getuid!()};gid=${process.getgid!()};pid=${process.pid}`);
});
