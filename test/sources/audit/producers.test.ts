/** How many producers are known, and what becomes of those that are not any more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chains } from '../../../src/sources/audit/chain.ts';
import { readEvent } from '../../../src/sources/audit/event.ts';
import { RecentIds } from '../../../src/sources/audit/ids.ts';
import type { AuditRequest } from '../../../src/sources/audit/request.ts';

const MOST = 10_000;
const TIME = '2026-12-01T07:00:00.000Z';

function request(producer: string, sequence: number, id: string): AuditRequest {
  const events = [readEvent(Buffer.from(`{"@timestamp":"${TIME}","event":{"id":"${id}"}}`), [])];
  return { stream: 'shop', events, lines: null, producer: { id: producer, epoch: 1, sequence }, peer: 'test' };
}

test('any number of producers may come; who has sent nothing for longest is told to begin anew', () => {
  const chains = new Chains(new RecentIds(1000), {
    streamOf: () => assert.fail('nothing is written here'),
    seal: () => assert.fail('nothing is sealed here'),
    sealEvery: 1e9,
  });
  const take = (producer: string, sequence: number, id: string) => {
    const taken = chains.decide(request(producer, sequence, id), TIME);
    chains.commit();
    return taken;
  };
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
