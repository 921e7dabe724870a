import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { availableChecks, isOn } from '../../src/checks/all.ts';
import type { Check } from '../../src/checks/check.ts';
import { cpu, reportCpu } from '../../src/checks/cpu.ts';
import { HostFiles } from '../../src/checks/files.ts';
import { SeriesMeter } from '../../src/checks/meter.ts';
import { PORTABLE } from '../../src/checks/portable.ts';
import { CheckRunner, runAll } from '../../src/checks/runner.ts';

/** The increases that a counter with these totals reports. */
function increases(...totals: number[]): (number | undefined)[] {
  const meter = new SeriesMeter();
  return totals.map((total) => {
    meter.monotonic('a', total, '1');
    return meter.take(true)[0]?.value;
  });
}

test('a counter is reported as its increase: nothing first, nothing after a reset, never below zero', () => {
  assert.deepEqual(increases(2, 3, 3, 7), [undefined, 1, 0, 4]);
  assert.deepEqual(increases(7, 1, 4), [undefined, undefined, 3]);
  assert.deepEqual(increases(57.37, 57.38), [undefined, 0.01]);
  assert.deepEqual(increases(1, Number.NaN, 5), [undefined, undefined, undefined]);
  const wrapping = new SeriesMeter();
  const wraps = (...totals: number[]) =>
    totals.map((total) => {
      wrapping.monotonic('w', total, '1', {}, 2 ** 32);
      return wrapping.take(true)[0]?.value;
    });
  assert.deepEqual(wraps(2 ** 32 - 10, 5, 3e9, 7, 2 ** 33, 2 ** 33 + 1, 1), [
    undefined,
    15,
    3e9 - 5,
    undefined,
    2 ** 33 - 7,
    1,
    undefined,
  ]);
  assert.deepEqual(increases(-1e308, 1e308), [undefined, Number.MAX_VALUE]);
  assert.deepEqual(increases(0, 1e300), [undefined, 1e300]);
});

test('series with other attributes are other counters', () => {
  const meter = new SeriesMeter();
  meter.monotonic('a', 1, 'By', { device: 'x' });
  meter.monotonic('a', 100, 'By', { device: 'y' });
  meter.take(true);
  meter.monotonic('a', 3, 'By', { device: 'x' });
  meter.monotonic('a', 100, 'By', { device: 'y' });
  assert.deepEqual(
    meter.take(true).map((p) => [p.type, p.value, p.attributes]),
    [
      ['sum', 2, '"device":"x"'],
      ['sum', 0, '"device":"y"'],
    ],
  );
});

test('a run that failed half-way loses no increase of what it did not reach', () => {
  const meter = new SeriesMeter();
  meter.monotonic('a', 1, '1');
  meter.monotonic('b', 1, '1');
  meter.take(true);
  meter.monotonic('a', 2, '1');
  meter.take(false);
  meter.monotonic('a', 3, '1');
  meter.monotonic('b', 5, '1');
  assert.deepEqual(
    meter.take(true).map((p) => [p.name, p.value]),
    [
      ['a', 1],
      ['b', 4],
    ],
  );
});

test('cpu utilization is the share of the time since the last run', () => {
  const meter = new SeriesMeter();
  const seconds = { user: 1, nice: 0, system: 1, idle: 10, iowait: 0, interrupt: 0, steal: 0 };
  const rest = { guest: { user: 0, nice: 0 }, count: 1, contextSwitches: 1, interrupts: 1 };
  reportCpu(meter, { seconds, ...rest });
  assert.deepEqual(
    meter.take(true).map((p) => p.name),
    ['system.cpu.logical.count'],
  );
  reportCpu(meter, { seconds: { ...seconds, user: 2, idle: 13 }, ...rest });
  const shares = meter.take(true).filter((p) => p.name === 'system.cpu.utilization' && p.value > 0);
  assert.deepEqual(
    shares.map((p) => [p.attributes, p.value]),
    [
      ['"cpu.mode":"user"', 0.25],
      ['"cpu.mode":"idle"', 0.75],
    ],
  );
});

test('a check that hangs is left at its deadline, skipped while it hangs, and what it says later is dropped', async () => {
  let release = () => {};
  let aborted = false;
  let first = true;
  const check: Check = async (meter, signal) => {
    meter.gauge('early', 1, '1');
    if (!first) return;
    first = false;
    signal.addEventListener('abort', () => {
      aborted = true;
    });
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    meter.gauge('late', 1, '1');
  };
  const runner = new CheckRunner('hangs', check);
  assert.deepEqual(
    (await runner.run(20)).map((p) => [p.name, p.name === 'check.duration' ? 0 : p.value]),
    [
      ['early', 1],
      ['check.duration', 0],
      ['check.status', 3],
    ],
  );
  assert.equal(aborted, true);
  assert.match(runner.status.last_error ?? '', /no end after 0.02 s/);
  assert.deepEqual(
    (await runner.run(20)).map((p) => [p.name, p.value]),
    [['check.status', 3]],
  );
  assert.equal(runner.status.skipped, 1);
  release();
  await new Promise(setImmediate);
  assert.deepEqual(
    (await runner.run(1000)).map((p) => p.name),
    ['early', 'check.duration', 'check.status'],
  );
  const { last_seconds: _, ...status } = runner.status;
  const none = { warnings: 0, criticals: 0, last_error: null, lacks: null };
  assert.deepEqual(status, { name: 'hangs', runs: 2, errors: 1, skipped: 1, ...none });
});

test('what a check says at every run is written once', async () => {
  const runner = new CheckRunner('same', (meter) => {
    meter.gauge('a', performance.now(), 's', { device: 'x' });
    meter.monotonic('b', performance.now(), 's', { device: 'x' });
  });
  const texts = async () => (await runner.run(1000)).map(({ text }) => text);
  await texts();
  const [before, after] = [await texts(), await texts()];
  assert.equal(after.length, 4);
  for (const [i, text] of after.entries()) assert.ok(text === before[i]);
});

test('a series that a run does not report begins anew', () => {
  const meter = new SeriesMeter();
  const run = (...names: string[]) => {
    for (const name of names) meter.monotonic(name, performance.now(), '1');
    return meter.take(true).map(({ name }) => name);
  };
  assert.deepEqual(run('a', 'b', 'c'), []);
  assert.deepEqual(run('a', 'c'), ['a', 'c']);
  assert.deepEqual(run('a', 'b', 'c'), ['a', 'c']);
  assert.deepEqual(run('c', 'b', 'a'), ['c', 'b', 'a']);
});

test('a check that fails after a part has reported the part', async () => {
  const runner = new CheckRunner('fails', async (meter) => {
    meter.gauge('a', 1, '1');
    throw new Error('the rest is unreadable');
  });
  assert.deepEqual(
    (await runner.run(1000)).map((p) => p.name),
    ['a', 'check.duration', 'check.status'],
  );
  assert.equal(runner.status.last_error, 'the rest is unreadable');
});

test('a check that lacks a part says so: its status is a warning', async () => {
  const runner = new CheckRunner('lacks', async (meter) => meter.lack('the clock may not be asked'));
  const points = await runner.run(1000);
  assert.deepEqual(
    points.filter((p) => p.name === 'check.status').map((p) => [p.value, p.attributes]),
    [[1, '"check":"lacks"']],
  );
  assert.equal(runner.status.lacks, 'the clock may not be asked');
});

test('every check runs on this machine', async () => {
  for (const [name, check] of await availableChecks(new HostFiles())) {
    if (!isOn(name, { cpu_per_core: true, cpu_frequency: true })) continue;
    const runner = new CheckRunner(name, check);
    await runner.run(5000);
    await runner.run(5000);
    assert.equal(runner.status.last_error, null, name);
  }
});

test('every check that needs no /proc runs on this machine', async () => {
  for (const [name, check] of Object.entries(PORTABLE)) {
    const runner = new CheckRunner(name, check);
    const points = await runner.run(20_000);
    assert.equal(runner.status.last_error, null, name);
    for (const p of points) assert.match(p.name, /^(system|check)\./);
  }
});

test('HOST_PROC says where the host has its /proc, and a file is read anew at every run', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'runnel-proc-'));
  const before = process.env.HOST_PROC;
  process.env.HOST_PROC = directory;
  try {
    mkdirSync(join(directory, '1'));
    const host = new HostFiles();
    const run = () => {
      host.newRound();
      return runner.run(1000);
    };
    const runner = new CheckRunner('cpu', cpu(host));
    await run();
    assert.match(runner.status.last_error ?? '', /ENOENT/);
    writeFileSync(
      join(directory, 'stat'),
      'cpu  100 0 0 100 0 0 0 0 0 0\ncpu0 100 0 0 100 0 0 0 0 0 0\nintr 5\nctxt 9\n',
    );
    await run();
    writeFileSync(
      join(directory, 'stat'),
      'cpu  200 0 0 400 0 0 0 0 0 0\ncpu0 200 0 0 400 0 0 0 0 0 0\nintr 7\nctxt 9\n',
    );
    const points = await run();
    const value = (name: string, mode: string) =>
      points.find((p) => p.name === name && p.attributes.includes(mode))?.value;
    assert.equal(value('system.cpu.time', '"user"'), 1);
    assert.equal(value('system.cpu.time', '"idle"'), 3);
    assert.equal(value('system.cpu.utilization', '"idle"'), 0.75);
    assert.equal(value('system.linux.interrupts', ''), 2);
  } finally {
    if (before === undefined) delete process.env.HOST_PROC;
    else process.env.HOST_PROC = before;
    rmSync(directory, { recursive: true });
  }
});

test('each check is timed by itself: one that takes long makes no other one long', async () => {
  const busy: Check = async () => {
    const end = performance.now() + 60;
    while (performance.now() < end);
  };
  const slow: Check = () => new Promise((resolve) => setTimeout(resolve, 400));
  const quick: Check = async (meter) => meter.gauge('quick', 1, '1');
  const runners = [new CheckRunner('quick', quick), new CheckRunner('slow', slow), new CheckRunner('busy', busy)];
  const points = await runAll(runners, 5000);
  assert.deepEqual(
    points.filter((p) => p.name !== 'check.duration').map((p) => [p.name, p.value]),
    [
      ['quick', 1],
      ['check.status', 0],
      ['check.status', 0],
      ['check.status', 0],
    ],
  );
  const [first, second, third] = runners.map(({ status }) => status.last_seconds);
  // What a busy machine takes away from each is less than what the slow one takes.
  assert.ok(first! < 0.3, `${first}`);
  assert.ok(second! >= 0.39, `${second}`);
  assert.ok(third! >= 0.06 && third! < 0.3, `${third}`);
});
