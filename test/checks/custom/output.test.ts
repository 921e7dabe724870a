/** What programs print: each format by a table of what it says, and of what is none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Collector } from '../../../src/checks/custom/collector.ts';
import { readExposition } from '../../../src/checks/custom/exposition.ts';
import { type OutputFormat, readOutput } from '../../../src/checks/custom/output.ts';

async function read(format: OutputFormat, text: string): Promise<[string, number, string, Record<string, string>][]> {
  const to = new Collector(1000);
  to.begin();
  await readOutput(format, text, 'raid', to);
  return to.take().map(({ name, fields, unit, attributes }) => [name, fields.value as number, unit, { ...attributes }]);
}

/** Each text is a scrape; what the last one brought. */
async function scraped(texts: string[], nameOf = (name: string): string | null => name) {
  const to = new Collector(1000);
  let found: ReturnType<Collector['take']> = [];
  for (const text of texts) {
    to.begin();
    await readExposition(text, to, { nameOf });
    found = to.take();
  }
  return { to, found: found.map(({ name, type, fields, attributes }) => ({ name, type, ...fields, ...attributes })) };
}

test('nagios: labels, quotes, units, counters, further lines', async () => {
  const text = "DISK OK - free|/=2643MB;5948;5958;0;5968 'a b''c'=17.5%;80 t=12ms u=U n=3\nmore\n| /boot=68KB up=5c";
  assert.deepEqual(await read('nagios', text), [
    ['raid./', 2643e6, 'By', {}],
    ["raid.a b'c", 17.5, '%', {}],
    ['raid.t', 0.012, 's', {}],
    ['raid.n', 3, '1', {}],
    ['raid./boot', 68e3, 'By', {}],
  ]);
  const to = new Collector(1000);
  to.begin();
  await readOutput('nagios', 'OK|a=1,5s;2 b=U c=;1 d=U;; e=1.5.2 f=2', 'raid', to);
  assert.deepEqual([to.take().length, to.notFinite], [1, 2]);
  assert.deepEqual(await read('nagios', 'OK'), []);
  assert.deepEqual(await read('nagios', ''), []);
});

test('influx: tags, escapes, integers, booleans; text is passed over', async () => {
  const text = 'cpu\\ load,host=a\\,b,zone=x y=1.5,n=3i,ok=t,s="a, b=c",u=7u 1465839830100400200\n# no\n\nm f=-2e3';
  assert.deepEqual(await read('influx', text), [
    ['cpu load.y', 1.5, '1', { host: 'a,b', zone: 'x' }],
    ['cpu load.n', 3, '1', { host: 'a,b', zone: 'x' }],
    ['cpu load.ok', 1, '1', { host: 'a,b', zone: 'x' }],
    ['cpu load.u', 7, '1', { host: 'a,b', zone: 'x' }],
    ['m.f', -2000, '1', {}],
  ]);
  await assert.rejects(read('influx', 'cpu'), /line 1 is no line of InfluxDB's/);
});

test('statsd and json', async () => {
  assert.deepEqual(await read('statsd', 'a:3|c|@0.5|#k:v\ng:1:2|g\nt:10:20|ms\n'), [
    ['a', 6, '1', { k: 'v' }],
    ['g', 2, '1', {}],
    ['t', 15, 'ms', {}],
  ]);
  await assert.rejects(read('statsd', 'a:b|c'), /line 1: b is no number/);
  const json =
    '[{"name":"q","type":"gauge","value":3,"attributes":{"n":1},"unit":"By"},{"name":"c","type":"count","value":2}]';
  assert.deepEqual(await read('json', json), [
    ['q', 3, 'By', { n: '1' }],
    ['c', 2, '1', {}],
  ]);
  // Half of a surrogate pair.
  assert.deepEqual(
    await read('json', '[{"name":"a\\ud800","value":1,"attributes":{"b\\udc00":"\\ud83d\\ude00\\ud800"}}]'),
    [['a\ufffd', 1, '1', { 'b\ufffd': '😀\ufffd' }]],
  );
  for (const [text, wrong] of [
    ['{}', /is no array/],
    ['[1]', /element 0 is no object/],
    ['[{"name":"","value":1}]', /element 0 has no name/],
    ['[{"name":"a","value":"NaN"}]', /element 0 has a value that is no number/],
    ['[{"name":"a","type":"sum","value":1}]', /neither gauge nor count/],
    ['[', /prints no JSON: /],
    [' \n', /prints nothing: \[\] is no metric/],
    ['[{"name":"a","value":1,"attributes":"b"}]', /element 0 has attributes that are no object/],
  ] as const) {
    await assert.rejects(read('json', text), wrong, text);
  }
});

test('prometheus: the first scrape of a counter says nothing, then its increase, after a reset the new value', async () => {
  const of = (a: number, b: number) =>
    `# HELP a x\n# TYPE a_total counter\na_total{code="200"} ${a} 1395066363000\na_total ${b}\ng 7\n`;
  assert.deepEqual((await scraped([of(10, 1)])).found, [{ name: 'g', type: 'gauge', value: 7 }]);
  assert.deepEqual((await scraped([of(10, 1), of(17, 0.5)])).found, [
    { name: 'a_total', type: 'sum', value: 7, code: '200' },
    { name: 'a_total', type: 'sum', value: 0.5 },
    { name: 'g', type: 'gauge', value: 7 },
  ]);
});

test('openmetrics: labels with every escape, exemplars, _created, infinities, EOF', async () => {
  const text = `# TYPE req counter
# UNIT req_seconds seconds
req_total{path="/a\\"b\\\\c\\nd",m="x y" , } 3 # {trace_id="0123"} 1.0 1.5
req_created 1.4e9
# TYPE temp gauge
temp{} 1e-3
inf +Inf
nan NaN
info{version="1"} 1
# EOF
after 1
`;
  const { to, found } = await scraped([text, text]);
  assert.deepEqual(found, [
    { name: 'req_total', type: 'sum', value: 0, path: '/a"b\\c\nd', m: 'x y' },
    { name: 'temp', type: 'gauge', value: 0.001 },
    { name: 'info', type: 'gauge', value: 1, version: '1' },
  ]);
  assert.equal(to.notFinite, 2);
});

test('histograms keep their buckets, as increases; summaries are quantiles, sum and count', async () => {
  const of = (k: number) => `# TYPE h histogram
h_bucket{le="0.1",a="b"} ${k}
h_bucket{le="+Inf",a="b"} ${5 * k}
h_bucket{le="0.5",a="b"} ${3 * k}
h_sum{a="b"} ${2 * k}
h_count{a="b"} ${5 * k}
# TYPE s summary
s{quantile="0.5"} ${k}
s_sum ${k}
s_count ${k}
`;
  const buckets = (k: number) => [
    [0.1, k],
    [0.5, 3 * k],
  ];
  const rest = (gauge: number, value: number) => [
    { name: 's', type: 'gauge', value: gauge, quantile: '0.5' },
    { name: 's_sum', type: 'sum', value },
    { name: 's_count', type: 'sum', value },
  ];
  const histogram = (k: number) => ({
    name: 'h',
    type: 'histogram',
    count: 5 * k,
    sum: 2 * k,
    avg: 0.4,
    buckets: buckets(k),
    a: 'b',
  });
  assert.deepEqual((await scraped([of(2), of(6)])).found, [...rest(6, 4), histogram(4)]);
  assert.deepEqual((await scraped([of(6), of(2)])).found, [...rest(2, 2), histogram(2)]);
});

test('what is no metric is refused, with its line; names may be left out or changed', async () => {
  for (const text of ['a', 'a{b} 1', 'a{b="c 1', 'a{b="c"} x', '<html>', '1a 2', 'a{b="c"d="e"} 1']) {
    await assert.rejects(scraped([`ok 1\n${text}\n`]), /line 2 is no metric/, text);
  }
  const nameOf = (name: string) => (name === 'a' ? null : name === 'b' ? 'c' : name);
  assert.deepEqual(
    (await scraped(['a 1\nb 2\nd 3'], nameOf)).found.map(({ name }) => name),
    ['c', 'd'],
  );
});

test('series beyond the limit are left out, and counted; nothing of an earlier run is kept', async () => {
  const to = new Collector(10);
  for (let run = 0; run < 3; run++) {
    to.begin();
    for (let i = 0; i < 25; i++) to.total(`n${run}`, i, { i: String(i) });
    assert.equal(to.truncated, 15);
    assert.deepEqual(to.take(), []);
  }
});

test('while much is read others have their turns, and what is given up is read no further', async () => {
  const many = <T>(count: number, of: (i: number) => T) => Array.from({ length: count }, (_, i) => of(i));
  const texts: Record<OutputFormat, string> = {
    nagios: `OK|${many(200_000, (i) => `l${i}=1;2;3`).join(' ')}`,
    prometheus: many(100_000, (i) => `m${i}{a="b"} 1`).join('\n'),
    influx: `m ${many(200_000, (i) => `f${i}=1`).join(',')}\n${many(50_000, (i) => `m${i},h=a v=1`).join('\n')}`,
    statsd: many(100_000, (i) => `m${i}:1|c`).join('\n'),
    json: JSON.stringify(many(200_000, (i) => ({ name: `m${i}`, value: 1 }))),
  };
  for (const [format, text] of Object.entries(texts) as [OutputFormat, string][]) {
    const to = new Collector(1000);
    to.begin();
    let turns = 0;
    let reading = true;
    const others = (async () => {
      for (; reading; turns++) await setImmediate();
    })();
    await readOutput(format, text, 'raid', to);
    reading = false;
    await others;
    assert.ok(turns > 3, `${format}: ${turns}`);
    const given = AbortSignal.abort(new Error('given up'));
    await assert.rejects(readOutput(format, text, 'raid', to, given), /given up/, format);
  }
});
