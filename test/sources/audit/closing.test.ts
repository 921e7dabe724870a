/** An intake that has ended writes nothing more: the one that follows it goes on with the chains. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChainingEnds } from '../../../src/core/chained.ts';
import { Chains } from '../../../src/sources/audit/chain.ts';
import { readEvent } from '../../../src/sources/audit/event.ts';
import { RecentIds } from '../../../src/sources/audit/ids.ts';
import { AuditIntake } from '../../../src/sources/audit/intake.ts';

const EVENT = '{"@timestamp":"2026-12-01T07:00:00.000Z","event":{"id":"e-1"}}';

/** An intake over a log that has room or not, and what was written to that. */
function makeIntake(isFull: boolean) {
  const chains = new Chains(new RecentIds(100), {
    streamOf: (name) => ({ name: 'audit', key: name }) as never,
    seal: () => assert.fail('nothing is sealed here'),
    sealEvery: 1e9,
    named: () => false,
    ended: () => undefined,
  });
  const room = Promise.withResolvers<() => void>();
  const release = () => undefined;
  let writes = 0;
  const log = {
    next: 0,
    acknowledged: 0,
    reserveNow: () => (isFull ? null : release),
    reserve: (_: number, signal: AbortSignal) => {
      signal.addEventListener('abort', () => room.reject(signal.reason));
      return room.promise;
    },
    write: async () => ++writes,
  };
  let saves = 0;
  const save = async () => {
    saves++;
  };
  const store = { chains, save };
  const intake = new AuditIntake({ log: log as never, store: store as never, hold: 60_000 });
  return { intake, giveRoom: () => room.resolve(release), writes: () => writes, saves: () => saves };
}

test('what waited for room is refused at once, though there is room now', async () => {
  const { intake, giveRoom, writes } = makeIntake(true);
  const events = [readEvent(Buffer.from(EVENT), [])];
  const held = intake.take({ stream: 's', events, lines: null, producer: null, peer: 'test' });
  const refused = assert.rejects(held, { code: 503 });
  giveRoom();
  await intake.close();
  await refused;
  assert.equal(writes(), 0);
});

test('what waits for room is refused at once', { timeout: 10_000 }, async () => {
  const { intake, writes } = makeIntake(true);
  const events = [readEvent(Buffer.from(EVENT), [])];
  const refused = assert.rejects(intake.take({ stream: 's', events, lines: null, producer: null, peer: 'test' }), {
    code: 503,
  });
  await new Promise(setImmediate);
  await intake.close();
  await refused;
  assert.equal(writes(), 0);
});

test('lines that come when it has ended are for the next one', async () => {
  const { intake, writes } = makeIntake(false);
  await intake.close();
  const line = { bytes: Buffer.from(EVENT), file: 'f', path: '/f', from: 0, to: 5 };
  await assert.rejects(
    intake.takeLines('s', [line], 'logs.a', () => null),
    ChainingEnds,
  );
  assert.equal(writes(), 0);
});
