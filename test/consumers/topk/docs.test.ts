/** What docs/topk.md says is so: its configuration is one, its commands do what they say, its table is the arithmetic. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { durationName } from '../../../src/consumers/topk/options.ts';
import { planWindows, type TumblingWindow, WrittenWindow } from '../../../src/consumers/topk/windows.ts';
import { runnel } from '../../support/agent.ts';
import { directory } from '../../support/directory.ts';
import { noRedis, startRedis } from '../../support/redis.ts';

const DOC = readFileSync(join(import.meta.dirname, '../../../docs/topk.md'), 'utf8');
const DAY = 86_400;
const NAME_BYTES = 118;

test('its commands, with its configuration', { skip: noRedis }, async (t) => {
  await using server = await startRedis();
  const yaml = /```yaml\n(.*?)```/s.exec(DOC)![1]!;
  const file = join(directory(t), 'sink.yaml');
  await writeFile(file, yaml.replace('redis://redis-1:6379', server.url));
  const commands = [.../```sh\n(.*?)```/s.exec(DOC)![1]!.matchAll(/^runnel (.*?) *(#.*)?$/gm)].map(([, one]) => one!);
  assert.ok(commands.length >= 6);
  // The one that goes on until it is ended is tried with a Kafka.
  const ran = commands.filter((command) => command !== 'sink topk');
  for (const command of ran) {
    const { code, stderr, stdout } = await runnel(...command.split(' '), '-c', file);
    assert.equal(code, 0, `${command}: ${stderr}`);
    assert.notEqual(stdout, '', command);
  }
});

test('how many keys a ranking has, and what they take', () => {
  const check = (row: string, lengths: number[], keep: [number, number][]) => {
    const plan: TumblingWindow[] = planWindows(
      lengths.map((seconds) => ({ name: durationName(seconds), seconds })),
      new Map(keep),
    );
    const cells = DOC.split('\n')
      .find((line) => line.startsWith(`| ${row} |`))!
      .split('|')
      .map((cell) => cell.trim());
    const counts = plan.filter(({ base }) => base === null).map(({ seconds }) => mostKeys(seconds, plan));
    assert.deepEqual(
      cells[2]!.match(/\d[\d,]*/g)!.map((n) => Number(n.replace(',', ''))),
      counts,
      row,
    );
    const mb = (names: number) => (counts.reduce((sum, n) => sum + n, 0) * names * NAME_BYTES) / 1e6;
    for (const [i, names] of [1000, 10_000].entries()) {
      const [, number, unit] = /([\d.]+) (MB|GB)/.exec(cells[3 + i]!)!;
      const told = Number(number) * (unit === 'GB' ? 1000 : 1);
      assert.ok(Math.abs(told - mb(names)) / mb(names) < 0.03, `${row}: ${told} MB of ${mb(names)}`);
    }
  };
  check('the default', [60, 600, 3600, DAY], []);
  check('`keep: {1d: 14d}`', [60, 600, 3600, DAY], [[DAY, 14 * DAY]]);
  check('`windows: [1m, 1h], keep: {1h: 7d}`', [60, 3600], [[3600, 7 * DAY]]);
});

/** At any moment of a week. */
function mostKeys(seconds: number, plan: readonly TumblingWindow[]): number {
  const window = new WrittenWindow(seconds, plan);
  let most = 0;
  for (let now = 1000 * DAY; now < 1007 * DAY; now += 777) {
    let keys = 0;
    for (let start = Math.floor(now / seconds) * seconds; window.expiresAt(start) > now; start -= seconds) keys++;
    most = Math.max(most, keys);
  }
  return most;
}
