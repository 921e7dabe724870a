/** Lines that go to several topics: each topic has its own, and explains every byte; one that is stuck holds up no other. */
// Slow: waits for lanes that are stuck.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { directory } from '../../support/directory.ts';
import { ROUTED, routedRound } from '../../support/routed-rounds.ts';

for (const [name, how] of [
  ['fields', 'kill'],
  ['groups', 'kill'],
  ['groups', 'stop'],
] as const) {
  test(`each topic has its lines, whatever is stuck, over ${how === 'kill' ? 'kill -9' : 'stops'}: ${name}`, async (t) => {
    const dir = directory(t);
    mkdirSync(dir, { recursive: true });
    await routedRound(join(dir, 'round'), 1, how, ROUTED[name]!);
  });
}
