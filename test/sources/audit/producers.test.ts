/** How many producers are known, and what becomes of those that are not any more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chains } from '../../../src/sources/audit/chain.ts';
import { readEvent } from '../../../src/sources/audit/event.ts';
import { RecentIds } from '../../../src/sources/audit/ids.ts';
import type { AuditRequest } from '../../../src/sources/audit/request.ts';

const MOST = 10_000;
const TIME = '2026-12-01T07:00:00.000Z';

function request(producer: string, sequence: number, ...ids: string[]): AuditRequest {
  const events = ids.map((id) => readEvent(Buffer.from(`{"@timestamp":"${TIME}","event":{"id":"${id}"}}`), []));
  const lines = ids.map((_, i) => i + 1);
  return { stream: 'shop', events, lines, producer: { id: producer, epoch: 1, sequence }, peer: 'test' };
}

/** Chains that know so many ids, and requests to them, each a group. */
function makeChains(ids: number) {
  const chains = new Chains(new RecentIds(ids), {
    streamOf: () => assert.fail('nothing is written here'),
    seal: () => assert.fail('nothing is sealed here'),
    sealEvery: 1e9,
    named: () => false,
    ended: () => undefined,
  });
  const take = (...sent: Parameters<typeof request>) => {
    const taken = chains.decide(request(...sent), TIME);
    chains.commit();
    return taken;
  };
  return { chains, take };
}

test('any number of producers may come; who has sent nothing for longest is told to begin anew', () => {
  const { chains, take } = makeChains(1000);
  take('first', 1, 'a-1');
  take('second', 1, 'b-1');
  for (let i = 0; i < MOST - 2; i++) take(`p-${i}`, 1, `p-${i}`);
  assert.equal(chains.producers.size, MOST);
  take('first', 2, 'a-2');
  take('one more', 1, 'c-1');
  assert.equal(chains.producers.size, MOST);
  take('first', 3, 'a-3');
  assert.throws(() => take('second', 2, 'b-2'), { code: 409, told: { expected: 1 } });
  chains.rollBack();
  assert.equal(take('second', 1, 'b-2').duplicate, false);
});

test('a number that comes again with another event is 409; with the same one it is known, its id or not', () => {
  const { take, chains } = makeChains(100);
  take('p', 1, 'a-1', 'a-2', 'a-3');
  const other = { code: 409, told: { lines: [2] } };
  assert.throws(() => take('p', 2, 'a-2', 'b-3'), other);
  assert.throws(() => take('p', 2, 'a-2', 'b-3', 'a-4'), other);
  assert.throws(() => chains.decide(request('p', 1, 'b-1'), TIME), { code: 409 });
  assert.equal(take('p', 1, 'a-1', 'a-2', 'a-3').duplicate, true);
  for (let n = 4; n <= 300; n++) take('p', n, `a-${n}`);
  // The last fifty at least are known by their numbers and ids.
  for (const n of [251, 275, 300]) {
    assert.throws(() => take('p', n, 'b'), { code: 409 }, `${n}`);
    assert.equal(take('p', n, `a-${n}`).duplicate, true);
  }
  // Their ids are known no more, and nobody can tell: numbers say that they were taken.
  assert.deepEqual(take('p', 1, 'a-1'), { stream: 'shop', first: null, last: null, hash: null, duplicate: true });
});

test('what others have sent is known by its number as long as by its id, and no conflict then', () => {
  const { take } = makeChains(100);
  take('other', 1, 'a-1');
  for (let n = 1; n <= 99; n++) take('third', n, `c-${n}`);
  // It is the oldest that is known, and the producer is past it.
  assert.equal(take('p', 1, 'a-1').duplicate, true);
  take('p', 2, 'b-2');
  assert.equal(take('p', 1, 'a-1').duplicate, true);
  assert.throws(() => take('p', 2, 'b-3'), { code: 409 });
});

test('a conflict is one also for the next process', () => {
  const { chains } = makeChains(100);
  const link = { stream: '0'.repeat(16), time: TIME, previous: '0'.repeat(64), hash: '1'.repeat(64) };
  for (let n = 1; n <= 3; n++) {
    const [event] = request('p', n, `a-${n}`).events;
    const replayed = { id: event!.id, digest: event!.digest, file: null };
    chains.replay('shop', { ...link, sequence: n }, replayed, `p;epoch=1;sequence=${n}`);
  }
  assert.throws(() => chains.decide(request('p', 2, 'b-2'), TIME), { code: 409 });
  assert.equal(chains.decide(request('p', 2, 'a-2'), TIME).duplicate, true);
});
