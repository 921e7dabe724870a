/** What lies in a directory of logs and is no proper log: the source goes on, and says and counts what has to be. */
// Slow: what is tried again has to come round.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { TRUNCATED } from '../../../src/core/batch.ts';
import { nativeAvailable } from '../../../src/native/libc.ts';
import { Bench, type Collected, said } from '../../support/tail.ts';
import { until } from '../../support/until.ts';

const agent = fileURLToPath(new URL('../../support/tail-agent.ts', import.meta.url));

/** True once the file is known to the source, so that what follows is not found by the first look. */
async function settledDown(bench: Bench, out: Collected): Promise<void> {
  const before = out.lines.length;
  writeFileSync(bench.path('settled.log'), 'settled\n');
  await until('settled', () => out.lines.slice(before).some((l) => l.text === 'settled'));
  out.lines.splice(
    out.lines.findIndex((l) => l.text === 'settled'),
    1,
  );
}

test('a FIFO, a socket, a directory and a loop of links are not read; each is said once', async (t) => {
  const bench = new Bench(t);
  assert.equal(spawnSync('mkfifo', [bench.path('fifo.log')]).status, 0);
  const server = createServer().listen(bench.path('socket.log'));
  t.after(() => server.close());
  await once(server, 'listening');
  mkdirSync(bench.path('dir.log'));
  mkdirSync(bench.path('sub'));
  symlinkSync('..', bench.path('sub/loop'));
  symlinkSync('self.log', bench.path('self.log'));
  symlinkSync('two.log', bench.path('one.log'));
  symlinkSync('one.log', bench.path('two.log'));
  writeFileSync(bench.path('no.log'), 'no\n');
  writeFileSync(bench.path('sub/yes.log'), 'yes\n');
  const lines = await said(async () => {
    const out = await bench.start({ include: [`${bench.logs}/**/*.log`], exclude: ['no.*'] });
    await out.count(1);
    // They are looked at again when something happens to them.
    chmodSync(bench.path('fifo.log'), 0o600);
    chmodSync(bench.path('dir.log'), 0o700);
    await settledDown(bench, out);
    assert.deepEqual(out.texts(), ['yes']);
    assert.equal(bench.source.files_total, 2);
  });
  for (const [name, what] of [
    ['fifo.log', 'a FIFO'],
    ['socket.log', 'a socket'],
    ['dir.log', 'a directory'],
  ]) {
    const about = lines.filter((line) => line.includes(`/${name} matches input test and is ${what}`));
    assert.equal(about.length, 1, `${name}: ${about.length} times`);
  }
});

test('a device is not read', async (t) => {
  const bench = new Bench(t);
  const { status, stderr } = spawnSync('mknod', [bench.path('zero.log'), 'c', '1', '5']);
  if (status !== 0) return t.skip(`NOT TESTED: no device can be made here: ${stderr}`);
  const lines = await said(async () => {
    const out = await bench.start();
    await settledDown(bench, out);
    assert.deepEqual(out.texts(), []);
    assert.equal(bench.source.files_total, 1);
  });
  assert.equal(lines.filter((line) => /zero\.log matches input test and is a device/.test(line)).length, 1);
});

test('a FIFO that takes the place of a file, and a file that takes the place of a FIFO', async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.log');
  writeFileSync(path, '1\n');
  const out = await bench.start();
  await out.count(1);
  rmSync(path);
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  await settledDown(bench, out);
  rmSync(path);
  writeFileSync(path, '2\n');
  await out.count(2);
  assert.deepEqual(out.texts(), ['1', '2']);
});

test('the target of a dangling link is read when it appears', async (t) => {
  const bench = new Bench(t);
  mkdirSync(bench.path('target'));
  symlinkSync('target/x', bench.path('a.log'));
  const out = await bench.start();
  await settledDown(bench, out);
  writeFileSync(bench.path('target/x'), 'here\n');
  // The link itself did not change: the look every ten seconds finds it.
  await out.count(1);
  assert.deepEqual([out.lines[0]!.text, out.lines[0]!.path], ['here', bench.path('a.log')]);
});

test('a file whose name is no UTF-8 cannot be read, and is said', { skip: process.platform !== 'linux' }, async (t) => {
  const bench = new Bench(t);
  const latin1 = (name: string) => Buffer.from(`${bench.logs}/${name}`, 'latin1');
  writeFileSync(latin1('caf\xe9.log'), 'no\n');
  writeFileSync(latin1('caf\xe9.txt'), 'not asked for\n');
  writeFileSync(bench.path('odd\ufffd.log'), 'yes\n');
  const lines = await said(async () => {
    const out = await bench.start();
    await settledDown(bench, out);
    assert.deepEqual(out.texts(), ['yes']);
  });
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(lines[0]!, /cannot read .*caf.*\.log: its name is not UTF-8; rename it/);
});

/** An agent of a user who has no rights of root. */
function runAsNobody(t: TestContext, bench: Bench, pattern: string): { errors: () => string } {
  assert.equal(spawnSync('chmod', ['-R', 'a+rwX', bench.data]).status, 0);
  chmodSync(join(bench.logs, '..'), 0o755);
  chmodSync(bench.logs, 0o755);
  const run = [process.execPath, agent, bench.logs, bench.data, join(bench.data, 'result'), '0', pattern];
  const root = process.getuid?.() === 0;
  const command = root ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...run] : run;
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text) => {
    errors += text;
  });
  t.after(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  return { errors: () => errors };
}

test('what may not be read is said, counted, and read as soon as it may be', async (t) => {
  const bench = new Bench(t);
  const result = join(bench.data, 'result');
  t.after(() => {
    if (existsSync(bench.path('dir'))) chmodSync(bench.path('dir'), 0o755);
  });
  writeFileSync(bench.path('a.log'), 'a\n', { mode: 0 });
  mkdirSync(bench.path('dir'));
  writeFileSync(bench.path('dir/b.log'), 'b\n');
  chmodSync(bench.path('dir'), 0);
  const { errors } = runAsNobody(t, bench, '**/*.log');
  await until(
    'said',
    () =>
      /cannot read .*a\.log.*permission denied.*tried again/i.test(errors()) &&
      /cannot look into .*dir: /.test(errors()),
  );
  assert.equal(existsSync(result) ? readFileSync(result, 'utf8') : '', '');
  chmodSync(bench.path('a.log'), 0o644);
  chmodSync(bench.path('dir'), 0o755);
  const texts = () =>
    readFileSync(result, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split(' ')[3]);
  await until('both', () => existsSync(result) && texts().length === 2, 40_000);
  assert.deepEqual(texts().sort(), ['a', 'b']);
  assert.equal(errors().match(/cannot read .*a\.log/g)?.length, 1);
});

test('a directory that may not be looked into on the way is said, and gone through as soon as it may be', async (t) => {
  for (const pattern of ['closed/sub/*.log', 'closed/a.log']) {
    const bench = new Bench(t);
    const result = join(bench.data, 'result');
    mkdirSync(bench.path('closed/sub'), { recursive: true });
    writeFileSync(bench.path('closed/a.log'), 'x\n');
    writeFileSync(bench.path('closed/sub/b.log'), 'x\n');
    chmodSync(bench.path('closed'), 0);
    t.after(() => {
      if (existsSync(bench.path('closed'))) chmodSync(bench.path('closed'), 0o755);
    });
    const { errors } = runAsNobody(t, bench, pattern);
    await until('said', () => /cannot (look at|read) .*closed\/(sub|a\.log): .*permission denied/i.test(errors()));
    chmodSync(bench.path('closed'), 0o755);
    await until('read', () => existsSync(result) && readFileSync(result, 'utf8').endsWith(' x\n'), 40_000);
    assert.equal(errors().match(/cannot (look at|read)/g)?.length, 1, errors());
    assert.doesNotMatch(errors(), /max_user_watches/);
  }
});

test('directories that vanish and come back, also while they are looked into', async (t) => {
  const bench = new Bench(t);
  const out = await bench.start({ include: [`${bench.logs}/**/*.log`] });
  const sent: string[] = [];
  for (let i = 0; i < 30; i++) {
    mkdirSync(bench.path('x/y/z'), { recursive: true });
    writeFileSync(bench.path('x/y/z/a.log'), `${i}\n`);
    sent.push(String(i));
    await out.count(sent.length);
    if (i % 2 === 0) rmSync(bench.path('x'), { recursive: true });
    else renameSync(bench.path('x'), bench.path(`gone${i}`));
    // And some that live for no time at all.
    mkdirSync(bench.path('w/v'), { recursive: true });
    rmSync(bench.path('w'), { recursive: true });
  }
  assert.deepEqual(out.texts(), sent);
});

test('the directory of the pattern itself vanishes, and comes back', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  const out = await bench.start();
  await out.count(1);
  rmSync(bench.logs, { recursive: true });
  await setTimeout(200);
  mkdirSync(bench.logs);
  writeFileSync(bench.path('a.log'), '2\n');
  await out.count(2);
  assert.deepEqual(out.texts(), ['1', '2']);
});

test('NUL bytes, a lone CR, bytes that are no UTF-8, and escape sequences survive within a line', async (t) => {
  const bench = new Bench(t);
  const odd = [
    '\0',
    '\0\0\0start',
    'mid\0dle',
    'lone\rcr',
    '\r',
    'two\r\r',
    '\x1b[31mred\x1b[0m',
    '\xc3',
    '\xff\xfe\xed\xa0\x80',
    '\xf4\x90\x80\x80',
    '\x85\x0b\x0c',
    `${'\0'.repeat(4095)}x`,
  ];
  writeFileSync(bench.path('a.log'), Buffer.from(`${odd.join('\n')}\n`, 'latin1'));
  const out = await bench.start();
  await out.count(odd.length);
  // CRLF ends a line, so the last CR of a line is not part of it.
  assert.deepEqual(
    out.texts(),
    odd.map((text) => text.replace(/\r$/, '')),
  );
  assert.deepEqual(
    out.lines.map((l) => l.length),
    odd.map((text) => text.length + 1),
  );
  assert.equal(bench.account.losses.size, 0);
});

/** 1024 is what it is about; less takes less of everybody's time. */
const LONG_LINE = Number(process.env.RUNNEL_LINE_MB ?? 200) * (1 << 20);

test(`a line of ${LONG_LINE >> 20} MB takes no memory`, async (t) => {
  const bench = new Bench(t);
  const fd = openSync(bench.path('a.log'), 'a');
  const part = Buffer.alloc(1 << 20, 'x');
  const out = await bench.start();
  writeSync(fd, 'before\n');
  await out.count(1);
  const before = process.memoryUsage().rss;
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 5);
  t.after(() => clearInterval(watch));
  for (let written = 0; written < LONG_LINE; written += part.length) {
    writeSync(fd, part);
    if (written % (16 << 20) === 0) await setTimeout(1);
  }
  writeSync(fd, '\nafter\n');
  closeSync(fd);
  await out.count(3);
  assert.deepEqual(
    out.lines.map((l) => [l.text.length, l.length, l.flags]),
    [
      [6, 7, 0],
      [262_144, LONG_LINE + 1, TRUNCATED],
      [5, 6, 0],
    ],
  );
  assert.ok(most - before < 40 << 20, `${(most - before) >> 20} MB more`);
});

const GIGABYTE = 1 << 30;
const native = { skip: !nativeAvailable() };

/** True if the file system keeps holes where nothing was written. */
function sparse(path: string): boolean {
  return statSync(path).blocks * 512 < statSync(path).size / 2;
}

test(
  'a hole of a gigabyte, after copytruncate with a writer that does not append, is skipped and counted',
  native,
  async (t) => {
    const bench = new Bench(t);
    const path = bench.path('a.log');
    const fd = openSync(path, 'w');
    t.after(() => closeSync(fd));
    const out = await bench.start();
    out.gaps = true;
    writeSync(fd, 'one\n', GIGABYTE - 4);
    await until('the first hole', () => out.lines.length === 1);
    if (!sparse(path)) return t.skip('NOT TESTED: this file system keeps no holes');
    writeSync(fd, 'two\n', GIGABYTE);
    await out.count(2);
    assert.deepEqual(out.texts(), ['one', 'two']);
    assert.equal(bench.account.losses.get('hole')?.bytes, GIGABYTE - 4);
    await until('settled', () => bench.source.files()[0]!.committed === GIGABYTE + 4);
    truncateSync(path);
    const before = process.memoryUsage().rss;
    const start = performance.now();
    writeSync(fd, 'three\nfour\n', GIGABYTE + 4);
    await out.count(4);
    assert.ok(performance.now() - start < 5000, `${performance.now() - start} ms`);
    assert.ok(process.memoryUsage().rss - before < 20 << 20);
    assert.deepEqual(out.texts().slice(2), ['three', 'four']);
    assert.deepEqual(
      out.lines.slice(2).map((l) => [l.offset, l.length]),
      [
        [GIGABYTE + 4, 6],
        [GIGABYTE + 10, 5],
      ],
    );
    assert.equal(bench.account.losses.get('hole')?.bytes, 2 * GIGABYTE);
    // The same again, after a restart.
    await bench.stop();
    writeSync(fd, 'five\n', GIGABYTE + 15);
    const again = await bench.start();
    await again.count(1);
    assert.deepEqual([again.lines[0]!.text, again.lines[0]!.offset], ['five', GIGABYTE + 15]);
  },
);

test('a hole between lines, NULs around it and one after the other', native, async (t) => {
  const bench = new Bench(t);
  const fd = openSync(bench.path('a.log'), 'w');
  t.after(() => closeSync(fd));
  writeSync(fd, `one\n${'\0'.repeat(100)}`);
  writeSync(fd, `${'\0'.repeat(70_000)}two\n`, 5 << 20);
  writeSync(fd, 'x', 9 << 20);
  writeSync(fd, `${'\0'.repeat(5000)}y\n`, (9 << 20) + 1);
  const out = await bench.start();
  out.gaps = true;
  await out.count(3);
  if (!sparse(bench.path('a.log'))) return t.skip('NOT TESTED: this file system keeps no holes');
  assert.deepEqual(
    out.lines.map((l) => [l.text, l.offset]),
    [
      ['one', 0],
      ['two', (5 << 20) + 70_000],
      [`x${'\0'.repeat(5000)}y`, 9 << 20],
    ],
  );
  const first = (5 << 20) + 70_000 - 4;
  assert.equal(bench.account.losses.get('hole')?.bytes, first + (9 << 20) - first - 8);
});

test('a hole in a file in UTF-16, and in one whose lines are joined', native, async (t) => {
  for (const [encoding_in, node] of [
    ['utf-16be', 'utf16le'],
    ['utf-8', 'utf8'],
  ] as const) {
    const bench = new Bench(t);
    const path = bench.path('a.log');
    const encode = (text: string) =>
      encoding_in === 'utf-16be' ? Buffer.from(text, node).swap16() : Buffer.from(text);
    const fd = openSync(path, 'w');
    writeSync(fd, encode('one\n'), 0, undefined, 0);
    writeSync(fd, encode('two\nthree\n'), 0, undefined, (4 << 20) + 1000);
    const multiline =
      encoding_in === 'utf-8' ? { start: '^t', max_lines: 2, max_bytes: 1000, timeout: 200 } : undefined;
    const out = await bench.start({ encoding_in, ...(multiline && { multiline }) });
    out.gaps = true;
    await out.count(3);
    closeSync(fd);
    if (!sparse(path)) return t.skip('NOT TESTED: this file system keeps no holes');
    assert.deepEqual(out.texts(), ['one', 'two', 'three']);
    const hole = (4 << 20) + 1000 - encode('one\n').length;
    assert.deepEqual([out.lines[1]!.skipped, bench.account.losses.get('hole')?.bytes], [hole, hole]);
    await bench.stop();
  }
});

test('a hole at the end of a file is room to write to; of a deleted file it is counted', native, async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.log');
  const fd = openSync(path, 'w');
  writeSync(fd, 'one\n');
  ftruncateSync(fd, 64 << 20);
  const out = await bench.start();
  out.gaps = true;
  await out.count(1);
  if (!sparse(path)) return t.skip('NOT TESTED: this file system keeps no holes');
  await setTimeout(100);
  writeSync(fd, 'two\n', 4);
  await out.count(2);
  assert.deepEqual(out.lines[1]!.offset, 4);
  closeSync(fd);
  rmSync(path);
  await until('let go', () => bench.source.files_total === 0);
  assert.equal(bench.account.losses.get('hole')?.bytes, (64 << 20) - 8);
});
