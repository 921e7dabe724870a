/** The kernel's path and the grammar's, on the same lines, must come to the same figures. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arena } from '../../src/aggregate/arena.ts';
import { attributesOf, SeriesTable } from '../../src/aggregate/series.ts';
import { HISTOGRAM, MEMBER, ODD, SET, StatsdKernel, TIMED, UNKNOWN } from '../../src/kernel/statsd.ts';
import { type Metric, type Parsed, parseLine } from '../../src/sources/statsd/parse.ts';

function random(seed: number): () => number {
  return () => {
    seed = (Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0;
    return ((seed ^ (seed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Figures {
  sums: Map<string, number>;
  samples: Map<string, number>;
  entries: [series: string, value: number, weight: number][];
  members: string[];
  /** With a time of their own. */
  timed: string[];
}

/** Key of a series as the spelling gives it: kind, name, tags as sent. */
function byGrammar(lines: Buffer): Figures & { rejected: number } {
  const out = { sums: new Map(), samples: new Map(), entries: [], members: [], timed: [], rejected: 0 } as Figures & {
    rejected: number;
  };
  for (const line of split(lines)) {
    if (line.length === 0 || (line.length === 1 && line[0] === 13)) continue;
    const [parsed] = parseLine(line) as [Parsed];
    if (parsed.kind !== 'metric' || hasWrongTime(parsed)) {
      out.rejected++;
      continue;
    }
    add(out, parsed);
  }
  return out;
}

function split(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, from)) {
    lines.push(bytes.subarray(from, at));
    from = at + 1;
  }
  if (from < bytes.length) lines.push(bytes.subarray(from));
  return lines;
}

const KIND = { c: 0, g: 1, h: 2, d: 2, ms: 3, s: 4 };

function key(metric: Metric): string {
  return `${KIND[metric.type]} ${metric.name} ${JSON.stringify(metric.tags)}`;
}

/** Only counters and gauges may have a time of their own. */
function hasWrongTime(metric: Metric): boolean {
  return metric.timestamp !== undefined && metric.type !== 'c' && metric.type !== 'g';
}

function add(out: Figures, metric: Metric): void {
  const series = key(metric);
  const weight = 1 / (metric.rate ?? 1);
  if (metric.timestamp !== undefined) {
    out.timed.push([series, metric.timestamp, weight, ...metric.values].join(' '));
    return;
  }
  const count = metric.type === 's' ? 1 : metric.values.length;
  out.samples.set(series, (out.samples.get(series) ?? 0) + count);
  if (metric.type === 's') out.members.push(`${series} ${metric.member}`);
  for (const value of metric.values) {
    if (metric.type === 'c') out.sums.set(series, (out.sums.get(series) ?? 0) + value * weight);
    else if (metric.type === 'g') out.sums.set(series, value);
    else out.entries.push([series, value, weight]);
  }
}

/** Lines that the kernel gives back go through the grammar, as they do in the aggregator. */
function byKernel(kernel: StatsdKernel, lines: Buffer): Figures & { rejected: number; slow: number } {
  const out = {
    sums: new Map(),
    samples: new Map(),
    entries: [],
    members: [],
    timed: [],
    rejected: 0,
    slow: 0,
  } as Figures & {
    rejected: number;
    slow: number;
  };
  const columns = kernel.columns[0];
  const names: string[] = [];
  const at = kernel.arenaAt;
  kernel.bytes.set(lines, at);
  let p = at;
  const drain = () => {
    for (let i = 0; i < kernel.result[4]!; i++) {
      out.entries.push([names[kernel.entrySeries[i]!]!, kernel.entryValue[i]!, kernel.entryWeight[i]!]);
    }
    kernel.clearEntries();
  };
  while (p < at + lines.length) {
    p = kernel.accumulate(p, at + lines.length, columns);
    const [why, next] = kernel.result as unknown as [number, number];
    if (p === at + lines.length) break;
    drain();
    const line = kernel.bytes.subarray(p, kernel.bytes[next - 1] === 10 ? next - 1 : next);
    const [parsed] = parseLine(line) as [Parsed];
    if (why === UNKNOWN) {
      assert.equal(parsed.kind, 'metric', `the kernel takes ${line}, the grammar does not`);
      if (parsed.kind !== 'metric') continue;
      if (!names.includes(key(parsed))) names.push(key(parsed));
      kernel.learn(names.indexOf(key(parsed)));
      continue;
    }
    if (why === TIMED) {
      const values = kernel.values.subarray(0, kernel.result[6]);
      out.timed.push([names[kernel.result[5]!]!, kernel.second, kernel.weight, ...values].join(' '));
    } else if (why === MEMBER) {
      const series = names[kernel.result[5]!]!;
      out.members.push(`${series} ${kernel.bytes.toString('utf8', kernel.result[6]!, kernel.result[7]!)}`);
      out.samples.set(series, (out.samples.get(series) ?? 0) + 1);
    } else {
      assert.equal(why, ODD);
      out.slow++;
      if (parsed.kind !== 'metric' || hasWrongTime(parsed)) out.rejected++;
      else if (parsed.timestamp !== undefined) add(out, parsed);
      else {
        // Into the same columns, so that a gauge's last value is the last of both paths.
        const series = key(parsed);
        if (!names.includes(series)) names.push(series);
        const number = names.indexOf(series);
        const before: Figures = {
          sums: new Map([[series, columns.sums[number]!]]),
          samples: new Map(),
          entries: out.entries,
          members: out.members,
          timed: out.timed,
        };
        add(before, parsed);
        columns.sums[number] = before.sums.get(series)!;
        columns.samples[number]! += before.samples.get(series)!;
      }
    }
    p = next;
  }
  drain();
  names.forEach((name, i) => {
    const kind = Number(name[0]);
    if (columns.samples[i] === 0) return;
    out.samples.set(name, (out.samples.get(name) ?? 0) + columns.samples[i]!);
    if (kind < HISTOGRAM) out.sums.set(name, columns.sums[i]!);
    assert.ok(kind <= SET);
  });
  return out;
}

/** As long as what is read at once, and a byte more or less; too long to be known; with what ends a line or a name in it. */
const NAMES = [
  'name.of.15.byte',
  'name.of.16.bytes',
  'name.of.17.bytes.',
  'n'.repeat(48),
  'n'.repeat(4097),
  'a\rb',
  'a\tb',
];

test('the kernel and the grammar agree on random lines', () => {
  const next = random(42);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!;
  const digits = (most: number) => String(Math.floor(next() * 10 ** (1 + next() * most)));
  const value = () =>
    pick([
      () => digits(4),
      () => `${digits(3)}.${digits(6)}`,
      () => `${digits(8)}${digits(8)}`,
      () => `-${digits(3)}.${digits(2)}`,
      () => `+${digits(3)}`,
      () => `.${digits(3)}`,
      () => `${digits(2)}.`,
      () => `${digits(3)}e${digits(1)}`,
      () => `${digits(15)}.${digits(9)}`,
      () => pick(['', '-', '.', '+.', '1a', ' 5', 'NaN', 'Infinity', '0x10', '1e999', '-0']),
    ])();
  const field = () =>
    pick([
      () => `#${pick(['a:b', 'env:prod,team:x', 'b,a', ',,', '', ':v', '#k:v', 'k:v,k:w', 'ü:ö', 'a:b', ...NAMES])}`,
      () => `@${pick(['0.1', '1', '.5', '0', '2', 'abc', '', '1.0', '-0.1', '+0.25', '1e-1', '0.3'])}`,
      () => `T${pick(['1656581400', '1656581401', '0', '', 'ABC', '-1', '1.5', '+3', '1.', '12345678901234567'])}`,
      () => pick(['c:ci-abc', 'c:', 'e:it-false,cn-a', 'card:low', 'card:', 'x:y', '', 'f', 'c', 'e', 'car']),
    ])();
  const line = () => {
    const values = [value()];
    while (next() < 0.2) values.push(value());
    const fields: string[] = [];
    while (next() < 0.45) fields.push(field());
    return [
      `${pick(['a', 'http.requests', 'http.requests.duration_of_all', '', 'né', 'a|b', 'x', ...NAMES])}${next() < 0.97 ? ':' : ''}${values.join(':')}`,
      pick(['c', 'c', 'g', 'ms', 'h', 'd', 's', 'm', 'x', '', 'cc', 'mss']),
      ...fields,
    ].join('|');
  };
  for (let round = 0; round < 300; round++) {
    const lines = Array.from({ length: 40 }, line).join(pick(['\n', '\n', '\r\n', '\n\n'])) + pick(['', '\n', '\r\n']);
    const bytes = Buffer.from(lines);
    // A byte of another encoding, anywhere.
    if (next() < 0.2) bytes[Math.floor(next() * bytes.length)] = 0xff;
    const kernel = new StatsdKernel(1000, 0, 65_536);
    const { slow, ...got } = byKernel(kernel, bytes);
    const expected = byGrammar(bytes);
    assert.ok(slow < 40);
    assert.deepEqual(sortedFigures(got), sortedFigures(expected));
  }
});

/** Order between series is not kept where one path is quicker than the other. */
function sortedFigures(figures: Figures & { rejected: number }) {
  const { sums, samples, entries, members, timed, rejected } = figures;
  return {
    sums: [...sums].sort(),
    samples: [...samples].sort(),
    entries: entries.map((entry) => entry.join(' ')).sort(),
    members: [...members].sort(),
    timed: [...timed].sort(),
    rejected,
  };
}

test('a new series is called by the kernel what the grammar calls it, past limits too', () => {
  const next = random(7);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!;
  const kernel = new StatsdKernel(1000, 0, 65_536);
  const series = new SeriesTable({ series: 60, perName: 40, tags: 4, length: 16 }, new Arena(1 << 20));
  const names = ['a', 'http.requests', 'né', 'a"b', 'a\\b', 'datadog.x', '_x', 'data', 'a\x7fb', 'name.of.17.bytes.'];
  const tags = ['a', 'a:', 'a.b:1', 'a-b:1', 'ab:c:d', 'env:prod', '', ':v', '#k:v', 'dd.internal.x:1', 'ddx:1', 'dd'];
  tags.push('host:h', 'host', 'hosts:h', 'k:ü', 'k:"', 'z:1', 'y:2', 'x:0123456789abcdef', 'x:0123456789abcdefg');
  let plain = 0;
  for (let round = 0; round < 5000; round++) {
    const sent = Array.from({ length: Math.floor(next() * 6) }, () => pick(tags)).join(',');
    const line = `${pick(names)}:1|${pick(['c', 'g', 'h', 'ms', 's'])}${pick([`|#${sent}`, `|#${sent}`, '', '|T1656581400'])}`;
    const end = kernel.arenaAt + kernel.bytes.write(line, kernel.arenaAt);
    kernel.accumulate(kernel.arenaAt, end, kernel.columns[0]);
    const plainKey = kernel.result[0] === UNKNOWN ? kernel.newKey : null;
    if (plainKey === null) continue;
    plain++;
    const number = series.numberOf(plainKey);
    const [parsed] = parseLine(Buffer.from(line)) as [Metric];
    assert.equal(parsed.host, undefined, line);
    assert.equal(number, series.number(KIND[parsed.type], parsed.name, parsed.tags), line);
    if (!series.isOverflow(number)) assert.deepEqual(attributesOf(series, number), parsed.tags.toSorted(), line);
  }
  assert.ok(plain > 500 && series.live > 60, `${plain} ${series.live}`);
});

test('more spellings than the table has room for are learned again', () => {
  const kernel = new StatsdKernel(100, 0, 65_536);
  const columns = kernel.columns[0];
  for (let i = 0; i < 10_000; i++) {
    const length = kernel.bytes.write(`name.of.a.metric.${i}:1|c|#env:prod`, kernel.arenaAt);
    let at = kernel.accumulate(kernel.arenaAt, kernel.arenaAt + length, columns);
    assert.equal(kernel.result[0], UNKNOWN);
    kernel.learn(i % 100);
    at = kernel.accumulate(at, kernel.arenaAt + length, columns);
    assert.equal(at, kernel.arenaAt + length);
  }
  assert.deepEqual([...columns.sums.subarray(0, 100)], Array(100).fill(100));
});

test('spellings that differ in anything lead each to a series of its own', () => {
  const kernel = new StatsdKernel(10_000, 0, 65_536);
  const columns = kernel.columns[0];
  const lines = ['a:1|c|#b', 'a\0:1|c|#b', 'a:1|c|#b\0', 'a:1|g|#b', 'a:1|c', 'ab:1|c', 'b:1|c|#a', '\0a:1|c|#b'];
  // So many that the table has grown, and is almost full.
  for (let i = 0; i < 2500; i++) lines.push(`name.of.a.metric.${i}:1|c|#env:prod`);
  const origins = [0, 1, 2 ** 24 - 1];
  const each = (take: (at: number, end: number, series: number, line: string) => void) => {
    for (const [n, origin] of origins.entries()) {
      kernel.comesFrom(origin, false);
      for (const [i, line] of lines.entries()) {
        const end = kernel.arenaAt + kernel.bytes.write(line, kernel.arenaAt);
        take(kernel.accumulate(kernel.arenaAt, end, columns), end, n * lines.length + i, line);
      }
    }
  };
  each((at, _, series, line) => {
    assert.equal(at, kernel.arenaAt, `${JSON.stringify(line)} is taken for another`);
    assert.equal(kernel.result[0], UNKNOWN);
    kernel.learn(series);
  });
  each((at, end) => assert.equal(at, end));
  each((at, end) => assert.equal(at, end));
  assert.deepEqual(
    [...columns.samples.subarray(0, origins.length * lines.length + 1)].join(''),
    `${'2'.repeat(origins.length * lines.length)}0`,
  );
});
