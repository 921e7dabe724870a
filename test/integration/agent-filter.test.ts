/** Filtered lines with a real Kafka: over kill -9, in two lanes, at the end of a file; `verify` says what there is to say. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentConfig, type Home, makeHome, runnel } from '../support/agent.ts';
import { freshTopic, type Kafka, noKafka, startKafka, withAdmin } from '../support/kafka.ts';
import { readValues } from '../support/kcat.ts';

const skip = noKafka;
let kafka: Kafka;

before(async () => {
  if (!skip) kafka = await startKafka();
});
after(async () => {
  await kafka?.stop();
});

const PROCESS = [
  { drop: { line: { contains: ['/health', 'kube-probe'] } } },
  { keep: { line: { not: { ends: 'debug' } } } },
];
const isKept = (line: string) => !/\/health|kube-probe|debug$/.test(line);

/** Numbered lines, in runs of one kind, some of them long: whole batches are filtered. */
function linesFrom(first: number, count: number): string[] {
  const kinds = ['GET /', 'GET /health', 'kube-probe', 'debug'];
  return Array.from({ length: count }, (_, i) => {
    const n = first + i;
    const kind = kinds[Math.floor(n / [7, 900][Math.floor(n / 5000) % 2]!) % kinds.length]!;
    return `${String(n).padStart(8, '0')} ${'x'.repeat((n * 37) % 120)} ${kind}`;
  });
}

async function ask(home: Home, topic: string, file: string | null): Promise<{ code: number | null; report: Said }> {
  const how = file === null ? [] : ['--file', file];
  const { code, stdout } = await runnel('verify', '--topic', topic, ...how, '-c', home.path('runnel.yaml'), '--json');
  return { code, report: JSON.parse(stdout) as Said };
}

interface Said {
  result: string;
  reasons: string[];
  files: { path: string; records: number; skipped_bytes: number; to: number; gaps: unknown[]; reasons: string[] }[];
}

for (const delivery of ['at_least_once', 'exactly_once'] as const) {
  test(`kill -9 between filtered lines, in two lanes and over rotations: ${delivery}`, { skip }, async () => {
    await using home = await makeHome();
    mkdirSync(home.path('logs'));
    const topic = `filter-${delivery}-${process.pid}-${Date.now()}`;
    await withAdmin(kafka.brokers, (admin) => admin.createTopics({ topics: [{ topic, numPartitions: 2 }] }));
    const include = home.path('logs', '*.log*');
    const config: AgentConfig = {
      kafka: { brokers: kafka.brokers, delivery, partition_by: 'file', linger: '5ms' },
      logs: [{ name: 'app', include, topic, encoding: 'raw', process: PROCESS }],
    };
    const paths = Array.from({ length: 6 }, (_, i) => home.path('logs', `${i}.log`));
    const written = new Map(paths.map((path) => [path, [] as string[]]));
    let number = 0;
    const write = (count: number) => {
      for (const path of paths) {
        const lines = linesFrom(number, count);
        number += count;
        appendFileSync(path, `${lines.join('\n')}\n`);
        written.get(path)!.push(...lines);
      }
    };
    write(1000);
    const rounds = delivery === 'exactly_once' ? 3 : 4;
    for (let round = 0; round < rounds; round++) {
      const agent = await home.start(config);
      for (let i = 0; i < 10; i++) {
        write(150);
        await sleep((round * 37 + i * 11) % 90);
      }
      if (round === 2) for (const path of paths.slice(0, 2)) renameSync(path, `${path}.1`);
      await agent.kill9();
    }
    const last = await home.start(config);
    await last.until(
      ({ logs }) => logs[0]!.files.length >= paths.length && logs[0]!.files.every((file) => file.lag_bytes === 0),
      'all is read and safe',
      90_000,
    );
    const { logs, conservation } = await last.settled(0);
    const filtered = logs[0]!.steps.reduce((sum, step) => sum + step.in - step.out, 0);
    assert.equal(conservation.inputs['logs.app']!.filtered, filtered);
    await last.stop();

    const values = (await readValues(kafka.brokers, topic)).map(String);
    const expected = [...written.values()].flat().filter(isKept);
    assert.deepEqual([...new Set(values)].sort(), expected.sort(), 'what is kept is there, and nothing else');
    if (delivery === 'exactly_once') assert.equal(values.length, expected.length);
    const { code, report } = await ask(home, topic, null);
    assert.equal(code, 0, JSON.stringify(report));
    for (const path of paths.slice(2)) {
      const whole = await ask(home, topic, path);
      assert.equal(whole.code, 0, JSON.stringify(whole.report));
      assert.equal(whole.report.files[0]!.to, statSync(path).size, 'to its end, whatever that is');
    }
  });
}

test('what was filtered at a file’s end, or all of it, is known by the positions, and undecided without', {
  skip,
}, async () => {
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  const topic = await freshTopic(kafka.brokers, 'filter-end');
  const [some, none] = [home.path('logs', 'some.log'), home.path('logs', 'none.log')];
  writeFileSync(some, 'one\n/health 1\ntwo\n/health 2\n/health 3\n');
  writeFileSync(none, '/health 1\n/health 2\n');
  const include = home.path('logs', '*.log');
  const config = { kafka: { brokers: kafka.brokers }, logs: [{ name: 'app', include, topic, process: PROCESS }] };
  const agent = await home.start(config);
  await agent.until(
    ({ logs }) => logs[0]!.files.length === 2 && logs[0]!.files.every((file) => file.committed === file.size),
    'both are read',
  );
  await agent.stop();
  for (const path of [some, none]) {
    const { code, report } = await ask(home, topic, path);
    assert.equal(code, 0, JSON.stringify(report));
    assert.equal(report.files[0]!.to, statSync(path).size);
  }
  // Nobody has read this yet.
  for (const path of [some, none]) {
    appendFileSync(path, 'three\n');
    const { code, report } = await ask(home, topic, path);
    assert.equal(code, 3, JSON.stringify(report));
    assert.deepEqual(report.files[0]!.reasons, [
      'the end of the file has not arrived, and is not known to be left out',
    ]);
  }
  const without = await runnel('verify', '--topic', topic, '--file', none, '--brokers', kafka.brokers, '--json');
  assert.equal(without.code, 3);
  // The next start goes on behind what was filtered before it.
  const again = await home.start(config);
  await again.settled(2);
  await again.stop();
  for (const path of [some, none]) {
    const { code, report } = await ask(home, topic, path);
    assert.equal(code, 0, JSON.stringify(report));
    assert.deepEqual(report.files[0]!.gaps, []);
  }
});
