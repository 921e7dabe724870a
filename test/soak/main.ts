/**
 * The soak: `npm run soak -- [--minutes N] [--every SECONDS] [--speed N] [--delivery D] [--main PATH] [--snapshots DIR]`.
 *
 * The agent as it is published against a Kafka of its own, under a mixed load that never ends: rotation, new names,
 * StatsD good and bad, taps and scrapes, brokers that go away. Now and then all its garbage is collected and what is
 * left is written down, in MB; the last line of the table says by how much it rose in the second half, in MB an hour.
 * Of an hour or more that is judged: more than MOST of what is alive is a leak, and the exit code 1. The books must
 * balance after any time. `--snapshots` keeps a heap snapshot of each row; `--main` is a `main.js` that was built before.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { buildAgent } from '../bench/agent.ts';
import { makeHome } from '../support/agent.ts';
import { startKafka } from '../support/kafka.ts';
import { files, inputs } from './files.ts';
import { Load } from './load.ts';
import { outages } from './outages.ts';
import { COLUMNS, look, row, type Sample, slope } from './sample.ts';
import { MAX_CONTEXTS, statsd } from './statsd.ts';
import { strangers } from './strangers.ts';

/** MB an hour. */
const MOST = 1;
const JUDGED_MINUTES = 60;
const PROBE = new URL('probe.ts', import.meta.url).href;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '90' },
    every: { type: 'string', default: '60' },
    speed: { type: 'string', default: '1' },
    delivery: { type: 'string', default: 'at_least_once' },
    main: { type: 'string' },
    snapshots: { type: 'string' },
  },
});
const minutes = Number(values.minutes);
const work = mkdtempSync(join(tmpdir(), 'runnel-soak-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
const main = values.main ?? buildAgent(work);

await using kafka = await startKafka({
  properties: { 'log.segment.bytes': 16_000_000, 'log.retention.bytes': 64_000_000 },
});
await using home = await makeHome();
const probe = home.path('probe.sock');
process.env.RUNNEL_TEST_PROBE = probe;
const dir = home.path('files');
const agent = await home.start(
  {
    kafka: { brokers: [kafka.proxy.address], topic_prefix: 'soak', delivery: values.delivery },
    logs: inputs(dir),
    metrics: { host: {} },
    statsd: { listen: ['udp://127.0.0.1:0'], max_contexts: MAX_CONTEXTS },
  },
  { main, sampleMs: 5000, preload: `import ${JSON.stringify(PROBE)}` },
);

const loading = new AbortController();
const load = new Load(loading.signal, Number(values.speed));
const admin = { host: '127.0.0.1', port: Number(new URL(agent.admin).port), socket: join(home.dataDir, 'runnel.sock') };
const port = await agent.statsdPort();
const running = Promise.all([files(load, dir), statsd(load, port), strangers(load, admin), outages(load, kafka)]);

process.on('exit', (code) => code !== 0 && process.stderr.write(agent.stderr));

const samples: Sample[] = [];
const say = (line: string) => process.stdout.write(`${line}\n`);
say(row(['minute', ...COLUMNS, 'CPU-s']));
const began = performance.now();
const minute = () => (performance.now() - began) / 60_000;
while (minute() < minutes) {
  await Promise.race([sleep(Number(values.every) * 1000), running]);
  const snapshot = values.snapshots === undefined ? '' : join(values.snapshots, `${samples.length}.heapsnapshot`);
  const sample = await look(agent.pid, probe, minute(), snapshot);
  samples.push(sample);
  say(row([sample.minute, ...COLUMNS.map((column) => sample[column]), sample.cpu]));
}
loading.abort();
await running;
kafka.proxy.heal();
const { conservation, lost } = await agent.until(
  ({ conservation: { total } }) => total.in_flight === 0,
  'nothing is in flight',
  120_000,
);
await agent.stop();

const half = samples.filter((sample) => sample.minute >= minutes / 2);
say(row(['an hour:', ...COLUMNS.map((column) => slope(half, (sample) => sample[column]))]));
say(`received ${conservation.total.received}, forwarded ${conservation.total.forwarded}, books balanced`);
for (const { input, reason, records } of lost) say(`dropped ${records} of ${input}: ${reason}`);
const alive = slope(half, ({ heap, external, workers }) => heap + external + workers);
say(`alive: ${alive.toFixed(2)} MB an hour`);
if (minutes >= JUDGED_MINUTES && alive > MOST) {
  say(`that is a leak: at most ${MOST} MB an hour may be`);
  process.exitCode = 1;
}
