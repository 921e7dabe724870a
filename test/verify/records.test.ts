import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MULTILINE, TRUNCATED } from '../../src/core/batch.ts';
import { records as framed, frameRecord } from '../../src/records/record-batch.ts';
import { Origin } from '../../src/verify/origin.ts';
import { Recent } from '../../src/verify/recent.ts';
import { MalformedRecord, Records } from '../../src/verify/records.ts';
import { fetched, type Packed, type Packing, pack, seeded } from '../support/packed.ts';

/** What is found in sections: `host path id offset length skipped` of each record. */
class Found {
  readonly lines: string[] = [];
  readonly records: Records;
  readonly #origins = new Map<string, Origin>();

  constructor() {
    const origin = (host: string, id: string, path: string) => {
      let known = this.#origins.get(`${host} ${id}`);
      if (!known) {
        known = new Origin({ number: this.#origins.size, host, path, id, wanted: true });
        known.arrived = (offset, length, skipped) => {
          this.lines.push(JSON.stringify([host, path, id, offset, length, skipped]));
        };
        this.#origins.set(`${host} ${id}`, known);
      }
      return known;
    };
    this.records = new Records({ origin, recent: new Recent(10) });
  }

  read(packed: Packed): this {
    this.records.section(fetched(packed));
    return this;
  }
}

/** The same by the plain way: every record as an object. */
function plainly({ body }: Packed): string[] {
  return [...framed(body)].map(({ value, headers }) => {
    const by = Object.fromEntries(headers.map(([name, text]) => [name, text.toString()]));
    if (by.file !== undefined) {
      const last = headers.findLastIndex(([name]) => name === 'offset');
      const { offset, length, skipped } = Object.fromEntries(
        headers.slice(last).map(([name, text]) => [name, Number(text.toString())]),
      );
      return JSON.stringify([by.host, by.path, by.file, offset, length, skipped ?? 0]);
    }
    const { log, host } = JSON.parse(value!.toString());
    return JSON.stringify([host.name, log.file.path, log.file.id, log.offset, log.length, log.skipped ?? 0]);
  });
}

const NAMES = { host: 'web-"1"\\', path: '/var/log/"a"},"offset":1 \u00e4\u0001.log', id: 'f-1' };

for (const encoding of ['json', 'raw'] as const) {
  test(`what the kernel packs as ${encoding} is found, whatever the lines hold`, () => {
    const random = seeded(42);
    const found = new Found();
    const expected: string[] = [];
    const words = [
      '","log":{"file":{"path":"x","id":"y"},"offset":',
      '1',
      '"},"offset":7,"length":8',
      '\\',
      'ä',
      '\x80',
      '\0',
    ];
    for (let round = 0; round < 60; round++) {
      const how: Packing = { encoding, from: random(2) * 2 ** 40 + random(1000), drop: (i) => (i * round) % 7 === 6 };
      // Every third from another file, every fourth of which changes its labels.
      Object.assign(how, round % 3 === 0 ? NAMES : { id: `id${round % 5}`, path: `/p${round % 5}` });
      if (round % 4 === 0) how.labels = { [`label ${round}`]: '"},"offset":9', skipped: '7', length: '9', offset: '3' };
      how.flags = (i) => [0, 0, TRUNCATED, MULTILINE, TRUNCATED | MULTILINE][(i + round) % 5]!;
      const text = Array.from({ length: 40 }, () =>
        Array.from({ length: random(4) }, () => words[random(words.length)]).join(''),
      );
      const packed = pack(Buffer.from(`${text.join('\n')}\n`, 'latin1'), how);
      assert.ok(packed.count > 20);
      expected.push(...plainly(packed));
      found.read(packed);
    }
    assert.deepEqual(found.lines, expected);
    assert.equal(found.records.foreign, 0);
    assert.equal(found.records.records, expected.length);
  });
}

test('JSON that somebody has written in another order, or with spaces, is understood', () => {
  const document = {
    host: { name: 'h' },
    log: { length: 5, offset: 3, file: { id: 'i', path: '/p' }, skipped: 2 },
    message: 'text',
  };
  const values = [JSON.stringify(document), JSON.stringify(document, null, 2)];
  const body = Buffer.concat(values.map((value, offsetDelta) => frameRecord({ offsetDelta, value })));
  assert.deepEqual(new Found().read({ body, count: 2 }).lines, ['["h","/p","i",3,5,2]', '["h","/p","i",3,5,2]']);
});

test('what looks like ours and means something else is read as JSON means it', () => {
  const { body } = pack('one\n', { encoding: 'json' });
  const [value] = [...framed(body)].map((record) => record.value!.toString());
  const offset = value!.indexOf(',"offset":0,"length":4');
  assert.ok(offset > 0);
  // The later of two keys counts, and is not where the kernel writes it.
  const twice = `${value!.slice(0, -1)},"log":{"file":{"id":"other","path":"/o"},"offset":77,"length":1}}`;
  const found = new Found();
  for (const v of [value!, twice, value!]) found.read({ body: frameRecord({ offsetDelta: 0, value: v }), count: 1 });
  assert.deepEqual(
    found.lines.map((line) => JSON.parse(line).slice(2)),
    [
      ['0123456789abcdef', 0, 4, 0],
      ['other', 77, 1, 0],
      ['0123456789abcdef', 0, 4, 0],
    ],
  );
});

test('records of others are counted as foreign', () => {
  const ours = { name: 'h' };
  const values: (string | Buffer | null)[] = [
    null,
    '',
    'text',
    '{',
    '{"offset":1}',
    '[1,2]',
    'null',
    '"offset"',
    '{"log":null,"offset":1}',
    JSON.stringify({ host: ours, log: { file: { id: 1 }, offset: 1, length: 1 } }),
    JSON.stringify({ host: ours, log: { file: { id: 'a' }, offset: -1, length: 1 } }),
    JSON.stringify({ host: ours, log: { file: { id: 'a' }, offset: 1.5, length: 1 } }),
    JSON.stringify({ host: ours, log: { file: { id: 'a' }, offset: 1, length: 0 } }),
    JSON.stringify({ host: ours, log: { file: { id: 'a' }, offset: 1, length: 1, skipped: 2 } }),
    '{"@timestamp":"2026-11-22T14:00:00.123Z","message":"x","log":{"file":{"path":"a","id":"b"},"offset":1}}',
    Buffer.from([0xff, 0xfe, 0x7b]),
  ];
  const parts = values.map((value, offsetDelta) =>
    frameRecord({
      offsetDelta,
      value: value as string | null,
      headers: [
        ['trace', 'x'],
        ['offset', '1'],
        ['file', 'f'],
      ],
    }),
  );
  const found = new Found().read({ body: Buffer.concat(parts), count: values.length });
  assert.deepEqual([found.lines, found.records.foreign, found.records.records], [[], values.length, values.length]);
});

test('records outside the offsets that were asked for are left out', () => {
  const found = new Found();
  found.records.section(fetched(pack('a\nbb\nccc\ndddd\n', { encoding: 'raw' }), 1, 2));
  assert.deepEqual(
    found.lines.map((line) => JSON.parse(line)[3]),
    [2, 5],
  );
});

test('damage is a MalformedRecord or a RangeError, or is read; nothing hangs, nothing else is thrown', () => {
  const random = seeded(7);
  const whole = [pack('one\ntwo "2"\n\nthree\n', { encoding: 'json' }), pack('one\ntwo\n', { encoding: 'raw' })];
  let malformed = 0;
  for (let i = 0; i < 20_000; i++) {
    const { body, count } = whole[i % 2]!;
    const damaged = Buffer.from(body.subarray(0, random(3) === 0 ? random(body.length) : body.length));
    for (let k = random(4); k >= 0 && damaged.length > 0; k--) damaged[random(damaged.length)] = random(256);
    try {
      new Found().read({ body: damaged, count: random(5) === 0 ? random(100) : count });
    } catch (error) {
      assert.ok(error instanceof MalformedRecord || error instanceof RangeError, String(error));
      malformed++;
    }
  }
  assert.ok(malformed > 2000, `${malformed}`);
});
