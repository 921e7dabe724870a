/** Seals and keys: when streams are sealed, how keys replace each other, and whose they are. */
// Slow: starts agents, whose clocks go fast
import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isIntact, readAuditRecord } from '../src/audit/record.ts';
import { keyPair } from '../src/audit/seal.ts';
import { HEADER_BYTES, readHeader, sealedHeader } from '../src/records/record-batch.ts';
import { type Home, makeHome } from './support/agent.ts';
import { audit, auditOnDisk, checkedStreams, eventOf, linesOf, NDJSON, startAudit } from './support/audit-agent.ts';

const ORDERS = { 'runnel-stream': 'orders' };

async function privateHalves(home: Home): Promise<string[]> {
  return (await readdir(join(home.dataDir, 'audit'))).filter((name) => name.endsWith('.key'));
}

test('a stream is sealed after so many events exactly, and when nothing came', async () => {
  await using home = await makeHome();
  const { agent, socket } = await startAudit(home, {}, { seal: { every: 10, interval: '1s' } });
  const ids = Array.from({ length: 25 }, (_, i) => `e-${i}`);
  assert.equal((await audit(socket, linesOf(ids), { ...ORDERS, 'content-type': NDJSON })).code, 201);
  await agent.until((s) => s.audit.streams[0]!.sealed_to === 25, 'the rest is sealed when its time has come');
  await agent.until((s) => s.audit.seals >= 5, 'idle seals come');
  await agent.stop();
  const [stream] = checkedStreams(await auditOnDisk(home.dataDir)).values();
  assert.deepEqual(
    stream!.seals.slice(0, 3).map(({ from, to, count }) => [from, to, count]),
    [
      [1, 10, 10],
      [11, 20, 10],
      [21, 25, 5],
    ],
  );
  for (const { from, to, count } of stream!.seals.slice(3)) assert.deepEqual([from, to, count], [26, 25, 0]);
});

/** A clock that is twenty times as fast makes the server impatient: what it cuts off on a busy machine is sent again. */
async function patiently(...args: Parameters<typeof audit>): ReturnType<typeof audit> {
  for (let i = 0; i < 20; i++) {
    const answer = await audit(...args).catch(() => null);
    if (answer) return answer;
  }
  return audit(...args);
}

test('keys replace each other, each named by the one before, and old private halves are gone', async () => {
  await using home = await makeHome();
  // A minute of theirs is three seconds of ours.
  const { agent, socket } = await startAudit(home, {}, { seal: { interval: '1h', rotate: '1m' } }, { clock: 20 });
  for (const stream of ['orders', 'payroll'])
    await patiently(socket, eventOf(`a-${stream}`), { 'runnel-stream': stream });
  let keys: { key: string; from: string; to: string | null }[] = [];
  for (let i = 0; keys.length < 4; i++) {
    assert.ok(i < 1000, 'keys are replaced');
    await new Promise((resolve) => setTimeout(resolve, 50));
    ({ keys } = (await patiently(socket, null, {}, '/v1/audit/key')).body);
  }
  await patiently(socket, eventOf('b'), ORDERS);
  const [half, ...others] = await privateHalves(home);
  assert.ok(others.length <= 1, 'the one in use, and the next one while it comes');
  assert.equal((await stat(join(home.dataDir, 'audit', half!))).mode & 0o777, 0o600);
  await agent.stop();
  const streams = [...checkedStreams(await auditOnDisk(home.dataDir)).values()];
  assert.equal(streams.length, 2);
  for (const { seals } of streams) {
    assert.equal(seals[0]!.key, keys[0]!.key, 'the first key is that which was shown');
    const used = [...new Set(seals.flatMap(({ key, next_key }) => [key, next_key]))];
    assert.deepEqual(
      used.slice(0, 4),
      keys.slice(0, 4).map(({ key }) => key),
    );
  }
});

test('the first key leads to those that come, however late the first event is', async () => {
  await using home = await makeHome();
  const { agent, socket } = await startAudit(home, {}, { seal: { every: 1, rotate: '1m' } }, { clock: 20 });
  const [shown] = (await patiently(socket, null, {}, '/v1/audit/key')).body.keys;
  // Keys would have been replaced by now.
  await agent.until(({ time }) => Date.parse(time) - Date.parse(shown.from) > 90_000, 'a minute and a half is over');
  await patiently(socket, eventOf('a'), ORDERS);
  await agent.until(({ audit: { seals } }) => seals >= 2, 'it is sealed, and once more with what comes next');
  await agent.stop();
  const [stream] = checkedStreams(await auditOnDisk(home.dataDir)).values();
  assert.equal(stream!.seals[0]!.key, shown.key);
  assert.notEqual(stream!.seals[1]!.next_key, shown.key);
});

test('a rotation that was interrupted is finished by the next process', async () => {
  await using home = await makeHome();
  const first = await startAudit(home, {}, { seal: { every: 1 } });
  for (const stream of ['orders', 'payroll']) await audit(first.socket, eventOf('a'), { 'runnel-stream': stream });
  await first.agent.stop();
  // As after the new key was made, and before any seal named it.
  const path = join(home.dataDir, 'audit/keys.json');
  const stored = JSON.parse(await readFile(path, 'utf8'));
  const seed = Buffer.alloc(32, 7);
  const next = keyPair(seed).key;
  await writeFile(join(home.dataDir, 'audit', `${next}.key`), seed, { mode: 0o600 });
  await writeFile(path, JSON.stringify({ ...stored, next }));
  const { agent, socket } = await startAudit(home, {}, { seal: { every: 1 } });
  for (let i = 0; ; i++) {
    const { keys } = (await audit(socket, null, {}, '/v1/audit/key')).body;
    if (keys.at(-1).key === next && (await privateHalves(home)).length === 1) break;
    assert.ok(i < 200, 'the next key comes into use, and the old private half goes');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.deepEqual(await privateHalves(home), [`${next}.key`]);
  await audit(socket, eventOf('b'), ORDERS);
  await agent.stop();
  const streams = [...checkedStreams(await auditOnDisk(home.dataDir)).values()];
  assert.equal(streams.find(({ events }) => events.length === 2)!.seals.at(-1)!.key, next);
});

test('a cloned image has streams and keys of its own', async () => {
  await using home = await makeHome();
  const first = await startAudit(home);
  const one = await audit(first.socket, eventOf('a'), ORDERS);
  const before = (await audit(first.socket, null, {}, '/v1/audit/key')).body.keys;
  await first.agent.stop();
  const path = join(home.dataDir, 'agent.json');
  await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), machine_id: 'another' }));
  const { agent, socket } = await startAudit(home);
  const other = await audit(socket, eventOf('a'), ORDERS);
  assert.deepEqual([other.body.first, other.body.duplicate], [1, false]);
  assert.notEqual(other.body.hash, one.body.hash);
  const after = (await audit(socket, null, {}, '/v1/audit/key')).body.keys;
  assert.notEqual(after[0].key, before[0].key);
  assert.deepEqual(await privateHalves(home), [`${after[0].key}.key`]);
  await agent.stop();
  assert.equal(checkedStreams(await auditOnDisk(home.dataDir)).size, 2);
});

test('producers are known after kill -9, also past events that others had sent', async () => {
  await using home = await makeHome();
  const first = await startAudit(home);
  const as = (sequence: number) => ({ ...ORDERS, 'runnel-producer': `box;epoch=3;sequence=${sequence}` });
  assert.equal((await audit(first.socket, eventOf('a'), as(1))).code, 201);
  assert.equal((await audit(first.socket, eventOf('b'), ORDERS)).code, 201);
  assert.equal((await audit(first.socket, eventOf('b'), as(2))).body.duplicate, true);
  await first.agent.kill9();
  const { agent, socket } = await startAudit(home);
  const gap = await audit(socket, eventOf('d'), as(4));
  assert.deepEqual([gap.code, gap.body.expected], [409, 3]);
  assert.equal((await audit(socket, eventOf('c'), as(3))).body.first, 3);
  const old = await audit(socket, eventOf('d'), { ...ORDERS, 'runnel-producer': 'box;epoch=2;sequence=4' });
  assert.equal(old.code, 409);
  await agent.stop();
});

test('ids are known over restarts, as many as are configured', async () => {
  await using home = await makeHome();
  const ids = Array.from({ length: 3000 }, (_, i) => `e-${i}`);
  const post = (socket: string, some: string[]) => audit(socket, linesOf(some), { ...ORDERS, 'content-type': NDJSON });
  const first = await startAudit(home, {}, { ids: 1500 });
  for (let i = 0; i < 3; i++) await post(first.socket, ids.slice(i * 1000, (i + 1) * 1000));
  await first.agent.stop();
  const second = await startAudit(home, {}, { ids: 2000 });
  assert.equal((await post(second.socket, ids.slice(1500, 2500))).body.duplicate, true);
  assert.equal((await post(second.socket, ids.slice(2500))).body.duplicate, true);
  // Forgotten: they are events like others.
  assert.equal((await post(second.socket, ids.slice(0, 1000))).body.first, 3001);
  await second.agent.kill9();
  const { agent, socket } = await startAudit(home, {}, { ids: 2000 });
  assert.deepEqual((await post(socket, ids.slice(0, 1000))).body.duplicate, true);
  assert.equal((await audit(socket, eventOf('e-2999'), ORDERS)).body.duplicate, true);
  await agent.stop();
});

test('secrets are masked before they are hashed', async () => {
  await using home = await makeHome();
  const { agent, socket } = await startAudit(
    home,
    { mask: ['email'] },
    { mask: [{ pattern: 'ssn-(\\d+)', with: '[ssn]' }] },
  );
  const event = eventOf('a', { user: { email: 'ada@example.com' }, note: 'ssn-123456 and more' });
  assert.equal((await audit(socket, event, ORDERS)).code, 201);
  assert.equal((await audit(socket, event, ORDERS)).body.duplicate, true);
  assert.equal((await audit(socket, eventOf('b'), ORDERS)).code, 201);
  await agent.stop();
  const [stream] = checkedStreams(await auditOnDisk(home.dataDir)).values();
  const { user, note } = JSON.parse(stream!.events[0]!.client.toString());
  assert.deepEqual([user.email, note], ['***@example.com', 'ssn-[ssn] and more']);
  assert.equal(stream!.events[1]!.client.toString(), eventOf('b'));
});

test('a log that is full holds who sends, then refuses; with more room it goes on', async () => {
  await using home = await makeHome();
  const options = { spool: { max_size: '16MiB' }, hold: '300ms' };
  const { agent, socket } = await startAudit(
    home,
    { kafka: { brokers: ['127.0.0.1:1'], compression: 'none' } },
    options,
  );
  const body = (i: number) => eventOf(`e-${i}`, { filling: Buffer.alloc(180_000, `${i}`).toString('base64') });
  let taken = 0;
  let last = await audit(socket, body(0), ORDERS);
  for (; last.code === 201 && taken < 200; last = await audit(socket, body(taken), ORDERS)) taken++;
  assert.equal(last.code, 503);
  assert.ok(taken > 20 && taken < 100, `${taken}`);
  assert.equal((await audit(socket, body(0), ORDERS)).body.duplicate, true, 'what comes again needs no room');
  await agent.kill9();
  const again = await startAudit(
    home,
    { kafka: { brokers: ['127.0.0.1:1'], compression: 'none' } },
    { ...options, spool: { max_size: '64MiB' } },
  );
  assert.equal((await audit(again.socket, body(taken), ORDERS)).body.first, taken + 1);
  assert.equal((await audit(again.socket, body(3), ORDERS)).body.duplicate, true);
  await again.agent.stop();
});

test('a local log that somebody has changed is said at the start, and the chain goes on behind it', async () => {
  await using home = await makeHome();
  const first = await startAudit(home);
  for (const id of ['a', 'b', 'c']) await audit(first.socket, eventOf(id, { amount: 1000 }), ORDERS);
  await first.agent.kill9();
  // Before it was written down elsewhere: another amount, with the batch's checksum made anew.
  const path = join(home.dataDir, 'spool/audit/runnel.audit-0/00000000000000000000.log');
  const bytes = await readFile(path);
  const header = readHeader(bytes)!;
  const body = bytes.subarray(HEADER_BYTES, header.bytes);
  body.write('9000', body.indexOf('1000'));
  const { baseOffset, count, codec, time } = header;
  sealedHeader(body, { baseOffset, count, codec, time }).copy(bytes, 0);
  await writeFile(path, bytes);
  const { agent, socket } = await startAudit(home);
  assert.match(agent.stderr, /record 1 of stream orders in the local log is not as it was written/);
  assert.equal((await audit(socket, eventOf('d'), ORDERS)).body.first, 4);
  await agent.stop();
  const records = (await auditOnDisk(home.dataDir)).flatMap(({ value }) => readAuditRecord(value) ?? []);
  assert.deepEqual(records.map(isIntact), [false, true, true, true]);
});

test('a clock that is set back makes no hole', async () => {
  await using home = await makeHome();
  const ahead = { preload: 'const now = Date.now; Date.now = () => now() + 7_200_000;' };
  const first = await startAudit(home, {}, { seal: { every: 2 } }, ahead);
  for (const id of ['a', 'b', 'c']) assert.equal((await audit(first.socket, eventOf(id), ORDERS)).code, 201);
  await first.agent.stop();
  const { agent, socket } = await startAudit(home, {}, { seal: { every: 2 } });
  for (const id of ['d', 'e']) assert.equal((await audit(socket, eventOf(id), ORDERS)).code, 201);
  await agent.stop();
  const [stream] = checkedStreams(await auditOnDisk(home.dataDir)).values();
  assert.deepEqual(stream!.ids, ['a', 'b', 'c', 'd', 'e']);
  assert.equal(stream!.seals.at(-1)!.to, 5);
});
