/**
 * `node checks-cost.ts default|watched`: prints the milliseconds of CPU that an interval of the checks takes, with the
 * records made of what they find, of an agent that has run for an hour. Rounds lie apart, so that caches are about as cold as
 * they are every ten seconds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MetricRecords } from '../../src/aggregate/record.ts';
import { availableChecks, isOn } from '../../src/checks/all.ts';
import { HostFiles } from '../../src/checks/files.ts';
import { CheckRunner, runAll } from '../../src/checks/runner.ts';

const ROUNDS = 100;
const WARM_UP = 360;
const APART_MS = 30;

const host = new HostFiles();
const settings = process.argv[2] === 'watched' ? { processes: { match: [{ name: 'sleep' }] } } : {};
const runners: CheckRunner[] = [];
for (const [name, check] of await availableChecks(host, settings)) {
  if (isOn(name, settings)) runners.push(new CheckRunner(name, check));
}
let bytes = 0;

async function round(): Promise<void> {
  host.newRound();
  const points = await runAll(runners, 5000);
  const origin = { host: 'web-1', dataset: 'host', labels: {} };
  const records = new MetricRecords(origin, { start: 0, end: 10_000, id: 'x-1' });
  for (const { text, value } of points) bytes += records.single(text, value).length;
}

for (let i = 0; i < WARM_UP; i++) await round();
let used = 0;
for (let i = 0; i < ROUNDS; i++) {
  await sleep(APART_MS);
  const before = process.cpuUsage();
  await round();
  const { user, system } = process.cpuUsage(before);
  used += user + system;
}
if (process.env.EACH) {
  for (const runner of runners) {
    const before = process.cpuUsage();
    for (let i = 0; i < 200; i++) {
      host.newRound();
      await runner.run(5000);
    }
    const { user, system } = process.cpuUsage(before);
    process.stderr.write(`${runner.status.name} ${((user + system) / 200 / 1000).toFixed(3)} ms\n`);
  }
}
process.stdout.write(`${used / ROUNDS / 1000}\n`);
process.exit(bytes > 0 ? 0 : 1);
