/** Lines that go to several topics, through many random rounds of each kind (test/support/routed-rounds.ts). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROUTED, routedRound } from '../support/routed-rounds.ts';

/** Says what was compared. */
export async function proveRoutes(rounds: number): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-proof-'));
  let records = 0;
  let done = 0;
  try {
    for (let seed = 1; seed <= rounds; seed++) {
      for (const [name, values] of Object.entries(ROUTED)) {
        for (const how of ['kill', 'stop'] as const) {
          const round = join(dir, `${seed}-${name}-${how}`);
          records += await routedRound(round, seed, how, values);
          rmSync(round, { recursive: true, force: true });
          done++;
        }
      }
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return `routes: ${done} rounds of six lives, ${records} records: none lost, none in two topics, all bytes explained`;
}
