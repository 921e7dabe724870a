/** Which directories are looked into, however they are linked, named and nested; and what is bounded there. */
// Slow: makes thousands of files.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { Bench, said } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

/** A bench with these files, each of which says its own name. */
function benchWith(t: TestContext, ...names: string[]): Bench {
  const bench = new Bench(t);
  for (const name of names) write(bench, name);
  return bench;
}

function write(bench: Bench, name: string): void {
  mkdirSync(bench.path(name).replace(/[^/]*$/, ''), { recursive: true });
  appendFileSync(bench.path(name), `${name}\n`);
}

/** To be called before the start; what it gives waits until all was gone over once more: only then that is found. */
function probe(bench: Bench): () => Promise<void> {
  symlinkSync('../probe', bench.path('probe.log'));
  return async () => {
    writeFileSync(bench.path('../probe'), 'probe\n');
    await until('found', () => bench.output.texts().includes('probe'));
  };
}

const often = { round: 2 };
/** Makes many files quick to make there, where this user may; on a disk the test does as well. */
function quick(bench: Bench, name: string): void {
  bench.mount(bench.path(name), '50m');
}

const everywhere = (bench: Bench) => ({ include: [`${bench.logs}/**/*.log`] });

test('directories that link to each other are looked into once, under their own names', async (t) => {
  const bench = new Bench(t);
  const packages = Array.from({ length: 12 }, (_, i) => `p${i}`);
  for (const name of packages) write(bench, `packages/${name}/debug.log`);
  for (const name of packages) {
    mkdirSync(bench.path(`packages/${name}/modules`));
    for (const other of packages) symlinkSync(`../../${other}`, bench.path(`packages/${name}/modules/${other}`));
  }
  symlinkSync('.', bench.path('self'));
  symlinkSync('..', bench.path('packages/up'));
  symlinkSync(bench.logs, bench.path('packages/p1/top'));
  const out = await bench.start(everywhere(bench), true, often);
  await out.count(packages.length);
  appendFileSync(bench.path('packages/p3/debug.log'), 'more\n');
  write(bench, 'packages/p3/new/new.log');
  await out.count(packages.length + 2);
  assert.equal(new Set(out.texts()).size, packages.length + 2);
  for (const { path, text } of out.lines) if (text !== 'more') assert.equal(path, bench.path(text));
});

test('what only a link leads to is read by the path of the link, also one that comes later', async (t) => {
  const bench = benchWith(t, 'app/1/a.log');
  mkdirSync(bench.path('in'));
  symlinkSync('../app/1', bench.path('in/current'));
  const out = await bench.start({ include: [`${bench.logs}/in/**/*.log`] });
  await out.count(1);
  assert.equal(out.lines[0]!.path, bench.path('in/current/a.log'));
  write(bench, 'app/2/a.log');
  symlinkSync('../app/2', bench.path('in/next'));
  await out.count(2);
  renameSync(bench.path('in/next'), bench.path('in/current'));
  appendFileSync(bench.path('app/2/a.log'), 'more\n');
  await out.count(3);
  assert.deepEqual(out.texts(), ['app/1/a.log', 'app/2/a.log', 'more']);
});

test('a pattern that looks for different things in one directory finds all of them', async (t) => {
  const bench = benchWith(t, 'a/x.log', 'a/a/y.txt', 'b/z.txt');
  symlinkSync('.', bench.path('a/up'));
  const out = await bench.start({
    include: [`${bench.logs}/*/*.log`, `${bench.logs}/a/*/*/y.txt`, `${bench.logs}/{b,c}/../{a,b}/z.txt`],
  });
  await out.count(3);
  assert.deepEqual(out.texts().toSorted(), ['a/a/y.txt', 'a/x.log', 'b/z.txt']);
  assert.deepEqual(out.lines.map(({ path }) => path).toSorted(), [
    bench.path('a/up/a/y.txt'),
    bench.path('a/x.log'),
    bench.path('b/z.txt'),
  ]);
});

test('two dots behind a link, a wildcard or a list are those of the system', async (t) => {
  const bench = benchWith(t, 'far/away/x.log', 'far/near/y.log', 'near/z.log');
  symlinkSync('far/away', bench.path('link'));
  const out = await bench.start({
    include: [`${bench.logs}/link/../near/*.log`, `${bench.logs}/near/../link/*.log`, `${bench.logs}/f*/../near/*.log`],
  });
  await out.count(3);
  assert.deepEqual(out.texts().toSorted(), ['far/away/x.log', 'far/near/y.log', 'near/z.log']);
  appendFileSync(bench.path('near/z.log'), 'more\n');
  write(bench, 'far/near/new.log');
  await out.count(5);
});

test('directories are looked into as deep as a path may lead', async (t) => {
  const bench = new Bench(t);
  quick(bench, '');
  let path = bench.logs;
  for (let depth = 1; depth <= 600; depth++) {
    path += '/d';
    mkdirSync(path);
    if (depth === 70 || depth === 600) writeFileSync(`${path}/${depth}.log`, `${depth}\n`);
  }
  const out = await bench.start(everywhere(bench), true, often);
  await out.count(2);
  appendFileSync(`${path}/600.log`, 'more\n');
  await out.count(3);
  assert.deepEqual(out.texts(), ['70', '600', 'more']);
});

test('what no path leads to because it is too deep is said and counted', async (t) => {
  const bench = benchWith(t, 'a.log');
  // By a shorter way than its path.
  const name = 'x'.repeat(200);
  spawnSync('sh', ['-c', `for i in $(seq 30); do mkdir ${name} && cd ${name} || exit 1; done; echo deep > b.log`], {
    cwd: bench.logs,
  });
  t.after(() => spawnSync('rm', ['-rf', bench.path(name)]));
  const lines = await said(async () => {
    const out = await bench.start(everywhere(bench), true, often);
    await out.count(1);
    await until('counted', () => bench.source.left_out.directories > 0);
  });
  assert.equal(lines.filter((line) => /so deep that no path leads there/.test(line)).length, 1);
});

test('what the agent keeps in data_dir is never read, by whatever way it is reached; logs beside it are', async (t) => {
  const bench = new Bench(t);
  for (const dir of ['spool/t-0', 'window', 'dead-letter', 'cache/v26'])
    mkdirSync(`${bench.data}/${dir}`, { recursive: true });
  for (const name of ['spool/t-0/0.log', 'window/t.log', 'dead-letter/x.log', 'cache/v26/y.log', 'lock.log']) {
    writeFileSync(`${bench.data}/${name}`, 'own\n');
  }
  writeFileSync(`${bench.data}/positions.log`, 'own\n');
  mkdirSync(`${bench.data}/app`);
  writeFileSync(`${bench.data}/app/a.log`, 'app\n');
  writeFileSync(`${bench.data}/b.log`, 'beside\n');
  symlinkSync(bench.data, bench.path('link'));
  symlinkSync(`${bench.data}/spool/t-0`, bench.path('deep'));
  symlinkSync(`${bench.data}/spool/t-0/0.log`, bench.path('file.log'));
  symlinkSync(`${bench.data}/positions.log`, bench.path('another.log'));
  const binds = [
    [bench.data, 'bound'],
    [`${bench.data}/spool`, 'spool'],
    [`${bench.data}/dead-letter`, 'dead'],
  ] as const;
  const mounted = binds.filter(([from, to]) => bench.bind(from, to)).length;
  if (mounted < binds.length) t.diagnostic('NOT TESTED: bind mounts, which this user may not make');
  write(bench, 'c.log');
  const round = probe(bench);
  const dirs = [
    `${bench.logs}/**/*.log`,
    `${bench.logs}/link/spool/*/*.log`,
    `${bench.data}/**/*.log`,
    `${bench.data}/*`,
  ];
  const out = await bench.start({ include: dirs }, true, often);
  await out.count(3);
  writeFileSync(`${bench.data}/dead-letter/new.log`, 'own\n');
  writeFileSync(`${bench.data}/runnel.sock.log`, 'own\n');
  writeFileSync(`${bench.data}/spool/t-0/1.log`, 'own\n');
  write(bench, 'd.log');
  await out.count(4);
  await round();
  assert.deepEqual(out.texts().toSorted(), ['app', 'beside', 'c.log', 'd.log', 'probe']);
  assert.equal(bench.source.files_total, 5);
});

test("another agent's data_dir is not read where a wildcard leads there; what is spelled out is", async (t) => {
  const bench = benchWith(t, 'agent/agent.json', 'agent/positions', 'agent/spool/t-0/0.log', 'agent/dead-letter/x.log');
  for (const name of ['agent/app/a.log', 'other/spool/b.log', 'other/positions', 'agent/positions.new'])
    write(bench, name);
  const round = probe(bench);
  const include = [`${bench.logs}/**`, `${bench.logs}/agent/dead-letter/*`];
  const out = await bench.start({ include, exclude: ['*.json'] }, true, often);
  await out.count(4);
  appendFileSync(bench.path('agent/positions'), 'more\n');
  write(bench, 'agent/positions.damaged');
  await round();
  const own = ['agent/app/a.log', 'agent/dead-letter/x.log', 'other/positions', 'other/spool/b.log', 'probe'];
  assert.deepEqual(out.texts().toSorted(), own);
});

test('a wildcard or a link does not lead into what the kernel shows of itself, unless that is spelled out', async (t) => {
  const bench = benchWith(t, 'a.log');
  symlinkSync('/proc', bench.path('proc'));
  symlinkSync('/sys', bench.path('sys'));
  symlinkSync('/proc/self/ns', bench.path('ns'));
  const round = probe(bench);
  const include = [`${bench.logs}/**/{*.log,comm}`, `/proc/${process.pid}/comm`];
  const out = await bench.start({ include }, true, often);
  await out.count(1);
  await round();
  assert.deepEqual(out.texts(), ['a.log', 'probe']);
  assert.equal(bench.source.files_total, 3);
});

test('beyond max_files no more files are read before others are gone, which is said and counted', async (t) => {
  const bench = benchWith(t, 'a.log', 'b.log', 'sub/c.log');
  const input = { ...everywhere(bench), max_files: 3, rotate_wait: 100 };
  const lines = await said(async () => {
    const out = await bench.start(input, true, often);
    await out.count(3);
    for (const name of ['d.log', 'sub/e.log', 'new/f.log']) write(bench, name);
    await until('counted', () => bench.source.left_out.max_files === 3);
  });
  assert.equal(lines.filter((line) => /has 3 files, and no room for .*raise max_files/.test(line)).length, 1);
  assert.equal(bench.source.files_total, 3);
  // What is tracked is rotated as ever.
  renameSync(bench.path('a.log'), bench.path('z.log'));
  appendFileSync(bench.path('z.log'), 'more\n');
  await bench.output.count(4);
  rmSync(bench.path('b.log'));
  await bench.output.count(5);
  await until('counted', () => bench.source.left_out.max_files === 2);
  assert.equal(bench.source.files_total, 3);
});

test('what is beyond max_files at the start is counted before all is gone over again', async (t) => {
  const bench = benchWith(t, 'a.log', 'b.log', 'sub/c.log', 'sub/d.log', 'sub/e.log');
  const out = await bench.start({ ...everywhere(bench), max_files: 3 }, true, { round: 1_000_000 });
  await out.count(3);
  await until('counted', () => bench.source.left_out.max_files === 2);
});

test('so many names that cannot be read, links to one file and links between directories take little memory', async (t) => {
  const bench = new Bench(t);
  const dir = bench.path('many');
  mkdirSync(dir);
  quick(bench, 'many');
  const many = 10_100;
  writeFileSync(`${dir}/a.log`, 'a\n');
  for (let i = 0; i < many; i++) symlinkSync('nowhere', `${dir}/dangling-${i}.log`);
  for (let i = 0; i < 1000; i++) linkSync(`${dir}/a.log`, `${dir}/hard-${i}.log`);
  for (let i = 0; i < many; i++) symlinkSync('..', `${dir}/link-${i}`);
  const lines = await said(async () => {
    const out = await bench.start(everywhere(bench), true, often);
    await out.count(1);
    await until('links are counted', () => bench.source.left_out.directories === many - 10_000);
    // Those that are not remembered by name become readable, too.
    writeFileSync(`${dir}/nowhere`, 'found\n');
    await out.count(2);
  });
  assert.deepEqual(bench.output.texts(), ['a', 'found']);
  assert.equal(lines.filter((line) => /more than 10000 links to directories/.test(line)).length, 1);
  assert.equal(bench.source.files_total, 2);
});

test('of files that are gone no more are remembered than may be there, the latest ones', async (t) => {
  const bench = new Bench(t);
  const lines = await said(async () => {
    const out = await bench.start({ ...everywhere(bench), max_files: 10, rotate_wait: 100 }, true, often);
    for (let i = 0; i < 25; i++) {
      write(bench, `${i}.log`);
      await out.count(i + 1);
      renameSync(bench.path(`${i}.log`), bench.path(`${i}.old`));
    }
    await until('let go', () => bench.source.files_total === 0);
    await until('forgotten', () => bench.positions.all().length <= 10);
  });
  assert.equal(lines.filter((line) => /remembers 10 files that are gone, and forgets the oldest/.test(line)).length, 1);
  assert.ok(bench.positions.all().some(({ path }) => path.endsWith('/24.log')));
  assert.equal(bench.account.losses.size, 0);
});

test('a stop ends a start that has much to look at', async (t) => {
  const bench = benchWith(t, 'a.log');
  symlinkSync('/', bench.path('root'));
  await bench.start({ ...everywhere(bench), start_at: 'end' });
  const before = performance.now();
  await bench.stop();
  assert.ok(performance.now() - before < 5000);
  assert.ok(!bench.positions.started('test'));
});
