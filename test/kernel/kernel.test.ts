import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MULTILINE, STDERR, TRUNCATED } from '../../src/core/batch.ts';
import { MAX_BLOCK_BYTES, MAX_RECORDS, Pool, SLOT_CAPACITY } from '../../src/core/pool.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { type Envelope, jsonEnvelope, rawEnvelope, valueEnvelope } from '../../src/records/envelope.ts';
import * as twin from '../support/kernel-twin.ts';

const pool = new Pool(16 << 20);
const share = pool.share('test');
const batch = await pool.take(share, 'batch');
const block = await pool.take(share, 'block');
const kernel = new Kernel(pool.memory);
const random = mulberry32(20261122);

const ORIGIN = { host: 'web-"1"', path: '/var/log/a b.log', id: 'x-1', dataset: 'nginx', labels: {}, key: 'web-1' };
const ENVELOPES: Envelope[] = [jsonEnvelope(ORIGIN), rawEnvelope(ORIGIN), valueEnvelope('web-1'), valueEnvelope('')];
const TIME = Date.UTC(2026, 10, 22, 14, 0, 0, 123);
const GUARD = 0xa5;

let turn = 0;
/** Alphabets that make the rare frequent. */
const ALPHABETS: (() => number)[] = [
  () => below(256),
  () => 0x20 + below(0x5f),
  () => [10, 13, 0x41][below(3)]!,
  () => [0x22, 0x5c, 0, 0x1f, 9, 0x20, 0x7f, 0x80][below(8)]!,
  () => (below(6) === 0 ? [10, 13, 0x41, 0xbf][below(4)]! : [0xef, 0xbb, 0xbf][turn++ % 3]!),
  () => [0xc1, 0xc2, 0xe0, 0xe1, 0xed, 0xf0, 0xf4, 0xf5, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0x41][below(15)]!,
];

function mulberry32(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function below(limit: number): number {
  return Math.floor(random() * limit);
}

function randomBytes(length: number): Buffer {
  const next = ALPHABETS[below(ALPHABETS.length)]!;
  return Buffer.from(Array.from({ length }, next));
}

/** Puts bytes `shift` behind the slot's beginning, with noise before and behind them. */
function place(bytes: Uint8Array, shift = 0): number {
  const around = 32;
  for (let i = 0; i < shift; i++) batch.bytes[i] = [10, 13, 0xbf][i % 3]!;
  batch.bytes.set(bytes, shift);
  for (let i = 0; i < around; i++) batch.bytes[shift + bytes.length + i] = [10, 0x22, 0x80, 0x41][below(4)]!;
  return batch.bytesAt + shift;
}

function tables(first: number, count: number): twin.Line[] {
  return Array.from({ length: count }, (_, i) => ({
    start: batch.starts[first + i]! - batch.bytesAt,
    end: batch.ends[first + i]! - batch.bytesAt,
    source: batch.source[first + i]!,
    length: batch.length[first + i]!,
    flags: batch.flags[first + i]!,
  }));
}

function checkLines(bytes: Uint8Array, shift: number, first = 0, base = 0): void {
  for (const last of [false, true]) checkLinesUpTo(bytes, shift, first, base, last);
}

function checkLinesUpTo(bytes: Uint8Array, shift: number, first: number, base: number, last: boolean): void {
  const at = place(bytes, shift);
  batch.flags.fill(0xff);
  const count = kernel.findLines(batch, at, at + bytes.length, batch.bytesAt + base, first, last);
  const expected = twin.findLines(batch.bytes, shift, shift + bytes.length, base, MAX_RECORDS - first, last);
  assert.deepEqual(tables(first, count), expected);
  const end = expected.at(-1);
  assert.equal(kernel.consumedAt, end ? batch.bytesAt + base + end.source + end.length : at);
  if (first + count < MAX_RECORDS) assert.equal(batch.flags[first + count], 0xff);
}

function setLines(lines: twin.Line[]): void {
  for (const [i, line] of lines.entries()) {
    batch.starts[i] = batch.bytesAt + line.start;
    batch.ends[i] = batch.bytesAt + line.end;
    batch.source[i] = line.source;
    batch.length[i] = line.length;
    batch.flags[i] = line.flags;
  }
}

interface Outcome {
  count: number;
  bytes: Buffer;
  replaced: number;
  cut: number;
}

/** Packs with the kernel, and checks that nothing is written where it must not be. */
function packWithKernel(first: number, count: number, job: twin.Job, outShift = 0): Outcome {
  const outAt = block.bytesAt + outShift;
  const limit = outShift + job.room;
  const guarded = block.bytes.subarray(0, Math.min(limit + 512, SLOT_CAPACITY)).fill(GUARD);
  const { room, ...rest } = job;
  const limitAt = outAt + room;
  const packed = kernel.pack(batch, first, count, { ...rest, outAt, limitAt });
  assert.ok(kernel.endAt <= limitAt, 'the end lies behind the limit');
  assert.ok(
    guarded.subarray(0, outShift).every((byte) => byte === GUARD),
    'written before the beginning',
  );
  assert.ok(
    guarded.subarray(limit + 64).every((byte) => byte === GUARD),
    'written far behind the limit',
  );
  const bytes = Buffer.from(block.bytes.subarray(outShift, kernel.endAt - block.bytesAt));
  return { count: packed, bytes, replaced: kernel.replaced, cut: kernel.cut };
}

function checkPack(lines: twin.Line[], first: number, count: number, job: twin.Job, outShift = 0): Outcome {
  setLines(lines);
  const expected = twin.pack(batch.bytes, lines, first, count, job);
  const outcome = packWithKernel(first, count, job, outShift);
  assert.deepEqual(outcome, expected);
  return outcome;
}

function jobFor(envelope: Envelope, change: Partial<twin.Job> = {}): twin.Job {
  return { envelope, time: TIME, position: 0, skipped: 0, delta: 0, room: 200_000, empty: false, ...change };
}

/** One line with these bytes, as JSON: its value and what was counted. */
function packOne(bytes: Uint8Array, change: Partial<twin.Job> = {}): { value: string; replaced: number; cut: number } {
  const at = place(bytes) - batch.bytesAt;
  setLines([{ start: at, end: at + bytes.length, source: 0, length: bytes.length + 1, flags: 0 }]);
  const job = jobFor(ENVELOPES[0]!, { room: 2000, ...change });
  const { bytes: packed, replaced, cut } = packWithKernel(0, 1, job);
  const text = packed.toString();
  return { value: text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1), replaced, cut };
}

test('finds the lines that its twin finds, at every length and alignment', () => {
  for (let length = 0; length <= 64; length++) {
    for (let shift = 0; shift < 16; shift++) checkLines(randomBytes(length), shift);
  }
  for (let round = 0; round < 200; round++) checkLines(randomBytes(below(3000)), below(16), below(100), 0);
});

test('names lines by their place in the source', () => {
  checkLines(Buffer.from('a\nbb\r\n\nrest'), 5, 3, 5);
  assert.deepEqual(
    tables(3, 3).map((line) => [line.source, line.length, line.end - line.start]),
    [
      [0, 2, 1],
      [2, 4, 2],
      [6, 1, 0],
    ],
  );
});

test('stops finding lines when the tables are full, and goes on from there', () => {
  const bytes = Buffer.alloc(MAX_RECORDS * 2 + 100, 'a\n');
  checkLines(bytes, 3);
  checkLines(bytes, 3, MAX_RECORDS - 1);
  checkLines(bytes, 3, MAX_RECORDS);
  const at = place(bytes, 3);
  kernel.findLines(batch, at, at + bytes.length, at, 0);
  const rest = kernel.findLines(batch, kernel.consumedAt, at + bytes.length, at, 0);
  assert.deepEqual([rest, batch.source[0]], [50, MAX_RECORDS * 2]);
});

test('packs what its twin packs: random bytes, every kind, every length and alignment', () => {
  for (let length = 0; length <= 64; length++) {
    for (let shift = 0; shift < 16; shift++) {
      const start = place(randomBytes(length), shift) - batch.bytesAt;
      const line = { start, end: start + length, source: 0, length: length + 1, flags: 0 };
      const envelope = ENVELOPES[(length + shift) % ENVELOPES.length]!;
      checkPack([line], 0, 1, jobFor(envelope), below(16));
    }
  }
});

/** Lines with gaps, flags and lengths that do not follow from the bytes, as transforms leave them. */
function randomLines(): twin.Line[] {
  const lines: twin.Line[] = [];
  let [at, source] = [below(16), below(3)];
  for (let count = below(12) + 1; count > 0; count--) {
    const bytes = randomBytes(below([4, 80, 700][below(3)]!));
    batch.bytes.set(bytes, at);
    const length = bytes.length + below(3);
    lines.push({
      start: at,
      end: at + bytes.length,
      source,
      length,
      flags: below(3) === 0 ? [below(4), 4 + below(4), 8 + below(4), 0xc0 + below(12)][below(4)]! : 0,
    });
    at += bytes.length + below(20);
    source += length + (below(3) === 0 ? below(100_000) : 0);
  }
  return lines;
}

test('packs what its twin packs: many records, gaps, flags, large positions, tight limits', () => {
  for (let round = 0; round < 400; round++) {
    const lines = randomLines();
    const first = below(lines.length);
    const job = jobFor(ENVELOPES[below(ENVELOPES.length)]!, {
      position: Math.floor(10 ** (random() * 15)) - 1,
      skipped: below(2) * Math.floor(10 ** (random() * 15)),
      delta: [0, 63, 64, 8191, 8192, 100_000][below(6)]!,
      room: [0, 100, 400, 1500, 6000, 50_000][below(6)]! + below(300),
      empty: below(2) === 0,
    });
    checkPack(lines, first, lines.length - first, job, below(16));
  }
});

test('moves the value where escaping makes its length or the record one varint byte wider', () => {
  for (const length of [1, 20, 63, 64, 100, 1300, 4000, 7700, 7990, 8192, 20_000]) {
    for (const text of ['\x01', 'a', '"', '\xff']) {
      const start = place(Buffer.alloc(length, text, 'latin1')) - batch.bytesAt;
      const lines = [{ start, end: start + length, source: 0, length, flags: 0 }];
      for (const envelope of ENVELOPES) checkPack(lines, 0, 1, jobFor(envelope, { room: 200_000 }));
    }
  }
});

test('does not let what stands behind a record change it', () => {
  const bytes = Buffer.from('a "b" \xc3', 'latin1');
  const values = new Set(Array.from({ length: 20 }, () => packOne(bytes).value));
  assert.equal(values.size, 1);
});

test('writes JSON that parses back to what TextDecoder reads', () => {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  for (let round = 0; round < 3000; round++) {
    const bytes = randomBytes(below(100));
    assert.equal(JSON.parse(packOne(bytes).value).message, decoder.decode(bytes));
  }
});

test('replaces bytes that are not UTF-8, one U+FFFD for each maximal subpart, and counts', () => {
  const check = (hex: string, expected: string, replaced: number) => {
    const outcome = packOne(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
    assert.deepEqual([JSON.parse(outcome.value).message, outcome.replaced], [expected, replaced], hex);
  };
  check('7a c3 b6 e2 82 ac f0 9f 98 80', 'zö€😀', 0);
  check('80', '�', 1);
  check('c0 af', '��', 2);
  check('e0 9f bf', '���', 3);
  check('ed a0 80', '���', 3);
  check('f0 80 80 41', '���A', 3);
  check('f4 90 80 80', '����', 4);
  check('e2 82', '�', 1);
  check('e2 82 41', '�A', 1);
  check('f0 9f 98 f0 9f 98 80', '�😀', 1);
  check('61 f1 80 80 e1 80 c2 62 80 63 80 bf 64', 'a���b�c��d', 6);
  check('ef bb bf 41', '\ufeffA', 0);
});

test('tells UTF-8 from what is none for every sequence of up to four telling bytes', () => {
  const telling = [
    0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5,
  ];
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  // Many sequences a line: an ASCII letter between them keeps them apart.
  const check = (sequences: number[][]) => {
    const bytes = Buffer.from(sequences.flatMap((sequence) => [0x2d, ...sequence]));
    const { value, replaced } = packOne(bytes, { room: 20_000 });
    const text = decoder.decode(bytes);
    assert.equal(JSON.parse(value).message, text);
    assert.equal(replaced, text.split('\ufffd').length - 1);
  };
  const good: number[][] = [];
  for (const a of telling) {
    for (const b of telling) {
      for (const c of telling) {
        const all = telling.map((d) => [a, b, c, d]);
        check(all);
        // One alone in a line, or all in it are found by the first that is wrong.
        for (const four of all) {
          if (!decoder.decode(Buffer.from(four)).includes('\ufffd')) good.push(four);
          else check([four.slice(0, 1 + below(4))]);
        }
      }
    }
  }
  assert.ok(good.length > 100);
  for (let round = 0; round < 2000; round++) {
    const some = Array.from({ length: below(12) }, () => good[below(good.length)]!);
    check(some);
    const wrong = telling.map(() => telling[below(telling.length)]!).slice(0, 1 + below(4));
    check([...some, wrong, ...some]);
  }
});

test('sees a sequence that the end of the line cuts off, at every length', () => {
  for (let length = 0; length < 64; length++) {
    for (const hex of ['c3', 'e2', 'e282', 'f0', 'f09f', 'f09f98']) {
      const bytes = Buffer.from(`ü${'x'.repeat(length)}`);
      const { value, replaced } = packOne(Buffer.concat([bytes, Buffer.from(hex, 'hex')]));
      assert.deepEqual([JSON.parse(value).message, replaced], [`${bytes}\ufffd`, 1]);
    }
  }
});

test('writes the ECS document and the headers of the contract', () => {
  const lines = [
    { start: 0, end: 4, source: 0, length: 6, flags: 0 },
    { start: 4, end: 8, source: 10, length: 5, flags: TRUNCATED | MULTILINE | STDERR },
  ];
  place(Buffer.from('aaaabbbb'));
  const { bytes } = checkPack(lines, 1, 1, jobFor(ENVELOPES[0]!, { position: 2 ** 50 }));
  const text = bytes.toString();
  assert.deepEqual(JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)), {
    '@timestamp': '2026-11-22T14:00:00.123Z',
    message: 'bbbb',
    log: {
      file: { path: '/var/log/a b.log', id: 'x-1' },
      offset: 2 ** 50 + 10,
      length: 5,
      skipped: 4,
      flags: ['truncated', 'multiline'],
      iostream: 'stderr',
    },
    host: { name: 'web-"1"' },
    event: { dataset: 'nginx' },
  });
});

test('fills a block to its limit and goes on with the next', () => {
  const bytes = Buffer.alloc(SLOT_CAPACITY, `${'x'.repeat(199)}\n`);
  batch.bytes.set(bytes);
  const count = kernel.findLines(batch, batch.bytesAt, batch.bytesAt + bytes.length, batch.bytesAt, 0);
  const job = jobFor(ENVELOPES[0]!, { room: MAX_BLOCK_BYTES, empty: true });
  const packed = packWithKernel(0, count, job);
  assert.ok(packed.count < count);
  const perRecord = Math.ceil(packed.bytes.length / packed.count);
  assert.ok(packed.bytes.length > MAX_BLOCK_BYTES - perRecord - 4, 'there was room for one more');
  const next = packWithKernel(packed.count, count - packed.count, job);
  assert.equal(next.bytes.toString().match(/"offset":(\d+)/)![1], String(packed.count * 200));
});

test('cuts a record that even alone exceeds the limit, between characters', () => {
  const check = (text: string, kept: number) => {
    const bytes = Buffer.from(text);
    const { value, cut } = packOne(bytes, { room: 400, empty: true });
    const { message, log } = JSON.parse(value);
    assert.deepEqual(
      [text.startsWith(message), cut, log.flags, log.length],
      [true, 1, ['truncated'], bytes.length + 1],
    );
    assert.equal(Buffer.byteLength(message), kept);
  };
  const room = 400 - packedSize('');
  check('a'.repeat(1000), room);
  check('€'.repeat(1000), room - (room % 3));
  check('😀'.repeat(1000), room - (room % 4));
  check('"'.repeat(1000), Math.floor(room / 2));
});

/** Bytes of a cut record around `text`. */
function packedSize(text: string): number {
  const bytes = Buffer.from(text);
  place(bytes);
  setLines([{ start: 0, end: bytes.length, source: 0, length: 1001, flags: TRUNCATED }]);
  // Two varints are two bytes wide in both; `length` has four digits in all cases above.
  return packWithKernel(0, 1, jobFor(ENVELOPES[0]!)).bytes.length;
}

test('packs nothing where not even the envelope fits', () => {
  place(Buffer.from('abc'));
  setLines([{ start: 0, end: 3, source: 0, length: 4, flags: 0 }]);
  for (const envelope of ENVELOPES) {
    assert.deepEqual(packWithKernel(0, 1, jobFor(envelope, { room: 5, empty: true })).count, 0);
  }
});

test('copies envelopes of every size, and refuses one that its scratch does not hold', () => {
  place(Buffer.from('abc'));
  const lines = [{ start: 0, end: 3, source: 0, length: 4, flags: 0 }];
  for (let round = 0; round < 200; round++) {
    const text = () => 'p'.repeat(below([20, 200, 5000][below(3)]!));
    const origin = { ...ORIGIN, path: text(), key: text(), labels: { [text()]: text() } };
    const envelope = below(2) === 0 ? jsonEnvelope(origin) : rawEnvelope(origin);
    checkPack(lines, 0, 1, jobFor(envelope, { room: below(20_000), empty: true }));
  }
  const huge = jobFor(jsonEnvelope({ ...ORIGIN, path: 'p'.repeat(200_000) }));
  assert.throws(() => packWithKernel(0, 1, huge), /larger than the scratch/);
  checkPack(lines, 0, 1, jobFor(ENVELOPES[0]!));
});

test('takes turns between envelopes and timestamps', () => {
  place(Buffer.from('abc'));
  const lines = [{ start: 0, end: 3, source: 0, length: 4, flags: 0 }];
  for (let round = 0; round < 20; round++) {
    checkPack(lines, 0, 1, jobFor(ENVELOPES[below(ENVELOPES.length)]!, { time: TIME + below(2) }));
  }
});
