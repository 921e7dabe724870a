/** src/checks/catalog.ts against what checks yield, on this machine and on machines that are made of files. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { availableChecks } from '../../src/checks/all.ts';
import { catalog } from '../../src/checks/catalog.ts';
import { reportClock } from '../../src/checks/clock.ts';
import { HostFiles } from '../../src/checks/files.ts';
import { reportKafkaClock } from '../../src/checks/kafka-clock.ts';
import { SeriesMeter } from '../../src/checks/meter.ts';
import { CheckRunner } from '../../src/checks/runner.ts';
import { reportUnits } from '../../src/checks/systemd.ts';
import { section } from '../../src/config/option.ts';
import { shapeOf } from '../../src/config/shape.ts';
import { metrics } from '../../src/sources/host/kind.ts';
import { LATER, MACHINES, machine } from '../support/machines.ts';

interface Seen {
  check: string;
  name: string;
  unit: string;
  type: string;
  attributes: string[];
}

const seen = new Map<string, Seen>();

function see(check: string, points: ReturnType<SeriesMeter['take']>): void {
  for (const { name, unit, type, attributes } of points) {
    const names = Object.keys(JSON.parse(`{${attributes}}`));
    const of = name.startsWith('check.') ? 'of each check' : check;
    const key = `${of} ${name}`;
    const had = seen.get(key);
    if (had) assert.deepEqual([had.unit, had.type], [unit, type], key);
    seen.set(key, { check: of, name, unit, type, attributes: [...new Set([...(had?.attributes ?? []), ...names])] });
  }
}

const SETTINGS = {
  processes: { states: true, match: [{ name: 'node*', per_process: true }] },
  systemd: { units: [] },
};

before(async () => {
  for (const files of [null, ...Object.values(MACHINES)]) {
    using made = files ? machine(files) : null;
    const host = new HostFiles(made?.root);
    const checks = [...(await availableChecks(host, SETTINGS))];
    const runners = checks.map(([name, check]) => new CheckRunner(name, check));
    for (const later of [null, LATER]) {
      host.newRound();
      if (later) made?.put(later);
      for (const runner of runners) see(runner.status.name, await runner.run(10_000));
    }
    host.close();
  }
  // What no file says.
  const meter = new SeriesMeter();
  for (let i = 0; i < 2; i++) {
    reportUnits(meter, [{ id: 'a.service', loaded: true, state: 'active', restarts: 1, since: 1 }], 5);
    see('systemd', meter.take(true));
    const other = new SeriesMeter();
    reportClock(other, { offset: 0, mostError: 0, estimatedError: 0, synchronised: true });
    reportKafkaClock(other, 0, 0);
    see('clock', other.take(true));
  }
});

test('every metric that a check yields is in the catalog, with its unit, type and attributes', () => {
  const rows = new Map(catalog().map((row) => [`${row.check} ${row.name}`, row]));
  for (const [key, { unit, type, attributes }] of seen) {
    const row = rows.get(key);
    assert.ok(row, `the catalog has no ${key}`);
    assert.deepEqual([row.unit, row.type], [unit, type], key);
    const others = attributes.filter((name) => !row.attributes.includes(name));
    assert.deepEqual(others, [], `attributes of ${key}`);
  }
});

test('every metric of the catalog is yielded by its check, with all its attributes', () => {
  for (const row of catalog()) {
    const key = `${row.check} ${row.name}`;
    const found = seen.get(key);
    assert.ok(found, `nothing yields ${key}`);
    const missing = row.attributes.filter((name) => !found.attributes.includes(name));
    assert.deepEqual(missing, [], `attributes of ${key}`);
  }
});

test('every check is an option of metrics.host, and each is in the catalog', async () => {
  const shape = shapeOf(section({ metrics: metrics.options }));
  const fields = (map: unknown, key: string) =>
    (map as { fields: Map<string, { shape: unknown }> }).fields.get(key)!.shape;
  const host = fields(fields(shape, 'metrics'), 'host') as { fields: Map<string, unknown> };
  const checks = [...(await availableChecks(new HostFiles())).keys()].sort();
  assert.deepEqual([...host.fields.keys()].sort(), checks);
  const listed = new Set(catalog().map(({ check }) => check));
  listed.delete('of each check');
  assert.deepEqual([...listed].sort(), checks);
});
