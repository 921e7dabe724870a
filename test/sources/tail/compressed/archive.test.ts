/** What holds no lines is never read as text, whatever it is called: it is said, and counted. */
// Slow: files have to be silent for as long as options say.
import assert from 'node:assert/strict';
import { appendFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { archiveOf } from '../../../../src/sources/tail/compressed/archive.ts';
import { Bench, numbered, said } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

const TEXT = Array.from({ length: 400 }, (_, i) => `2026-11-30 line ${i} ${(i * 7919) % 104_729}\n`).join('');
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
/** Bytes of a compressed file behind its first ones: any, and LF among them. */
const BODY = gzipSync(TEXT).subarray(10);

/** First bytes as the programs write them. */
const KINDS: Record<string, Buffer> = {
  gzip: gzipSync(TEXT),
  zstd: zstdCompressSync(TEXT),
  xz: hex('fd377a585a00 0004e6d6b446 0200 2101'),
  bzip2: hex('425a6839 314159265359 0b1c2d3e'),
  zip: hex('504b0304 1400 0000 0800'),
  lz4: hex('04224d18 6440a7'),
  compress: hex('1f9d90'),
  '7z': hex('377abcaf271c 0004'),
  lzip: hex('4c5a4950 01 0c'),
  lzop: hex('894c5a4f000d0a1a0a 1040'),
  lzma: hex('5d00008000 ffffffffffffffff 00'),
  snappy: hex('ff060000734e61507059'),
  rar: hex('526172211a0701 00'),
  zlib: deflateSync(TEXT),
};

/** A tar file of one file, as POSIX has it. */
function tar(name: string, content: string): Buffer {
  const header = Buffer.alloc(512);
  const field = (at: number, text: string) => header.write(text, at, 'latin1');
  field(0, name);
  field(100, '0000644\0');
  field(124, `${content.length.toString(8).padStart(11, '0')}\0`);
  field(136, '00000000000\0');
  field(148, '        ');
  field(156, '0');
  field(257, 'ustar\x0000');
  field(
    148,
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
  );
  return Buffer.concat([header, Buffer.from(content), Buffer.alloc(1536 - (content.length % 512))]);
}

test('compressed files and archives are told by their first bytes, texts are not taken for such', () => {
  const cases: [Buffer | string, string | null][] = [
    ...Object.entries(KINDS).map(([name, first]): [Buffer, string] => [Buffer.concat([first, BODY]), name]),
    [hex('425a6831 177245385090 00000000'), 'bzip2'],
    [hex('504b0506 00000000'), 'zip'],
    [hex('502a4d18 04000000'), 'zstd'],
    [tar('a.log', TEXT), 'tar'],
    [hex('1f8b08'), 'gzip'],
    ['', null],
    ['\n', null],
    ['BZh9 is how a line may begin\n', null],
    ['BZh91AY&S is not it\n', null],
    ['PK: primary key\n', null],
    ['PK\n', null],
    ['LZIP\n', null],
    ["7z's\n", null],
    ['Rar! said the lion\n', null],
    ['P*M\n', null],
    [']\n', null],
    ['x^2\n', null],
    ['x\u06a1\n', null],
    [`${'a'.repeat(257)}ustar${'b'.repeat(400)}`, null],
    [tar('a.log', TEXT).fill(0x41, 0, 5), null],
    [hex('1f8b08 ff'), null],
    [hex('1f9d 01'), null],
    [Buffer.from('\ufeffUTF-16\n', 'utf16le'), null],
  ];
  for (const [bytes, kind] of cases) assert.equal(archiveOf(Buffer.from(bytes), '/a.log'), kind, String(bytes));
  assert.equal(archiveOf(brotliCompressSync(TEXT), '/a.log.br'), 'br');
  assert.equal(archiveOf(deflateSync(TEXT, { windowBits: 12 }), '/a.log.zz'), 'zz');
  for (const text of [TEXT, 'com acentos: ação\n', '\x1b[31mred\x1b[0m\n']) {
    assert.equal(archiveOf(Buffer.from(text), '/app.br'), null);
    assert.equal(archiveOf(Buffer.from(text, 'latin1'), '/app.br'), null);
  }
});

test('what rotation leaves compressed is left out, said once for each kind, and counted', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('app.log'), 'live\n');
  const names: Record<string, string> = { bzip2: 'app.log.2.bz2', xz: 'app.log.3.xz', zip: 'app.log.4.zip' };
  for (const [kind, first] of Object.entries(KINDS)) {
    writeFileSync(bench.path(names[kind] ?? `app.log.${kind}.gz`), Buffer.concat([first, BODY]));
  }
  writeFileSync(bench.path('app.log.tgz'), gzipSync(tar('a.log', TEXT)));
  writeFileSync(bench.path('app.log.6.xz'), Buffer.concat([KINDS.xz!, BODY]));
  writeFileSync(bench.path('app.log.7.xz'), 'text, whatever its name says\n');
  const all = Object.keys(KINDS).length + 2;
  const include = [`${bench.logs}/app.log*`];
  const lines = await said(async () => {
    const out = await bench.start({ include });
    await until('they are seen', () => bench.source.left_out.compressed === all);
    await out.count(2);
    assert.deepEqual(out.texts().sort(), ['live', 'text, whatever its name says']);
  });
  assert.equal(lines.filter((line) => /compressed \(xz\)/.test(line)).length, 1);
  assert.equal(lines.filter((line) => /compressed \(gzip\).*exclude them to say no more/.test(line)).length, 1);
  assert.equal(bench.source.files_total, 2);
  assert.equal(bench.source.unreadable, 0);
  assert.equal(bench.account.losses.size, 0);
  rmSync(bench.path('app.log.3.xz'));
  await until('one is gone', () => bench.source.left_out.compressed === all - 1);
  await bench.stop();
  assert.deepEqual(
    bench.positions
      .all()
      .map(({ path }) => path)
      .sort(),
    [bench.path('app.log'), bench.path('app.log.7.xz')],
  );
  const again = await bench.start({ include });
  await until('they are seen again', () => bench.source.left_out.compressed === all - 1);
  appendFileSync(bench.path('app.log'), 'more\n');
  await again.count(1);
  assert.deepEqual(again.texts(), ['more']);
});

test('a plain name: text is replaced by what is compressed and the other way round, in place and by renaming', async (t) => {
  const bench = new Bench(t);
  const path = bench.path('app.log');
  const packed = gzipSync(TEXT);
  const renamed = (content: Buffer | string) => {
    writeFileSync(bench.path('app.tmp'), content);
    renameSync(bench.path('app.tmp'), path);
  };
  const inPlace = (content: Buffer | string) => writeFileSync(path, content);
  const isLeftOut = (count: number) =>
    until(
      `${count} left out`,
      () => bench.source.left_out.compressed === count && bench.source.files_total === 1 - count,
    );
  writeFileSync(path, packed);
  const lines = await said(async () => {
    const out = await bench.start();
    await isLeftOut(1);
    let n = 0;
    for (const replace of [inPlace, renamed, inPlace, renamed]) {
      replace(`line ${n}\n`);
      await out.count(++n);
      await isLeftOut(0);
      replace(packed);
      await isLeftOut(1);
    }
    assert.deepEqual(out.texts(), ['line 0', 'line 1', 'line 2', 'line 3']);
  });
  assert.match(
    lines.find((line) => line.includes('whatever its name says'))!,
    /app\.log matches input test and is compressed \(gzip\)/,
  );
});

test('first bytes that come late, one by one, and a temporary file that grows', async (t) => {
  const bench = new Bench(t);
  const include = [`${bench.logs}/*.log*`];
  const path = bench.path('0.log.20250101-010101.tmp');
  const packed = gzipSync(TEXT);
  writeFileSync(path, '');
  writeFileSync(bench.path('0.log'), 'live\n');
  const out = await bench.start({ include });
  await out.count(1);
  for (const byte of packed.subarray(0, 40)) {
    appendFileSync(path, Buffer.from([byte]));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await until('it is left out', () => bench.source.left_out.compressed === 1);
  for (let at = 40; at < packed.length; at += 500) {
    appendFileSync(path, packed.subarray(at, at + 500));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  renameSync(path, path.replace('.tmp', '.gz'));
  appendFileSync(bench.path('0.log'), 'more\n');
  await out.count(2);
  await until('it is one', () => bench.source.left_out.compressed === 1 && bench.source.files_total === 1);
  assert.deepEqual(out.texts(), ['live', 'more']);
});

for (const [how, input] of Object.entries({
  'start_at: end': { start_at: 'end' },
  ignore_older: { ignore_older: 60_000 },
  'format: cri': { format: 'cri' },
  'encoding_in: utf-16le': { encoding_in: 'utf-16le' },
  multiline: {
    multiline: { start: '^2026', continue: undefined, end: undefined, max_lines: 9, max_bytes: 1000, timeout: 300 },
  },
} as const)) {
  test(`left out with ${how}`, async (t) => {
    const bench = new Bench(t);
    writeFileSync(bench.path('a.log'), Buffer.concat([KINDS.xz!, BODY]));
    if (how === 'ignore_older') utimesSync(bench.path('a.log'), 1, 1);
    const out = await bench.start(input);
    await until('it is left out', () => bench.source.left_out.compressed === 1);
    appendFileSync(bench.path('a.log'), `${TEXT}\n`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.deepEqual(out.texts(), []);
    assert.equal(bench.account.losses.size, 0);
  });
}

test('where compressed files are read, an archive in one is left out', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.gz'), gzipSync(numbered(0, 3)));
  writeFileSync(bench.path('b.tar.gz'), gzipSync(tar('b.log', TEXT)));
  const out = await bench.start({ include: [`${bench.logs}/*.gz`] });
  await out.count(3);
  await until('it is left out', () => bench.source.left_out.compressed === 1);
  assert.deepEqual(out.texts(), ['line 0', 'line 1', 'line 2']);
});

test('a new file that is compressed does not end a record of the one that had its name', async (t) => {
  const bench = new Bench(t);
  const multiline = { start: '^#', continue: undefined, end: undefined, max_lines: 9, max_bytes: 1000, timeout: 300 };
  writeFileSync(bench.path('a.log'), '#1\n#2\n more\n');
  const out = await bench.start({ multiline });
  await out.count(1);
  renameSync(bench.path('a.log'), bench.path('a.log.1'));
  writeFileSync(bench.path('a.log'), Buffer.concat([KINDS.bzip2!, Buffer.from('\n more\n')]));
  await out.count(2);
  await until('it is left out', () => bench.source.left_out.compressed === 1);
  assert.deepEqual(out.texts(), ['#1', '#2\n more']);
});

test('what takes the place of an archive that was there at the first start is read from its beginning', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), gzipSync(TEXT));
  const out = await bench.start({ start_at: 'end' });
  await until('it is left out', () => bench.source.left_out.compressed === 1);
  writeFileSync(bench.path('a.log'), 'one\ntwo\n');
  await out.count(2);
  assert.deepEqual(out.texts(), ['one', 'two']);
});

test('text that begins as the name of a kind does is read', async (t) => {
  const bench = new Bench(t);
  const lines = ['BZh9', 'PK', 'LZIP', '7z', 'Rar!', 'P*M', ']', 'x^2'];
  for (const [i, line] of lines.entries()) writeFileSync(bench.path(`${i}.log`), `${line}\n`);
  const out = await bench.start();
  await out.count(lines.length);
  assert.deepEqual(out.texts().sort(), lines.toSorted());
});
