import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldOf, Ranking, type RankingOptions } from '../../../src/consumers/topk/ranking.ts';
import { RecordReader } from '../../../src/consumers/topk/record.ts';

const ranking = (options: Partial<RankingOptions> = {}) =>
  new Ranking({ name: 'r', metric: 'http.*', by: ['attributes.path'], value: 'sum', field: null, ...options });

const own = (name: string, rest = '"type":"sum","value":1,"attributes":{"path":"/a"}') =>
  `{"@timestamp":"2026-12-01T00:00:10.000Z","start":"2026-12-01T00:00:00.000Z","interval":10,"name":"${name}",${rest}}`;

/** What is made of a record; within other bytes, as it stands in a record set. */
function read(text: string, ...rankings: Ranking[]): string {
  const reader = new RecordReader(rankings.length > 0 ? rankings : [ranking()]);
  const bytes = Buffer.from(`xx${text}yy`);
  const record = reader.read(bytes, 2, bytes.length - 2);
  return typeof record === 'string' ? record : `${record.name} at ${new Date(reader.time).toISOString()}`;
}

test('a record is found by its name', () => {
  const check = (text: string, expected: string) => assert.equal(read(text), expected);
  check(own('http.requests'), 'http.requests at 2026-12-01T00:00:10.000Z');
  check(own('httpx.requests'), 'unwanted');
  check(own('cpu', '"attributes":{"name":"http.requests"},"host":{"name":"http.x"}'), 'unwanted');
  check(own('http\\u002erequests'), 'http.requests at 2026-12-01T00:00:10.000Z');
  check(own('http.größe'), 'http.größe at 2026-12-01T00:00:10.000Z');
  // By another program: blanks, another order, another time.
  check('{ "name": "http.a", "@timestamp": "2026-12-01T01:00:00+01:00" }', 'http.a at 2026-12-01T00:00:00.000Z');
  check('{"host":{"name":"http.a"},"name":"b","@timestamp":"2026-12-01T00:00:00Z"}', 'unwanted');
  check('{"@timestamp":"2026-12-01T00:00:00.123456789Z","name":"http.a"}', 'http.a at 2026-12-01T00:00:00.123Z');
  check('{"name":"http.a"}', 'no_time');
  check('{"name":"http.a","@timestamp":1}', 'no_time');
  check('{"name":"http.a","@timestamp":"1"}', 'no_time');
  check('{"name":"http.a","@timestamp":"2026-13-01T00:00:00Z"}', 'no_time');
  check('{"name":7,"@timestamp":"2026-12-01T00:00:00Z"}', 'unwanted');
  for (const text of ['', 'null', '[]', '1', '"http.a"', '{', own('http.a').slice(0, -1), '\xff'])
    check(text, 'not_json');
});

test('a record that is cut short at any byte is none', () => {
  const text = own('http.requests');
  for (let end = 0; end < text.length; end++) assert.equal(read(text.slice(0, end)), 'not_json');
  const unwanted = own('cpu');
  for (let end = 0; end < unwanted.length; end++)
    assert.ok(['not_json', 'unwanted'].includes(read(unwanted.slice(0, end))));
});

test('each ranking takes what it wants', () => {
  const [a, b] = [ranking({ metric: 'http.a' }), ranking({ metric: '*' })];
  const reader = new RecordReader([a, b]);
  const wanting = (text: string) => {
    reader.read(Buffer.from(text), 0, text.length);
    return reader.wanting;
  };
  assert.deepEqual(wanting(own('http.a')), [a, b]);
  assert.deepEqual(wanting(own('cpu')), [b]);
});

test('more names than are kept in mind', () => {
  const reader = new RecordReader([ranking()]);
  for (let i = 0; i < 25_000; i++) {
    const text = own(i % 2 ? `http.${i}` : `cpu.${i}`);
    assert.equal(typeof reader.read(Buffer.from(text), 0, text.length), i % 2 ? 'object' : 'string');
  }
});

test('a dotted name is the same field as its nested form', () => {
  const check = (record: object, path: string, expected: unknown) =>
    assert.equal(fieldOf(record as Record<string, unknown>, path.split('.')), expected);
  check({ attributes: { path: 'a' } }, 'attributes.path', 'a');
  check({ 'attributes.path': 'a' }, 'attributes.path', 'a');
  check({ attributes: { 'http.route': 'a' } }, 'attributes.http.route', 'a');
  check({ attributes: { http: { route: 'a' } } }, 'attributes.http.route', 'a');
  check({ attributes: { http: { other: 1 } }, 'attributes.http': { route: 'a' } }, 'attributes.http.route', 'a');
  check({ attributes: {} }, 'attributes.path', undefined);
  check({}, 'constructor.name', undefined);
  check({ attributes: 'x' }, 'attributes.length', undefined);
  check({ attributes: ['x'] }, 'attributes.0', undefined);
  check(JSON.parse('{"__proto__":{"x":1}}'), '__proto__.x', 1);
});

test('the name that a value goes to', () => {
  const by = ['attributes.path', 'host.name'];
  const check = (attributes: object, expected: string) =>
    assert.equal(ranking({ by }).nameOf({ attributes, host: { name: 'h' } }), expected);
  check({ path: '/a' }, '/a\x1fh');
  check({}, '\x1fh');
  check({ path: null }, '\x1fh');
  check({ path: '' }, '\x1fh');
  check({ path: 200 }, '200\x1fh');
  check({ path: false }, 'false\x1fh');
  check({ path: ['a', 'b'] }, '["a","b"]\x1fh');
  check({ path: 'a\x1fb' }, 'a b\x1fh');
  check({ path: 'ü€😀' }, 'ü€😀\x1fh');
});

test('a long name is cut at a character, and counted', () => {
  const long = ranking();
  const name = long.nameOf({ attributes: { path: `${'x'.repeat(1023)}€` } });
  assert.equal(name, 'x'.repeat(1023));
  assert.equal(long.cutNames, 1);
  assert.equal(long.nameOf({ attributes: { path: 'x'.repeat(1024) } }).length, 1024);
  assert.equal(long.cutNames, 1);
});

test('the number of a record', () => {
  const check = (options: Partial<RankingOptions>, record: object, expected: number | null) =>
    assert.equal(ranking(options).valueOf(record as Record<string, unknown>), expected);
  check({}, { value: 3 }, 3);
  check({}, { value: '3' }, null);
  check({}, { value: null }, null);
  check({}, {}, null);
  check({}, JSON.parse('{"value":1e999}'), null);
  check({ field: 'p95', value: 'max' }, { p95: 0.25 }, 0.25);
  check({ field: 'count' }, { count: 7 }, 7);
  check({ value: 'count' }, {}, 1);
  check({ value: 'count', field: 'p95' }, {}, null);
  check({ value: 'count', field: 'p95' }, { p95: 9 }, 1);
});
