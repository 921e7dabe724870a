/** Rotated more than once while the agent was down: the files in between, which no glob names, come in their place. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { UNIT } from '../../../../src/sources/tail/positions/journal.ts';
import { Bench, type Collected } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

/** More than a few bytes, so that a compressed file is known by what it holds. */
const FIRST = Array.from({ length: 100 }, (_, i) => `first ${i}\n`).join('');

type Namer = (bench: Bench, i: number) => string;

const numbered: Namer = (bench, i) => bench.path(`a.log.${i}`);
const packed: Namer = (bench, i) => bench.path(`a.log.${i}.gz`);

/** As logrotate does it: the oldest one has the greatest number. */
function shift(bench: Bench, namer: Namer): void {
  for (let i = 8; i > 0; i--) if (existsSync(namer(bench, i))) renameSync(namer(bench, i), namer(bench, i + 1));
}

/** As gzip(1): with the time of what is compressed. */
function compress(path: string, to: string): void {
  const { atime, mtime } = statSync(path);
  writeFileSync(to, gzipSync(readFileSync(path)));
  utimesSync(to, atime, mtime);
  rmSync(path);
}

const ROTATIONS: Record<string, (bench: Bench, i: number) => void> = {
  'by numbers': (bench) => {
    shift(bench, numbered);
    renameSync(bench.path('a.log'), bench.path('a.log.1'));
  },
  'by date': (bench, i) => renameSync(bench.path('a.log'), bench.path(`a.log-2026113${i}`)),
  'by date within the name': (bench, i) => renameSync(bench.path('a.log'), bench.path(`a-2026-11-3${i}.log`)),
  'and compressed': (bench) => {
    shift(bench, packed);
    compress(bench.path('a.log'), bench.path('a.log.1.gz'));
  },
  'and compressed the next time': (bench) => {
    shift(bench, packed);
    if (existsSync(bench.path('a.log.1'))) compress(bench.path('a.log.1'), bench.path('a.log.2.gz'));
    renameSync(bench.path('a.log'), bench.path('a.log.1'));
  },
  'into a directory below': (bench) => {
    const old: Namer = (one, i) => one.path(`old/a.log.${i}`);
    mkdirSync(bench.path('old'), { recursive: true });
    shift(bench, old);
    renameSync(bench.path('a.log'), old(bench, 1));
  },
  'by copying': (bench) => {
    shift(bench, numbered);
    copyFileSync(bench.path('a.log'), bench.path('a.log.1'));
    truncateSync(bench.path('a.log'));
  },
};

/** Until a file that is written then has a later time, also where that is coarse, or kept in milliseconds. */
async function later(bench: Bench): Promise<void> {
  const now = () => {
    writeFileSync(bench.path('clock'), '');
    return statSync(bench.path('clock')).mtimeMs;
  };
  const before = now();
  await until('later', () => now() > before + 5);
}

/** Its first lines are read, then the agent is down. */
async function known(
  t: TestContext,
  include = ['a.log'],
): Promise<{ bench: Bench; input: { include: string[] }; id: string }> {
  const bench = new Bench(t);
  const input = { include: include.map((name) => bench.path(name)) };
  writeFileSync(bench.path('a.log'), FIRST);
  const out = await bench.start(input);
  await out.count(100);
  await bench.stop();
  return { bench, input, id: out.lines[0]!.id };
}

async function assertNothingMore(bench: Bench, input: object): Promise<void> {
  await bench.stop();
  const out = await bench.start(input);
  await until('started', () => bench.positions.started('test'));
  appendFileSync(bench.path('a.log'), 'end\n');
  await until('the end', () => out.texts().includes('end'));
  assert.deepEqual(out.texts(), ['end']);
  await bench.stop();
}

const told = ({ lines }: Collected) => lines.map(({ text }) => text);

for (const [how, rotate] of Object.entries(ROTATIONS)) {
  for (const rest of ['rest\n', '']) {
    test(`rotated three times ${how}, ${rest ? 'with' : 'without'} a rest: all comes once, in order`, async (t) => {
      const { bench, input, id } = await known(t);
      writeFileSync(bench.path('a.log.bak'), 'not to be read\n');
      utimesSync(bench.path('a.log.bak'), 1, 1);
      appendFileSync(bench.path('a.log'), rest);
      for (let i = 1; i <= 3; i++) {
        await later(bench);
        rotate(bench, i);
        const text = Array.from({ length: 30 }, (_, line) => `${i} of them: ${line}\n`).join('');
        appendFileSync(bench.path('a.log'), text);
      }
      const expected = rest ? ['rest'] : [];
      for (let i = 1; i <= 3; i++) for (let line = 0; line < 30; line++) expected.push(`${i} of them: ${line}`);
      const out = await bench.start(input);
      await out.count(expected.length);
      assert.deepEqual(told(out), expected);
      assert.ok(out.lines.every(({ path }) => path === bench.path('a.log')));
      assert.equal(new Set([id, ...out.lines.map((line) => line.id)]).size, 4);
      assert.deepEqual([...bench.account.losses], []);
      await assertNothingMore(bench, input);
    });
  }
}

test('stopped before any of it was settled: the next start reads it, once', async (t) => {
  const { bench, input } = await known(t);
  for (let i = 1; i <= 3; i++) {
    await later(bench);
    ROTATIONS['by numbers']!(bench, i);
    writeFileSync(bench.path('a.log'), `${i}\n`);
  }
  let out = await bench.start(input);
  out.settling = false;
  await out.count(3);
  await bench.stop();
  out = await bench.start(input);
  await out.count(3);
  assert.deepEqual(told(out), ['1', '2', '3']);
  await assertNothingMore(bench, input);
});

test('killed before it was stored that the known one lost its name: what was read between is so once', async (t) => {
  const { bench, input, id } = await known(t);
  for (let i = 1; i <= 2; i++) {
    await later(bench);
    ROTATIONS['by numbers']!(bench, i);
    writeFileSync(bench.path('a.log'), `${i}\n`);
  }
  let out = await bench.start(input);
  out.settling = false;
  await out.count(2);
  await bench.stop();
  assert.ok(spoil(join(bench.data, 'positions'), (text) => text.includes(id) && !text.includes('"named"')) > 0);
  out = await bench.start(input);
  await out.count(2);
  assert.deepEqual(told(out), ['1', '2']);
  await assertNothingMore(bench, input);
});

test('a copy of what the known one held before it was truncated is not read: that was read then', async (t) => {
  const { bench, input } = await known(t);
  let out = await bench.start(input);
  await until('found', () => bench.source.files().length === 1);
  ROTATIONS['by copying']!(bench, 1);
  await until('truncated', () => bench.source.files()[0]!.size === 0);
  appendFileSync(bench.path('a.log'), 'begun anew\n');
  await out.count(1);
  await bench.stop();
  await later(bench);
  for (const [i, text] of ['next\n', 'the last\n'].entries()) {
    renameSync(bench.path('a.log'), bench.path(`a.log.${i + 2}`));
    writeFileSync(bench.path('a.log'), text);
    await later(bench);
  }
  out = await bench.start(input);
  await out.count(2);
  assert.deepEqual(told(out), ['next', 'the last']);
  await assertNothingMore(bench, input);
});

test('a copy of what was read before it was truncated while down is not read at a later start either', async (t) => {
  const { bench, input } = await known(t);
  copyFileSync(bench.path('a.log'), bench.path('a.log.1'));
  writeFileSync(bench.path('a.log'), 'begun anew\n');
  let out = await bench.start(input);
  await out.count(1);
  await bench.stop();
  for (const [i, text] of ['next\n', 'the last\n'].entries()) {
    await later(bench);
    renameSync(bench.path('a.log'), bench.path(`a.log.${i + 2}`));
    writeFileSync(bench.path('a.log'), text);
  }
  out = await bench.start(input);
  await until('the last', () => told(out).includes('the last'));
  assert.deepEqual(told(out), ['next', 'the last']);
  await assertNothingMore(bench, input);
});

/** Entries of the journal of which nothing is there, as if they had never been written; how many. */
function spoil(path: string, which: (text: string) => boolean): number {
  const bytes = readFileSync(path);
  let spoilt = 0;
  for (let at = UNIT; at < bytes.length; at += UNIT) {
    const end = bytes.indexOf(0, at + 16);
    if (bytes[at + 4] !== 1 || !which(bytes.toString('latin1', at + 16, end))) continue;
    bytes.fill(0, at, at + UNIT);
    spoilt++;
  }
  writeFileSync(path, bytes);
  return spoilt;
}

const KEPT: Record<string, (bench: Bench) => void> = {
  'was there before, of a similar name': (bench) => {
    writeFileSync(bench.path('a.log.7'), 'older\n');
    writeFileSync(bench.path('a.log.7.gz'), gzipSync('older\n'));
    for (const name of ['a.log.7', 'a.log.7.gz']) utimesSync(bench.path(name), 1, 1);
  },
  'is a copy of the known one': (bench) => copyFileSync(bench.path('a.log.2'), bench.path('a.log.20261130')),
  'is a copy of the new one': (bench) => copyFileSync(bench.path('a.log'), bench.path('a.log.20261130')),
  'has the name of another program': (bench) => writeFileSync(bench.path('a.log.audit.1'), 'another\n'),
  'has the beginning of the name only': (bench) => writeFileSync(bench.path('a-error.log.1'), 'another\n'),
  'is another one of the directory': (bench) => writeFileSync(bench.path('b.log.1'), 'another\n'),
  'holds nothing': (bench) => writeFileSync(bench.path('a.log.3'), ''),
};

for (const [what, make] of Object.entries(KEPT)) {
  test(`a file that ${what} is not read`, async (t) => {
    const { bench, input } = await known(t);
    for (let i = 1; i <= 2; i++) {
      await later(bench);
      ROTATIONS['by numbers']!(bench, i);
      if (i === 2 && !what.includes('new')) make(bench);
      writeFileSync(bench.path('a.log'), `${i}\n`);
      if (i === 2 && what.includes('new')) make(bench);
    }
    const out = await bench.start(input);
    await out.count(2);
    assert.deepEqual(told(out), ['1', '2']);
    assert.deepEqual([...bench.account.losses], []);
    await assertNothingMore(bench, input);
  });
}

for (const exclude of ['a.log.1', '*.1', '/a.log.*']) {
  test(`what ${exclude} excludes is not read, nor counted`, async (t) => {
    const { bench, input } = await known(t);
    for (let i = 1; i <= 2; i++) {
      ROTATIONS['by numbers']!(bench, i);
      writeFileSync(bench.path('a.log'), `${i}\n`);
    }
    const excluding = { ...input, exclude: [exclude.startsWith('/') ? bench.logs + exclude : exclude] };
    const out = await bench.start(excluding);
    await out.count(1);
    assert.deepEqual(told(out), ['2']);
    assert.deepEqual([...bench.account.losses], []);
    await assertNothingMore(bench, excluding);
  });
}

test('in a directory that is excluded nothing of it is read', async (t) => {
  const { bench, input } = await known(t);
  for (let i = 1; i <= 2; i++) {
    ROTATIONS['into a directory below']!(bench, i);
    writeFileSync(bench.path('a.log'), `${i}\n`);
  }
  const out = await bench.start({ ...input, exclude: ['old'] });
  await out.count(1);
  assert.deepEqual(told(out), ['2']);
});

test('where the known one is gone nothing is told of the others: it is counted, once', async (t) => {
  const { bench, input } = await known(t);
  for (let i = 1; i <= 2; i++) {
    await later(bench);
    ROTATIONS['by numbers']!(bench, i);
    writeFileSync(bench.path('a.log'), `${i}\n`);
  }
  rmSync(bench.path('a.log.2'));
  const out = await bench.start(input);
  await out.count(1);
  assert.deepEqual(told(out), ['2']);
  assert.equal(bench.account.notFound, 1);
  await assertNothingMore(bench, input);
  assert.equal(bench.account.notFound, 1);
});

test('one that is compressed in a way that cannot be read is counted', async (t) => {
  const { bench, input } = await known(t);
  for (let i = 1; i <= 3; i++) {
    await later(bench);
    ROTATIONS['and compressed']!(bench, i);
    writeFileSync(bench.path('a.log'), `${i}\n`);
  }
  renameSync(bench.path('a.log.2.gz'), bench.path('a.log.2.xz'));
  const out = await bench.start(input);
  await out.count(2);
  assert.deepEqual(told(out), ['2', '3']);
  assert.equal(bench.account.notFound, 1);
});

for (const [how, rotate] of Object.entries(ROTATIONS)) {
  // With the same first line at the same inode nothing tells that it was truncated.
  if (how === 'by copying') continue;
  test(`of the known one a header was read that all begin with, rotated twice ${how}: all comes, once`, async (t) => {
    const bench = new Bench(t);
    const input = { include: [bench.path('a.log')] };
    const header = `${'#Fields: date time '.padEnd(299, 'x')}\n`;
    writeFileSync(bench.path('a.log'), header);
    let out = await bench.start(input);
    await out.count(1);
    await bench.stop();
    appendFileSync(bench.path('a.log'), 'rest\n');
    for (let i = 1; i <= 2; i++) {
      await later(bench);
      rotate(bench, i);
      appendFileSync(bench.path('a.log'), `${header}${i} of them\n`);
    }
    const first = header.trimEnd();
    out = await bench.start(input);
    await until('the last', () => told(out).includes('2 of them'));
    assert.deepEqual(told(out), ['rest', first, '1 of them', first, '2 of them']);
    await assertNothingMore(bench, input);
  });
}
