/** Directories in which so much happens that listening to it would cost more than the lines: they are polled for a while. */
// Slow: what is tried again has to come round.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Watcher } from '../../../src/sources/tail/find/watch.ts';
import { Bench } from '../../support/tail.ts';
import { until } from '../../support/until.ts';

/** Counts the directories that are listened to, by their watches. */
function countWatches(t: TestContext): { set: number; now: number } {
  const count = { set: 0, now: 0 };
  const { watch } = Watcher.prototype;
  t.mock.method(Watcher.prototype, 'watch', function (this: Watcher, directory: string) {
    const close = watch.call(this, directory);
    if (typeof close !== 'function') return close;
    count.set++;
    count.now++;
    return () => {
      count.now--;
      close();
    };
  });
  return count;
}

/** Writes lines, each with a write call of its own, from another process, until it is told to stop; gives their number. */
function writeLines(t: TestContext, path: string): { stop(): Promise<number> } {
  const code = `const fs = require('fs'); const fd = fs.openSync(${JSON.stringify(path)}, 'a'); let i = 0;
    const write = () => { for (const end = i + 50; i < end; i++) { fs.writeSync(fd, 'hot ' + i + '\\n'); fs.statSync('/'); } };
    const timer = setInterval(write, 1);
    process.stdin.on('data', () => { clearInterval(timer); process.stdout.write(String(i)); process.stdin.pause(); });`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  return {
    async stop() {
      child.stdin.end('stop');
      await once(child, 'exit');
      return Number(said);
    },
  };
}

test('a busy directory is not listened to for a while; every line of old and new files comes, and then it is again', async (t) => {
  const watches = countWatches(t);
  const bench = new Bench(t);
  writeFileSync(bench.path('quiet.log'), 'quiet\n');
  const output = await bench.start();
  await output.count(1);
  assert.deepEqual(watches, { set: 1, now: 1 });

  const writing = writeLines(t, bench.path('hot.log'));
  await until('it is busy', () => watches.now === 0, 60_000);
  writeFileSync(bench.path('new.log'), 'new\n');
  await until('a new file is found', () => output.texts(bench.path('new.log')).length === 1, 2000);
  appendFileSync(bench.path('quiet.log'), 'more\n');
  await until('a quiet file is seen', () => output.texts(bench.path('quiet.log')).length === 2, 2000);
  const lines = await writing.stop();
  await output.count(lines + 3);
  assert.deepEqual(
    output.texts(bench.path('hot.log')),
    Array.from({ length: lines }, (_, i) => `hot ${i}`),
  );
  await until('it is listened to again', () => watches.now === 1, 60_000);
  appendFileSync(bench.path('quiet.log'), 'at last\n');
  await output.count(lines + 4);
});

test('at every moment of the change-over, every line and every new file comes', async (t) => {
  const watches = countWatches(t);
  const bench = new Bench(t);
  const output = await bench.start();
  const fds: number[] = [];
  const expected: string[] = [];
  let newest = 0;
  // Two files in turn: events of one file alone are merged.
  const write = () => {
    const i = expected.length;
    if (i % 500 === 0) newest++;
    const file = i % 2 === 0 ? newest : 0;
    fds[file] ??= openSync(bench.path(`${file}.log`), 'a');
    const line = `line ${i}`;
    writeSync(fds[file]!, `${line}\n`);
    expected.push(line);
  };
  for (let round = 0; round < 2; round++) {
    const { set } = watches;
    await until('it is busy', () => {
      for (let i = 0; i < 100; i++) write();
      return watches.now === 0;
    });
    for (let i = 0; i < 500; i++) {
      write();
      await setImmediate();
    }
    await until(
      'it is listened to again',
      () => {
        write();
        return watches.set > set;
      },
      60_000,
    );
    write();
    // Not only by the regular look at every file.
    await until('all lines have come', () => output.lines.length === expected.length, 5000);
  }
  for (const fd of fds) closeSync(fd);
  const number = (text: string) => Number(text.slice(5));
  assert.deepEqual(
    output.texts().sort((a, b) => number(a) - number(b)),
    expected,
  );
});
