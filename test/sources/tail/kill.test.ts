// Slow: starts processes and kills them.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Bench } from '../../support/tail.ts';
import { until } from '../../support/until.ts';

const agent = fileURLToPath(new URL('../../support/tail-agent.ts', import.meta.url));
const KILLS = Number(process.env.RUNNEL_KILLS ?? 10);

function linesOf(result: string): string[] {
  // A kill may leave the last line of the result torn.
  return existsSync(result) ? readFileSync(result, 'latin1').split('\n').slice(0, -1) : [];
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

test(`killed with -9 ${KILLS} times under load: nothing is lost, ids and offsets stay`, async (t) => {
  const bench = new Bench(t);
  const result = join(bench.data, 'result');
  let number = 0;
  let turn = 0;
  const write = () => {
    let text = '';
    for (let i = 0; i < 500; i++) text += `${number++}\n`;
    appendFileSync(bench.path('a.log'), text);
    if (number % 20_000 === 0) renameSync(bench.path('a.log'), bench.path(`a.log.${turn++}`));
  };
  const start = () => spawn(process.execPath, [agent, bench.logs, bench.data, result, '50'], { stdio: 'ignore' });
  for (let i = 0; i < KILLS; i++) {
    const child = start();
    const before = linesOf(result).length;
    // A new one has to get somewhere now and then, or it proves nothing.
    for (let n = 0; linesOf(result).length === before && n < 500; n++) {
      write();
      await setTimeout(10);
    }
    for (let n = 0; n < (i * 7) % 30; n++) {
      write();
      await setTimeout(3);
    }
    await kill(child);
  }
  const child = start();
  const seen = new Map<string, string>();
  await until('all lines', () => new Set(linesOf(result).map((l) => l.split(' ')[3])).size >= number, 30_000);
  await kill(child);
  for (const line of linesOf(result)) {
    const [id, offset, length, text] = line.split(' ');
    // What a kill tore off, with the next process's first line behind it.
    if (text === undefined || id!.length !== 16 || Number(length) !== text.length + 1) continue;
    // A kill may have torn the line before within its id.
    const place = `${id!.slice(-16)} ${offset}`;
    assert.equal(seen.get(text) ?? place, place, 'a line that comes twice has the same id and offset');
    seen.set(text, place);
  }
  for (let i = 0; i < number; i++) assert.ok(seen.has(String(i)), `line ${i} is lost`);
});

test('killed with -9 and rotated several times while down: each line has one id and offset, whatever was settled', async (t) => {
  const bench = new Bench(t);
  const result = join(bench.data, 'result');
  let number = 0;
  let turn = 0;
  const write = () => {
    for (let i = 0; i < 200; i++) appendFileSync(bench.path('a.log'), `${number++}\n`);
  };
  const texts = () => new Set(linesOf(result).map((line) => line.split(' ')[3]));
  write();
  for (let i = 0; i < 6; i++) {
    // Nothing is settled before the kill, or all is; then no glob names what is rotated.
    const delay = i % 2 === 0 ? '100000' : '0';
    const options = [agent, bench.logs, bench.data, result, delay, 'a.log'];
    const child = spawn(process.execPath, options, { stdio: 'ignore' });
    await until('all lines', () => texts().size >= number);
    await kill(child);
    for (let n = 0; n < 3; n++) {
      renameSync(bench.path('a.log'), bench.path(`a.log.${turn++}`));
      await setTimeout(10);
      write();
    }
  }
  const places = new Map<string, string>();
  for (const line of linesOf(result)) {
    const [id, offset, , text] = line.split(' ');
    assert.equal(places.get(text!) ?? `${id} ${offset}`, `${id} ${offset}`);
    places.set(text!, `${id} ${offset}`);
  }
});

test('killed with -9 in the middle of compressed files: nothing is lost, ids and offsets stay', async (t) => {
  const bench = new Bench(t);
  const result = join(bench.data, 'result');
  const lines = 400_000;
  for (const name of ['a', 'b']) {
    let text = '';
    for (let i = 0; i < lines; i++) text += `${name}${i}\n`;
    writeFileSync(bench.path(`${name}.gz`), gzipSync(text));
  }
  const start = () => spawn(process.execPath, [agent, bench.logs, bench.data, result, '5'], { stdio: 'ignore' });
  const size = () => (existsSync(result) ? statSync(result).size : 0);
  for (let i = 0; i < KILLS; i++) {
    const child = start();
    const before = size();
    await until('some lines', () => size() > before, 30_000);
    await setTimeout((i * 7) % 30);
    await kill(child);
  }
  const child = start();
  await until(
    'all lines',
    () =>
      linesOf(result).length >= lines * 2 &&
      linesOf(result)
        .at(-1)!
        .endsWith(`${lines - 1}`),
    60_000,
  );
  await kill(child);
  const seen = new Map<string, string>();
  let twice = 0;
  for (const line of linesOf(result)) {
    const [id, offset, length, text] = line.split(' ');
    if (text === undefined || Number(length) !== text.length + 1) continue;
    // A kill may have torn the line before within its id.
    const place = `${id!.slice(-16)} ${offset}`;
    if (seen.has(text)) twice++;
    assert.equal(seen.get(text) ?? place, place, 'a line that comes twice has the same id and offset');
    seen.set(text, place);
  }
  assert.equal(seen.size, lines * 2);
  // What was under way at a kill, not what was read before.
  assert.ok(twice < KILLS * 50_000, `${twice} lines came twice`);
});

test('more files than the process may open: each line once', async (t) => {
  const bench = new Bench(t);
  const result = join(bench.data, 'result');
  for (let i = 0; i < 200; i++) writeFileSync(bench.path(`${i}.log`), `${i} first\n`);
  const command = `ulimit -n 100; exec ${process.execPath} ${agent} ${bench.logs} ${bench.data} ${result}`;
  const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(() => kill(child));
  await until('the first lines', () => linesOf(result).length >= 200);
  for (let i = 0; i < 200; i++) appendFileSync(bench.path(`${i}.log`), `${i} second\n`);
  await until('the second lines', () => linesOf(result).length >= 400);
  await setTimeout(100);
  assert.equal(linesOf(result).length, 400);
});

test('data_dir is full: lines go on, positions are stored when there is room', async (t) => {
  const bench = new Bench(t);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', bench.data]).status === 0;
  if (!mounted) return t.skip('needs the right to mount');
  try {
    let out = await bench.start();
    writeFileSync(bench.path('a.log'), '1\n');
    await out.count(1);
    await bench.positions.written();
    assert.throws(() => writeFileSync(join(bench.data, 'filler'), Buffer.alloc(1 << 20)), /ENOSPC/);
    const journal = join(bench.data, 'positions');
    // The page that the journal has already takes 4096 bytes; one more entry needs another.
    for (let i = 2; i <= 70; i++) {
      appendFileSync(bench.path('a.log'), `${i}\n`);
      await out.count(i);
      await bench.positions.written();
    }
    assert.equal(readFileSync(journal).length, 4096);
    rmSync(join(bench.data, 'filler'));
    await until('stored', () => readFileSync(journal).length > 4096);
    await bench.stop();
    appendFileSync(bench.path('a.log'), 'last\n');
    out = await bench.start();
    await out.count(1);
    assert.deepEqual(out.texts(), ['last']);
    await bench.stop();
  } finally {
    spawnSync('umount', [bench.data]);
  }
});
