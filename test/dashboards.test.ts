/** dashboards/runnel.json: it is current, its figures are some, and Prometheus takes each of its expressions. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { figuresOf } from '../src/report/figures.ts';
import { ROOT } from './support/docs-pages.ts';
import { statusOf } from './support/status.ts';

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string; legendFormat: string; datasource: { uid: string } }[];
}

const TEXT = readFileSync(join(ROOT, 'dashboards/runnel.json'), 'utf8');
const DASHBOARD = JSON.parse(TEXT) as { panels: Panel[]; templating: { list: { name: string }[] } };
const QUERIES = DASHBOARD.panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })));
const noPromtool =
  spawnSync('promtool', ['--version']).status === 0
    ? false
    : 'NOT TESTED: promtool is not installed (apt-get install prometheus)';

const FIGURES = new Map(figuresOf(statusOf()).map(({ name, kind, labels }) => [`runnel_${name}`, { kind, labels }]));

test('each figure that it shows is one, and counters are shown as rates', () => {
  assert.ok(QUERIES.length > 25);
  for (const { title, expr } of QUERIES) {
    const names = expr.match(/\brunnel_\w+/g)!;
    assert.ok(names.length > 0, title);
    for (const name of names) {
      assert.ok(FIGURES.has(name), `${title}: there is no ${name}`);
      const grows = FIGURES.get(name)!.kind === 'counter';
      assert.equal(new RegExp(`(rate|increase)\\(${name}\\b`).test(expr), grows, `${title}: ${name}`);
    }
  }
});

test('labels by which it tells series apart are those of the figures', () => {
  for (const { title, expr, legendFormat } of QUERIES) {
    const known = new Set(['instance', ...expr.match(/\brunnel_\w+/g)!.flatMap((name) => FIGURES.get(name)!.labels)]);
    const by = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels]) => labels!.split(', '));
    const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
    for (const label of [...by, ...shown]) assert.ok(known.has(label), `${title}: ${label}`);
    // What was summed up has no other labels.
    if (by.length > 0) for (const label of shown) assert.ok(by.includes(label), `${title}: ${label}`);
    assert.ok(shown.length > 0 || !/^topk|\bby\b/.test(expr), `${title} says not which is which`);
  }
});

test('panels are beside and below each other, and ask the source that is chosen', () => {
  const ids = new Set(DASHBOARD.panels.map(({ id }) => id));
  assert.equal(ids.size, DASHBOARD.panels.length);
  const taken = new Set<string>();
  for (const { title, gridPos } of DASHBOARD.panels) {
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.ok(!taken.has(`${x} ${y}`), `${title} lies over another`);
        taken.add(`${x} ${y}`);
      }
    }
  }
  for (const { datasource } of QUERIES) assert.equal(datasource.uid, '${datasource}');
  const variables = new Set(['__rate_interval', ...DASHBOARD.templating.list.map(({ name }) => name)]);
  for (const [, name] of TEXT.matchAll(/\$\{?(\w+)/g)) assert.ok(variables.has(name!) || name === '__all', name!);
});

test('Prometheus takes each expression', { skip: noPromtool }, (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-dashboard-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const rules = QUERIES.map(({ expr }, i) => {
    return { record: `q${i}`, expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*') };
  });
  const file = join(dir, 'rules.yaml');
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
});
