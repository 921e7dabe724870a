/**
 * Local time of all zones of this Node against Intl: around every transition from 1970 on, and at random between. And the
 * formats of lines against their twins, on many times the lines that the tests have.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { placeTime, placeZone } from '../../src/kernel/process/time.ts';
import { transitions, zoneTable } from '../../src/kernel/process/zones.ts';
import { timeFormat } from '../../src/transforms/time-formats.ts';
import { below, clock, kernel, process as loops, place } from '../support/format-lab.ts';
import { localTwin } from '../support/zone-twin.ts';

const NOW = Date.UTC(2026, 10, 30, 22);
const RANDOM = 200;
/** Until then transitions are known. */
const LAST = NOW / 1000 + 9 * 365 * 86_400;

interface Exports {
  readTime(program: number, at: number, to: number): bigint;
}

/** Says what was compared. */
export function proveTimes(): string {
  const { readTime } = loops.exports<Exports>();
  let compared = 0;
  let most = 0;
  const zones = Intl.supportedValuesOf('timeZone');
  clock.useClock(NOW);
  for (const zone of zones) {
    const arena = kernel.takeArena();
    const program = placeTime(arena, [timeFormat('iso')], placeZone(arena, zone));
    const list = transitions(zone);
    most = Math.max(most, zoneTable(list).length);
    const seconds = list
      .slice(1)
      .flatMap(({ from }) => [-10_801, -3601, -1, 0, 1, 1800, 3601, 7200, 86_399].map((by) => from + by));
    for (let i = 0; i < RANDOM; i++) seconds.push(86_400 * 2 + below(LAST));
    for (const second of seconds) {
      for (const offset of new Set([localTwin.offset(zone, second), localTwin.offset(zone, second - 86_400)])) {
        const local = second + offset;
        const text = new Date(local * 1000).toISOString().slice(0, 19);
        const wanted = localTwin.toUtc(zone, local, NOW / 1000);
        if (wanted < 0) continue;
        assert.equal(Number(readTime(program, ...place(text))), wanted * 1000, `${text} in ${zone}`);
        compared++;
      }
    }
    kernel.giveArena(arena);
  }
  return `${compared} local times of ${zones.length} zones; the largest table has ${most} bytes`;
}

/** Rounds of each format, with this seed. */
export function proveFormats(rounds: number, seed: number): string {
  const test = join(import.meta.dirname, '../kernel/process/formats.test.ts');
  const env = { ...process.env, FUZZ_ROUNDS: String(rounds), FUZZ_SEED: String(seed) };
  const { status, stdout } = spawnSync(process.execPath, ['--test', '--test-force-exit', test], {
    env,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout);
  return `${rounds} mutated lines of each format, seed ${seed}: all read as their twins read them`;
}
