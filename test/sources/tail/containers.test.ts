// Slow: files have to be silent for as long as options say.
import assert from 'node:assert/strict';
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { HELD, MULTILINE, STDERR, STDOUT, TRUNCATED } from '../../../src/core/batch.ts';
import type { TailOptions } from '../../../src/sources/tail/tail.ts';
import { Bench } from '../../support/tail.ts';
import { until } from '../../support/until.ts';

type Input = Partial<TailOptions['input']>;

const TIME = '2026-01-01T00:00:00.000000000Z';
const cri = (stream: string, tag: string, text: string) => `${TIME} ${stream} ${tag} ${text}\n`;
const docker = (stream: string, log: string) => `${JSON.stringify({ log, stream, time: TIME })}\n`;

type Expected = [text: string, flags: number];

/** The records that a file becomes; their bytes follow each other without a gap. */
function check(what: string, input: Input, text: string | Buffer, expected: Expected[]): void {
  test(what, async (t) => {
    const bench = new Bench(t);
    writeFileSync(bench.path('a.log'), text);
    const out = await bench.start(input);
    await out.count(expected.length);
    await setTimeout(50);
    assert.deepEqual(
      out.lines.map((l) => [l.text, l.flags & ~HELD]),
      expected,
    );
    let end = 0;
    for (const line of out.lines) {
      assert.equal(line.offset, end);
      end += line.length;
    }
    assert.equal(end, Buffer.byteLength(text));
  });
}

const multiline = {
  start: '^#',
  continue: undefined,
  end: undefined,
  max_lines: 500,
  max_bytes: 262_144,
  timeout: 500,
};

check(
  'CRI lines are unwrapped, empty ones and CRLF too',
  { format: 'cri' },
  cri('stdout', 'F', 'a') + cri('stderr', 'F', '') + cri('stdout', 'F:x', 'b\r'),
  [
    ['a', STDOUT],
    ['', STDERR],
    ['b', STDOUT],
  ],
);
check(
  'parts of a CRI line are put together',
  { format: 'cri' },
  cri('stdout', 'F', '1') +
    cri('stdout', 'P', 'a') +
    cri('stdout', 'P:t', 'b ') +
    cri('stdout', 'F', 'c') +
    cri('stdout', 'F', '2'),
  [
    ['1', STDOUT],
    ['ab c', STDOUT],
    ['2', STDOUT],
  ],
);
check(
  'parts of both streams may be mixed',
  { format: 'cri' },
  cri('stdout', 'P', 'a') +
    cri('stderr', 'P', 'x') +
    cri('stderr', 'F', 'y') +
    cri('stderr', 'F', 'z') +
    cri('stdout', 'F', 'b') +
    cri('stderr', 'F', 'e'),
  [
    ['ab', STDOUT],
    ['xy', STDERR],
    ['z', STDERR],
    ['e', STDERR],
  ],
);
check(
  "docker's JSON is unwrapped, its parts are put together",
  { format: 'docker' },
  docker('stdout', 'a "é"\n') +
    docker('stderr', 'b') +
    docker('stdout', 'x\r\n') +
    docker('stderr', 'c\n') +
    docker('stdout', '\n'),
  [
    [Buffer.from('a "é"').toString('latin1'), STDOUT],
    ['bc', STDERR],
    ['x', STDOUT],
    ['', STDOUT],
  ],
);
check(
  'multiline on top of CRI, each stream for itself',
  { format: 'cri', multiline },
  cri('stdout', 'F', '#1') +
    cri('stderr', 'F', '#e') +
    cri('stdout', 'P', 'a') +
    cri('stdout', 'F', 'b') +
    cri('stderr', 'F', 'f') +
    cri('stdout', 'F', '#2') +
    cri('stderr', 'F', '#g'),
  [
    ['#1\nab', STDOUT | MULTILINE],
    ['#e\nf', STDERR | MULTILINE],
    ['#2', STDOUT],
    ['#g', STDERR],
  ],
);
check(
  'multiline on top of docker',
  { format: 'docker', multiline },
  docker('stdout', '#1\n') +
    docker('stdout', ' at\n') +
    docker('stdout', '#2\n') +
    docker('stdout', ' at') +
    docker('stdout', ' b\n'),
  [
    ['#1\n at', STDOUT | MULTILINE],
    ['#2\n at b', STDOUT | MULTILINE],
  ],
);

test('a line that is not of the format is passed as it is, and counted', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), `plain\n${cri('stdout', 'P', 'a')}odd line\n${cri('stdout', 'F', 'b')}`);
  const out = await bench.start({ format: 'cri' });
  await out.count(3);
  assert.deepEqual(out.texts(), ['plain', 'ab', 'odd line']);
  assert.equal(bench.account.malformed, 2);
});

test('a part waits for its end; after two seconds of silence it goes out as it is', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), cri('stdout', 'P', 'a'));
  const out = await bench.start({ format: 'cri' });
  await setTimeout(300);
  appendFileSync(bench.path('a.log'), cri('stderr', 'F', 'x'));
  await setTimeout(300);
  assert.deepEqual(out.texts(), []);
  await bench.stop();
  await bench.start({ format: 'cri' }, false);
  appendFileSync(bench.path('a.log'), cri('stdout', 'F', 'b'));
  await out.count(2);
  appendFileSync(bench.path('a.log'), cri('stdout', 'P', 'c'));
  await out.count(3);
  assert.deepEqual(out.texts(), ['ab', 'x', 'c']);
});

test('a merged line that is too long is cut; the rest of it is no line, and shows as skipped', async (t) => {
  const bench = new Bench(t);
  const part = cri('stdout', 'P', 'y'.repeat(16_000));
  const text = `${part.repeat(200)}${cri('stderr', 'F', 'e')}${part.repeat(100)}${cri('stdout', 'F', 'end')}${cri('stdout', 'F', 'next')}`;
  writeFileSync(bench.path('a.log'), text);
  const out = await bench.start({ format: 'cri', max_line: 20_000 });
  out.gaps = true;
  await out.count(3);
  await setTimeout(100);
  assert.deepEqual(
    out.lines.map((l) => [l.text.length, l.flags]),
    [
      [20_000, TRUNCATED | STDOUT],
      [1, STDERR],
      [4, STDOUT],
    ],
  );
  let end = 0;
  for (const line of out.lines) {
    assert.equal(line.offset, end + line.skipped);
    end = line.offset + line.length;
  }
  assert.equal(end, text.length);
  assert.equal(bench.account.truncated, 1);
});

test('what is cut within one read needs no skipped bytes', async (t) => {
  const bench = new Bench(t);
  const text = `${cri('stdout', 'P', 'y'.repeat(900)).repeat(3)}${cri('stdout', 'F', 'end')}${cri('stdout', 'F', 'next')}`;
  writeFileSync(bench.path('a.log'), text);
  const out = await bench.start({ format: 'cri', max_line: 1000 });
  await out.count(2);
  assert.deepEqual(
    out.lines.map((l) => l.text.length),
    [1000, 4],
  );
  assert.equal(out.lines[1]!.offset + out.lines[1]!.length, text.length);
});

test('a CRI line that was not split by its runtime, longer than a read, is cut and unwrapped', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), cri('stderr', 'F', 'z'.repeat(3_000_000)) + cri('stdout', 'F', 'next'));
  const out = await bench.start({ format: 'cri' });
  await out.count(2);
  assert.deepEqual([out.lines[0]!.text.length, out.lines[0]!.flags], [262_144, STDERR | TRUNCATED]);
  assert.equal(out.lines[0]!.length, TIME.length + 10 + 3_000_000 + 1);
  assert.equal(out.lines[1]!.text, 'next');
});

test('a part at the end of a rotated file is joined with its end in the new file', async (t) => {
  for (const format of ['cri', 'docker'] as const) {
    const bench = new Bench(t);
    const line = (text: string, whole: boolean) =>
      format === 'cri' ? cri('stdout', whole ? 'F' : 'P', text) : docker('stdout', whole ? `${text}\n` : text);
    writeFileSync(bench.path('a.log'), line('1', true) + line('a', false));
    const out = await bench.start({ format });
    out.gaps = true;
    await out.count(1);
    renameSync(bench.path('a.log'), bench.path('a.log.20260101'));
    writeFileSync(bench.path('a.log'), line('b', false));
    await setTimeout(100);
    appendFileSync(bench.path('a.log'), line('c', true) + line('2', true));
    await out.count(3);
    assert.deepEqual(out.texts(), ['1', 'abc', '2']);
    const skipped = line('b', false).length + line('c', true).length;
    assert.deepEqual([out.lines[2]!.offset, out.lines[2]!.skipped], [skipped, skipped]);
    assert.equal(out.lines[1]!.id, out.lines[0]!.id);
    await bench.stop();
  }
});

test('a part in a rotated file that the new one does not go on with goes out by itself', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), cri('stdout', 'F', '1') + cri('stdout', 'P', 'a'));
  const out = await bench.start({ format: 'cri' });
  await out.count(1);
  renameSync(bench.path('a.log'), bench.path('a.old'));
  writeFileSync(bench.path('a.log'), cri('stderr', 'F', 'x') + cri('stdout', 'F', 'b'));
  await out.count(4);
  assert.deepEqual(out.texts(), ['1', 'a', 'x', 'b']);
});

test('random lines of two streams, split and mixed: each stream is whole and in order, every byte once', async (t) => {
  let seed = 7;
  const below = (n: number) => {
    seed = (seed * 48271) % 2147483647;
    return seed % n;
  };
  for (let round = 0; round < 8; round++) {
    const bench = new Bench(t);
    const expected: Record<string, string[]> = { stdout: [], stderr: [] };
    const open: Record<string, string> = {};
    let text = '';
    for (let i = 0; i < 12_000; i++) {
      const stream = below(3) === 0 ? 'stderr' : 'stdout';
      const part = `${i} ${'x'.repeat(below(60))}`;
      const whole = below(4) > 0 || i > 11_990;
      text += cri(stream, whole ? 'F' : 'P', part);
      open[stream] = (open[stream] ?? '') + part;
      if (whole) {
        expected[stream]!.push(open[stream]);
        delete open[stream];
      }
    }
    text += cri('stdout', 'F', '') + cri('stderr', 'F', '');
    for (const stream of ['stdout', 'stderr']) expected[stream]!.push(open[stream] ?? '');
    writeFileSync(bench.path('a.log'), text.slice(0, text.length / 2));
    const out = await bench.start({ format: 'cri' });
    out.gaps = true;
    await setTimeout(round * 5);
    appendFileSync(bench.path('a.log'), text.slice(text.length / 2));
    await out.count(expected.stdout!.length + expected.stderr!.length);
    const of = (flag: number) => out.lines.filter((l) => l.flags & flag).map((l) => l.text);
    assert.deepEqual(of(STDOUT), expected.stdout);
    assert.deepEqual(of(STDERR), expected.stderr);
    let end = 0;
    for (const line of out.lines) {
      assert.equal(line.offset - line.skipped, end);
      end = line.offset + line.length;
    }
    assert.equal(end, text.length);
    await bench.stop();
  }
});

test('the rest of a line that was cut stays no line, also while a record of the other stream is open', async (t) => {
  const bench = new Bench(t);
  const part = cri('stderr', 'P', 'x'.repeat(16_000));
  const multiline = { start: '^#', continue: undefined, end: undefined, max_lines: 500, max_bytes: 262_144 };
  writeFileSync(bench.path('a.log'), `${cri('stdout', 'F', '#0')}${part.repeat(75)}`);
  const out = await bench.start({
    format: 'cri',
    max_line: 65_536,
    multiline: { ...multiline, timeout: 600_000 },
  } as Partial<TailOptions['input']>);
  out.gaps = true;
  await out.count(2);
  appendFileSync(bench.path('a.log'), cri('stdout', 'F', '#1') + part + cri('stderr', 'F', 'rest'));
  await setTimeout(400);
  appendFileSync(bench.path('a.log'), cri('stdout', 'F', 'a') + cri('stdout', 'F', '#2') + cri('stderr', 'F', '#3'));
  await out.count(3);
  appendFileSync(bench.path('a.log'), cri('stdout', 'F', '#4') + cri('stderr', 'F', '#5'));
  await out.count(5);
  assert.deepEqual(
    out.texts().map((text) => text.slice(0, 10)),
    ['#0', 'x'.repeat(10), '#1\na', '#2', '#3'],
  );
});

for (const behind of [true, false]) {
  const when = behind ? 'that was read before' : 'and more of it was written';
  test(`rotated in the midst of a line that was cut, ${when}: the new file's lines are its own`, async (t) => {
    const bench = new Bench(t);
    const part = cri('stdout', 'P', 'x'.repeat(16_000));
    writeFileSync(bench.path('a.log'), cri('stdout', 'F', 'first') + part.repeat(75));
    const out = await bench.start({ format: 'cri', max_line: 65_536 });
    out.gaps = true;
    await out.count(2);
    await setTimeout(200);
    const release = out.block();
    if (!behind) appendFileSync(bench.path('a.log'), part);
    renameSync(bench.path('a.log'), bench.path('a.old'));
    const [rest, next] = [part + cri('stdout', 'F', 'rest'), cri('stdout', 'F', 'next')];
    writeFileSync(bench.path('a.log'), rest + next);
    await setTimeout(300);
    release();
    await out.count(4);
    const { id } = out.lines[3]!;
    assert.notEqual(id, out.lines[0]!.id);
    assert.deepEqual(
      out.lines.slice(2).map((l) => [l.text.slice(-4), l.id, l.offset, l.length, l.skipped]),
      [
        ['rest', id, 0, rest.length, 0],
        ['next', id, rest.length, next.length, 0],
      ],
    );
  });
}

for (const format of ['cri', 'docker'] as const) {
  test(`${format}: the rest of a line that was cut stays no line over restarts, in the midst of it and at its end`, async (t) => {
    const bench = new Bench(t);
    const line = (stream: string, text: string, whole: boolean) =>
      format === 'cri' ? cri(stream, whole ? 'F' : 'P', text) : docker(stream, whole ? `${text}\n` : text);
    const input = { format, max_line: 20_000 };
    let text = '';
    const write = (more: string) => {
      appendFileSync(bench.path('a.log'), more);
      text += more;
    };
    const part = line('stdout', 'x'.repeat(16_000), false);
    write(part.repeat(80));
    let out = await bench.start(input);
    out.gaps = true;
    const restart = async (more: string, lines: number) => {
      await bench.stop();
      write(more);
      out = await bench.start(input, false);
      await read();
      assert.equal(out.lines.length, lines);
    };
    const read = () => until('it is read', () => bench.source.files()[0]?.position === text.length);
    await read();
    // Only of the rest; then a record of the other stream, while the rest goes on; then its end.
    await restart(part.repeat(3), 1);
    await restart(part.repeat(70) + line('stderr', 'e', true) + part, 2);
    await restart(part + line('stdout', 'end', true) + line('stdout', 'next', true), 3);
    await restart(line('stdout', 'after', true), 4);
    assert.deepEqual(
      out.lines.map((l) => [l.text.slice(0, 5), l.flags & TRUNCATED]),
      [
        ['xxxxx', TRUNCATED],
        ['e', 0],
        ['next', 0],
        ['after', 0],
      ],
    );
    assert.equal(out.lines[3]!.offset + out.lines[3]!.length, text.length);
    assert.deepEqual([...bench.account.losses], []);
  });
}

test('after a restart, too, what follows a part that went out by itself is a record', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), cri('stdout', 'P', 'a'));
  let out = await bench.start({ format: 'cri' });
  await out.count(1);
  await bench.stop();
  appendFileSync(bench.path('a.log'), cri('stdout', 'F', 'b'));
  out = await bench.start({ format: 'cri' }, false);
  await out.count(2);
  assert.deepEqual(out.texts(), ['a', 'b']);
});
