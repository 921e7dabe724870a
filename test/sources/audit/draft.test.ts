/** What becomes of requests that are refused, or that are decided in one group with others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_BLOCK_BYTES } from '../../../src/core/pool.ts';
import { Chains, type ChainsOptions } from '../../../src/sources/audit/chain.ts';
import { readEvent } from '../../../src/sources/audit/event.ts';
import { RecentIds } from '../../../src/sources/audit/ids.ts';
import { AuditIntake } from '../../../src/sources/audit/intake.ts';
import type { AuditRequest } from '../../../src/sources/audit/request.ts';
import { newStream } from '../../../src/sources/audit/stream-state.ts';
import { until } from '../../support/until.ts';

const MOST_STREAMS = 1000;
const TIME = '2026-12-01T07:00:00.000Z';

function makeChains(named: string[] = [], ended: string[] = [], more: Partial<ChainsOptions> = {}): Chains {
  return new Chains(new RecentIds(10_000), {
    streamOf: (name) => ({ name: 'audit', key: name }) as never,
    seal: () => assert.fail('nothing is sealed here'),
    sealEvery: 1e9,
    ...more,
    named: (stream) => named.includes(stream),
    ended: (stream) => ended.push(stream),
  });
}

/** With so many streams; `sealed` up to that number of one event. */
function fill(chains: Chains, sealed: number, from = 0): void {
  for (let i = from; i < MOST_STREAMS; i++) {
    const state = newStream(`s-${i}`);
    chains.streams.set(state.name, { ...state, sequence: 1, sealed: { ...state.sealed, to: sealed } });
  }
}

function request(stream: string, ids: readonly string[], more: Partial<AuditRequest> = {}, text = ''): AuditRequest {
  const events = ids.map((id) => {
    return readEvent(Buffer.from(`{"@timestamp":"${TIME}","event":{"id":"${id}"},"text":"${text}"}`), []);
  });
  return { stream, events, lines: null, producer: null, peer: 'test', ...more };
}

test('a producer whose events are refused, as there are too many streams, is not past them', () => {
  const chains = makeChains();
  fill(chains, 0);
  const producer = { id: 'p', epoch: 1, sequence: 1 };
  const refused = () => chains.decide(request('one-more', ['e-1'], { producer }), TIME);
  assert.throws(refused, { code: 429 });
  assert.equal(chains.decide(request('s-1', ['e-1']), TIME).duplicate, false, 'another one of the same group');
  chains.commit();
  assert.throws(refused, { code: 429 }, 'it is not a duplicate of what was never written');
  assert.equal(chains.producers.size, 0);
});

test('streams that go on in one group do not count as more of them', () => {
  const chains = makeChains();
  const names = Array.from({ length: MOST_STREAMS / 2 + 1 }, (_, i) => `s-${i}`);
  for (const name of names) chains.decide(request(name, ['e-1']), TIME);
  chains.commit();
  for (const name of names) chains.decide(request(name, ['e-2']), TIME);
  assert.equal(chains.decide(request('one-more', ['e-1']), TIME).first, 1);
});

test('where there are too many streams, that which had no event for longest ends, if all of it is sealed', () => {
  const ended: string[] = [];
  const chains = makeChains(['s-0'], ended);
  fill(chains, 1);
  const take = (stream: string, id = `${stream}-1`) => chains.decide(request(stream, [id]), TIME);
  take('s-1');
  chains.addLines('s-2', [{ bytes: Buffer.from('{}'), file: 'f', path: '/f', from: 0, to: 5 }], 'logs.a', TIME);
  chains.commit();
  const { id } = chains.streams.get('s-3')!;
  // s-0 is named, s-2 is of files, s-1 is not sealed, nor has it rested for longest.
  for (const name of ['new-1', 'new-2']) assert.equal(take(name).first, 1);
  assert.deepEqual(ended, [], 'not before it is on the medium');
  chains.rollBack();
  take('new-1');
  assert.equal(take('s-4').first, 2, 'what is used in the same group stays');
  take('new-2');
  chains.commit();
  assert.deepEqual(ended, ['s-3', 's-5']);
  assert.equal(chains.streams.size, MOST_STREAMS);
  assert.equal(take('s-3', 'again').first, 1);
  chains.commit();
  assert.notEqual(chains.streams.get('s-3')!.id, id);
  assert.equal(ended.at(-1), 's-6');
});

test('who ends and is used in the same group goes on', () => {
  const ended: string[] = [];
  const chains = makeChains([], ended);
  fill(chains, 1);
  chains.decide(request('new', ['e-1']), TIME);
  assert.equal(chains.decide(request('s-0', ['e-1']), TIME).first, 2);
  chains.commit();
  assert.deepEqual(ended, []);
});

test('streams that the configuration names, and those of files, always have room', () => {
  const chains = makeChains(['orders']);
  fill(chains, 0);
  assert.throws(() => chains.decide(request('others', ['e-1']), TIME), /audit\.streams/);
  assert.equal(chains.decide(request('orders', ['e-1']), TIME).first, 1);
  chains.addLines('auditd', [{ bytes: Buffer.from('{}'), file: 'f', path: '/f', from: 0, to: 5 }], 'logs.a', TIME);
  chains.commit();
  assert.equal(chains.streams.size, MOST_STREAMS + 2);
});

test('a stream that has ended is not sealed once more', () => {
  const chains = makeChains();
  chains.seal('gone', TIME);
  assert.deepEqual(chains.sections(), []);
});

test('seals count when they are on the medium', () => {
  const seal: ChainsOptions['seal'] = ({ sequence, sealed }) => {
    return { value: Buffer.from('{}'), sealed: { ...sealed, to: sequence } };
  };
  const chains = makeChains([], [], { seal, sealEvery: 2 });
  const ids = ['e-1', 'e-2', 'e-3', 'e-4'];
  chains.decide(request('s', ids), TIME);
  chains.rollBack();
  assert.equal(chains.seals, 0);
  chains.decide(request('s', ids), TIME);
  chains.commit();
  chains.commit();
  assert.equal(chains.seals, 2);
});

test('a producer that begins another epoch with what is known moves without a record that says so', () => {
  const chains = makeChains();
  const taken = (epoch: number) =>
    chains.decide(request('s', ['e-1'], { producer: { id: 'p', epoch, sequence: 1 } }), TIME);
  assert.equal(taken(1).duplicate, false);
  assert.equal(chains.movesSilently, false);
  chains.commit();
  assert.equal(taken(2).duplicate, true);
  assert.equal(chains.movesSilently, true, 'else the one of the epoch before comes back after a kill');
  chains.commit();
  assert.equal(taken(2).duplicate, true);
  assert.equal(chains.movesSilently, false);
});

test('a request that fits into a block is in one: a kill leaves blocks whole or not at all', () => {
  const chains = makeChains();
  const ids = (from: string) => Array.from({ length: 6 }, (_, i) => `${from}-${i}`);
  const text = 'x'.repeat(100_000);
  for (const from of ['a', 'b', 'c']) chains.decide(request('s', ids(from), {}, text), TIME);
  const sections = chains.sections();
  assert.deepEqual(
    sections.map(({ count }) => count),
    [6, 6, 6],
  );
  for (const { records } of sections) assert.ok(records.length <= MAX_BLOCK_BYTES);
});

test('a request that takes several blocks begins one, and they are marked as one', () => {
  const chains = makeChains();
  const ids = (from: string) => Array.from({ length: 6 }, (_, i) => `${from}-${i}`);
  const text = 'x'.repeat(200_000);
  chains.decide(request('s', ['before']), TIME);
  chains.decide(request('s', ids('a'), {}, text), TIME);
  chains.decide(request('s', ['behind']), TIME);
  chains.decide(request('other', ['behind']), TIME);
  chains.decide(request('s', ids('b'), {}, text), TIME);
  assert.deepEqual(
    chains.sections().map(({ stream, count, continues }) => [stream.key, count, continues]),
    [
      ['s', 1, false],
      ['s', 4, true],
      ['s', 3, false],
      ['s', 4, true],
      ['s', 2, false],
      ['other', 1, false],
    ],
  );
});

test('where a producer has moved and that cannot be stored, the same again is no duplicate yet', async () => {
  const chains = makeChains();
  let fails = true;
  let saved = 0;
  const save = async () => {
    if (fails) throw new Error('EIO');
    saved++;
  };
  const log = { next: 0, acknowledged: 0, reserveNow: () => () => undefined, write: async () => 1 };
  const intake = new AuditIntake({ log: log as never, store: { chains, save } as never, hold: 100 });
  const sent = (more = {}) => intake.take(request('s', ['e-1'], more));
  assert.equal((await sent()).duplicate, false);
  const producer = { id: 'p', epoch: 1, sequence: 1 };
  for (let i = 0; i < 2; i++) await assert.rejects(sent({ producer }), { code: 503 });
  fails = false;
  assert.equal((await sent({ producer })).duplicate, true);
  assert.equal(saved, 1);
  assert.equal((await sent({ producer })).duplicate, true);
  assert.equal(saved, 1, 'it is stored once');
});

test('what comes twice in one group is one event, or 409 with other bytes', () => {
  const chains = makeChains();
  const first = chains.decide(request('s', ['e-1', 'e-2']), TIME);
  assert.deepEqual(chains.decide(request('s', ['e-1', 'e-2']), TIME), { ...first, duplicate: true });
  assert.deepEqual(chains.decide(request('s', ['e-2']), TIME), { ...first, first: 2, duplicate: true });
  assert.throws(() => chains.decide(request('s', ['e-2'], {}, 'other'), TIME), { code: 409 });
  assert.throws(() => chains.decide(request('s', ['e-2', 'e-3'], { lines: [1, 2] }), TIME), { code: 409 });
  const producer = { id: 'p', epoch: 1, sequence: 1 };
  const numbered = chains.decide(request('s', ['e-3'], { producer }), TIME);
  assert.deepEqual([numbered.first, numbered.duplicate], [3, false]);
  assert.equal(chains.decide(request('s', ['e-3'], { producer }), TIME).duplicate, true);
  const older = { producer: { ...producer, epoch: 0, sequence: 2 } };
  assert.throws(() => chains.decide(request('s', ['e-4'], older), TIME), { code: 409 });
  chains.commit();
  assert.equal(chains.streams.get('s')!.sequence, 3);
});

test('a disk that does not take events is said until it has taken some', async () => {
  const chains = makeChains();
  let fails = false;
  const write = async () => {
    if (fails) throw new Error('EIO');
    return 1;
  };
  const log = { next: 0, acknowledged: 0, reserveNow: () => () => undefined, write };
  const intake = new AuditIntake({ log: log as never, store: { chains } as never, hold: 100 });
  const send = (id: string) => intake.take(request('s', [id]));
  await send('e-1');
  fails = true;
  await assert.rejects(send('e-2'), { code: 503 });
  assert.equal((await send('e-1')).duplicate, true);
  assert.equal(intake.error, 'EIO');
  fails = false;
  await send('e-2');
  assert.equal(intake.error, null);
});

/** An intake whose writes end when they are told to, by turns. */
function heldIntake(hold = 60_000) {
  const writes: { resolve: () => void; reject: (error: Error) => void; signal: AbortSignal }[] = [];
  const write = (_: unknown, signal: AbortSignal) =>
    new Promise<number>((resolve, reject) => {
      writes.push({ resolve: () => resolve(1), reject, signal });
      signal.addEventListener('abort', () => reject(new Error('too slow')));
    });
  const log = { next: 0, acknowledged: 0, reserveNow: () => () => undefined, write };
  const intake = new AuditIntake({ log: log as never, store: { chains: makeChains() } as never, hold });
  return { intake, writes };
}

test('a repeat whose first copy is not synced yet waits for that, and takes its place where it fails', async () => {
  const { intake, writes } = heldIntake();
  const answers: string[] = [];
  const send = (what: string) =>
    intake.take(request('s', ['e-1'])).then(
      ({ duplicate, first }) => answers.push(`${what}: ${first} ${duplicate}`),
      ({ code }) => answers.push(`${what}: ${code}`),
    );
  const first = send('first');
  const second = send('second');
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  assert.deepEqual(answers, [], 'neither is on the medium');
  writes[0]!.reject(new Error('EIO'));
  await first;
  assert.deepEqual(answers, ['first: 503']);
  await until('the second one is written', () => writes.length === 2);
  const third = send('third');
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  assert.deepEqual(answers, ['first: 503']);
  writes[1]!.resolve();
  await Promise.all([second, third]);
  assert.deepEqual(answers.slice(1), ['second: 1 false', 'third: 1 true']);
  assert.equal(writes.length, 2, 'nothing is written for a repeat');
});

test('each group has as long for the disk, also behind one that took too long', async () => {
  const { intake, writes } = heldIntake(20);
  for (const id of ['e-1', 'e-2']) await assert.rejects(intake.take(request('s', [id])), { code: 503 });
  const taken = intake.take(request('s', ['e-3']));
  await until('it is written', () => writes.length === 3);
  assert.equal(writes[2]!.signal.aborted, false);
  writes[2]!.resolve();
  assert.equal((await taken).first, 1);
});
