/**
 * Random and mutated datagrams through what serves the sockets, compared with the grammar taken line by line: nothing
 * throws or hangs, nothing behind a datagram is read, and a bad line never harms its neighbours. The same on every run.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Aggregator } from '../../../src/sources/statsd/aggregator.ts';
import { DOGSTATSD, type Manner } from '../../../src/sources/statsd/manner.ts';
import { NO_NAMING, seriesLimits, unpacked } from '../../support/statsd.ts';
import { type ModelSeries, StatsdModel } from '../../support/statsd-model.ts';

const ARENA = 200_000;
const WINDOWS = 12;
const DATAGRAMS = 120;
/** What follows a datagram in memory: it would change any line that went on into it. */
const BEHIND = Buffer.from('7:7|c|@0.5|#behind:true\nbehind:1|c\nbehind:1|s\n'.repeat(3));

const MANNERS: Record<string, Manner> = {
  dogstatsd: DOGSTATSD,
  statsd: { dialect: 'statsd', nameTags: [] },
  'statsd with tags in names': { dialect: 'statsd', nameTags: ['influx', 'librato', 'signalfx'] },
};

const CORPUS = readFileSync(new URL('../../conformance/statsd.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => (JSON.parse(line) as { in: string }).in)
  .filter((text) => typeof text === 'string');

function random(seed: number) {
  let state = seed;
  const next = (below: number) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  return { next, pick: <T>(from: readonly T[]): T => from[next(from.length)]! };
}
type Random = ReturnType<typeof random>;

const SPECIAL = Buffer.from(':|@#,.+-eET0159cghdms_{} \t\r/;=[]\0\x7f\xc3\xa9\xff\u2003');

function line({ next, pick }: Random): Buffer {
  const shape = next(10);
  if (shape === 0) return Buffer.from(pick(CORPUS));
  if (shape === 1) return Buffer.from(Array.from({ length: next(40) }, () => next(256)));
  if (shape === 2) return Buffer.from(Array.from({ length: next(30) }, () => pick([...SPECIAL])));
  const value = () =>
    pick([
      '1',
      '-1',
      '+2',
      '0.25',
      '1e3',
      '1.5e-3',
      '123456789012345',
      '1234567890123456',
      '.5',
      '5.',
      '-0',
      ' 4 ',
      '1e400',
      'x',
      '',
    ]);
  const type = pick(['c', 'c', 'g', 'g', 'ms', 'h', 'd', 's', 's', 'm', 'cc', '']);
  const values = Array.from({ length: 1 + (next(5) === 0 ? next(4) : 0) }, value).join(':');
  const now = Math.floor(Date.now() / 1000);
  const field = () =>
    pick([
      '|@0.5',
      '|@0.1',
      '|@1',
      '|@0',
      '|@2',
      '|@1e-1',
      '|#a:b',
      '|#a:b,c',
      '|#c,a:b',
      '|#host:h,a:b',
      '|#',
      `|T${now - 60}`,
      `|T${now - 7200}`,
      '|T0',
      '|c:ci-1',
      '|e:it-true',
      '|card:low',
      '|x:y',
      '|',
      ':3|c',
      ':+1|g|@0.5',
      ':m2|s',
    ]);
  const fields = Array.from({ length: next(4) }, field).join('');
  const name = pick([
    'a',
    'b',
    'long.name.of.a.series',
    'a b/c',
    'é',
    'a,k=v',
    'a#k=v',
    'a[k=v]b',
    '_e{1,1}',
    '_sc',
    '__proto__',
  ]);
  const text = pick([
    `${name}:${values}|${type}${fields}`,
    `${name}:${values}|${type}${fields}`,
    `_e{${next(4)},${next(4)}}:ab|cd${fields}`,
    `_sc|check|${next(5)}${fields}|m:x|y`,
  ]);
  return mutated(Buffer.from(text), { next, pick });
}

/** Three of four stay as they are. */
function mutated(bytes: Buffer, { next, pick }: Random): Buffer {
  if (next(4) > 0 || bytes.length === 0) return bytes;
  const at = next(bytes.length);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (next(4)) {
    case 0:
      return Buffer.concat([before, after.subarray(1)]);
    case 1:
      return Buffer.concat([before, Buffer.from([pick([...SPECIAL])]), after]);
    case 2:
      return Buffer.concat([before, Buffer.from([pick([...SPECIAL])]), after.subarray(1)]);
    default:
      return Buffer.concat([bytes, after]);
  }
}

function datagram(r: Random): Buffer {
  const lines = Array.from({ length: 1 + r.next(8) }, () =>
    Buffer.concat([line(r), Buffer.from(r.pick(['\n', '\n', '\r\n', '\n\n']))]),
  );
  const all = Buffer.concat(lines);
  return all.subarray(0, all.length - r.next(3) * r.next(6));
}

function aggregatorFor(series: number): Aggregator {
  return new Aggregator({
    limits: seriesLimits(series),
    naming: NO_NAMING,
    memory: 64 << 20,
    percentiles: [],
    origin: { host: 'h', dataset: 'statsd', labels: {} },
    arenaBytes: ARENA,
  });
}

function put(a: Aggregator, bytes: Buffer, manner: Manner): void {
  const at = a.kernel.arenaAt;
  a.kernel.bytes.set(bytes, at);
  a.kernel.bytes.set(BEHIND, at + bytes.length);
  a.take(at, at + bytes.length, manner);
  // The one byte behind it is the kernel's to write.
  const behind = a.kernel.bytes.subarray(at + bytes.length + 1, at + bytes.length + BEHIND.length);
  assert.ok(BEHIND.subarray(1).equals(behind), 'bytes behind the datagram were written');
}

interface Written {
  samples: number;
  value: number;
  [field: string]: unknown;
}

function written(a: Aggregator): { series: Map<string, Written>; events: string[] } {
  const series = new Map<string, Written>();
  const events: string[] = [];
  if (!a.close()) return { series, events };
  a.begin({ start: 0, end: 10_000, id: 'a-1' });
  for (let last = false; !last; ) {
    const piece = a.piece(100, 1000);
    last = piece.last;
    const { documents, weights } = unpacked(piece);
    for (const [i, text] of documents.entries()) {
      const { name, type, unit, attributes, interval, '@timestamp': time, ...rest } = JSON.parse(text);
      const second = interval === 0 ? Date.parse(time) / 1000 : null;
      const key = JSON.stringify([unit === 'ms' ? 'histogram ms' : type, name, attributes, second]);
      assert.ok(!series.has(key), `twice: ${key}`);
      series.set(key, { ...rest, samples: weights[i]! });
    }
    events.push(...piece.events.map((text) => JSON.parse(text).title as string));
  }
  return { series, events };
}

function near(actual: number, expected: number, scale: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= scale * 1e-9, `${what}: ${actual}, not ${expected}`);
}

function compare(key: string, got: Written | undefined, wanted: ModelSeries): void {
  assert.ok(got, `missing: ${key}`);
  assert.equal(got.samples, wanted.samples, key);
  if (wanted.type === 'set') assert.equal(got.value, wanted.members.size, key);
  else if (!wanted.type.startsWith('histogram')) assert.equal(got.value + 0, wanted.value + 0, key);
  else {
    const { values } = wanted;
    const sum = (of: (value: number, weight: number) => number) => values.reduce((all, [v, w]) => all + of(v, w), 0);
    near(
      got.count as number,
      sum((_, w) => w),
      sum((_, w) => w),
      key,
    );
    near(
      got.sum as number,
      sum((v, w) => v * w),
      sum((v, w) => Math.abs(v * w)),
      key,
    );
    assert.equal((got.min as number) + 0, Math.min(...values.map(([v]) => v)) + 0, key);
    assert.equal((got.max as number) + 0, Math.max(...values.map(([v]) => v)) + 0, key);
  }
}

for (const [name, manner] of Object.entries(MANNERS)) {
  test(`datagrams of anything are what the grammar makes of their lines (${name})`, () => {
    const r = random(20_261_130);
    const a = aggregatorFor(100_000);
    const model = new StatsdModel();
    for (let window = 0; window < WINDOWS; window++) {
      for (let n = 0; n < DATAGRAMS; n++) {
        const bytes = datagram(r);
        const before = `${window}/${n}: ${JSON.stringify(bytes.toString('latin1'))}`;
        put(a, bytes, manner);
        model.take(bytes, manner);
        assert.equal(a.samples, model.samples, before);
        assert.equal(a.rejected, model.rejected, before);
        assert.deepEqual(Object.fromEntries(a.losses), Object.fromEntries(model.losses), before);
      }
      const { series, events } = written(a);
      assert.deepEqual(events, model.events);
      for (const [key, wanted] of model.series) compare(key, series.get(key), wanted);
      assert.equal(series.size, model.series.size);
      model.end();
    }
    assert.ok(model.samples > 1500 && model.rejected > 1000, `${model.samples} samples, ${model.rejected} rejected`);
  });
}

test('datagrams that are made to take long do not', () => {
  const SIZE = 65_507;
  const fill = (text: string, before = '', after = '') =>
    before + text.repeat(Math.floor((SIZE - before.length - after.length) / text.length)) + after;
  const made = [
    fill(':'),
    fill('|'),
    fill('\n'),
    fill('\r'),
    fill(' ', 'a:', '1|c'),
    fill('1:', 'a:', '|c'),
    fill('1:', 'a:', '|ms|@0.1'),
    fill(':1|c', 'a:1|c'),
    fill(':1|c', 'a:1|c', `|#${'t:v,'.repeat(8000)}`),
    fill(':m|s', `${'n'.repeat(30_000)}:m|s`),
    fill('a,', 'a:1|c|#'),
    fill('k=v,', 'a,', ':1|c'),
    fill('[', 'a', ']:1|c'),
    fill('|@0.5', 'a:1|c'),
    fill('|x:', 'a:1|c'),
    fill('|m:', '_sc|a|0'),
    fill('a', '_e{60000,3}:', '|abc'),
    fill('é', '_e{3,30000}:abc|'),
    fill('\\n', '_e{1,65000}:a|'),
    fill('a:1|c\n'),
    fill('9', 'a:', '|c'),
    fill('.', 'a:1', '|c'),
  ];
  for (const manner of Object.values(MANNERS)) {
    const a = aggregatorFor(10_000);
    for (const text of made) {
      const began = performance.now();
      put(a, Buffer.from(text.slice(0, SIZE)), manner);
      const took = performance.now() - began;
      assert.ok(took < 1500, `${Math.round(took)} ms: ${text.slice(0, 60)}`);
    }
    written(a);
    put(a, Buffer.from('hits:1|c'), manner);
    assert.equal(written(a).series.get('["sum","hits",{},null]')?.value, 1);
  }
});
