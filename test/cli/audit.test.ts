/** `runnel audit verify` of exports: exit codes, what is printed. */
// Slow: starts programs.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { AuditReport } from '../../src/verify/audit/audit.ts';
import { runnel } from '../support/agent.ts';
import { MadeStream, madeKey, writeMade } from '../support/audit-records.ts';

const dir = mkdtempSync(join(tmpdir(), 'runnel-audit-'));
after(() => rmSync(dir, { recursive: true }));
const file = join(dir, 'export.ndjson');
const whole = new MadeStream('orders').run(30);

const filesOf = (name: string) => readdirSync(dir).filter((file) => file.startsWith(name));

test('complete, and said so', async () => {
  writeMade(file, whole);
  const { code, stdout } = await runnel('audit', 'verify', '--file', file);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^complete: orders \(id 0123456789abcdef\): numbers 1 to 30, 30 records, sealed to 30 by 3 seals, the last at 2026-12-01T07:00:00\.033Z$/m,
  );
  assert.match(stdout, new RegExp(`no key is pinned.*\n  ${madeKey(1).key}\ncomplete\n$`));
});

test('what is wrong, for people and for scripts', async () => {
  writeMade(file, whole.toSpliced(4, 3));
  const told = await runnel('audit', 'verify', '--file', file);
  assert.equal(told.code, 1);
  assert.match(told.stdout, /^ {2}! records are missing\n {2}missing: 5 to 7$/m);
  const { code, stdout } = await runnel('audit', 'verify', '--file', file, '--json');
  assert.equal(code, 1);
  const { result, streams } = JSON.parse(stdout) as AuditReport;
  assert.equal(result, 'incomplete');
  const { stream, id, from, to, count, findings } = streams[0]!;
  assert.deepEqual(
    { stream, id, from, to, count, findings },
    {
      stream: 'orders',
      id: '0123456789abcdef',
      from: 1,
      to: 30,
      count: 27,
      findings: [{ kind: 'missing', from: 5, to: 7 }],
    },
  );
});

test('an export whose end no seal covers is not complete, a stream that goes on may be', async () => {
  writeMade(file, whole.slice(0, -1));
  const strict = await runnel('audit', 'verify', '--file', file);
  assert.equal(strict.code, 1);
  assert.match(strict.stdout, /unsealed: 21 to 30/);
  const { code, stdout } = await runnel('audit', 'verify', '--file', file, '--unsealed-for', '365d');
  assert.equal(code, 0);
  assert.match(stdout, /! from 21 on they wait for their seal/);
});

test('a key that is pinned', async () => {
  writeMade(file, whole);
  const keys = join(dir, 'keys');
  writeFileSync(keys, `${madeKey(1).key}\n`);
  const right = await runnel('audit', 'verify', '--file', file, '--key', keys);
  assert.equal(right.code, 0);
  assert.doesNotMatch(right.stdout, /no key is pinned/);
  writeFileSync(keys, `${madeKey(2).key}\n`);
  const other = await runnel('audit', 'verify', '--file', file, '--key', keys);
  assert.equal(other.code, 1);
  assert.match(other.stdout, /to which no pinned key leads/);
});

test('nothing that could be judged is undecided', async () => {
  writeFileSync(file, '');
  const { code, stdout } = await runnel('audit', 'verify', '--file', file);
  assert.equal(code, 3);
  assert.match(stdout, /no audit record was found/);
});

test('an export has its name when it is whole, and what was there stays', async () => {
  const path = join(dir, 'new.ndjson');
  const exported = () =>
    runnel('audit', 'export', '--brokers', '127.0.0.1:1', '--topic', 't', '--timeout', '1', '--file', path);
  assert.equal((await exported()).code, 1);
  assert.deepEqual(filesOf('new.ndjson'), [], 'it could not be read to its end');
  // As a process that was killed leaves it.
  writeFileSync(`${path}.part`, 'a part');
  const { code, stderr } = await exported();
  assert.equal(code, 2);
  assert.match(stderr, /EEXIST.*new\.ndjson\.part/);
  writeFileSync(path, 'another');
  assert.match((await exported()).stderr, /new\.ndjson exists already/);
  assert.deepEqual(filesOf('new.ndjson'), ['new.ndjson', 'new.ndjson.part']);
});

test('the keys of an agent, as --key reads them', async () => {
  const config = join(dir, 'runnel.yaml');
  writeFileSync(config, `data_dir: ${dir}/data\nkafka: {brokers: []}\n`);
  const none = await runnel('audit', 'key', '-c', config);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /cannot read the keys: ENOENT.*when an agent/);
  mkdirSync(join(dir, 'data/audit'), { recursive: true });
  const kept = { key: madeKey(1).key, from: '2026-12-01T07:00:00.000Z', to: null };
  writeFileSync(join(dir, 'data/audit/keys.json'), JSON.stringify({ format: 1, current: kept.key, keys: [kept] }));
  const { code, stdout } = await runnel('audit', 'key', '-c', config);
  assert.equal(code, 0);
  assert.equal(stdout, `${JSON.stringify({ keys: [kept] })}\n`);
  const keys = join(dir, 'keys.json');
  writeFileSync(keys, stdout);
  writeMade(file, whole);
  assert.equal((await runnel('audit', 'verify', '--file', file, '--key', keys)).code, 0);
});

test('wrong usage', async () => {
  const check = async (args: string[], expected: RegExp) => {
    const { code, stdout, stderr } = await runnel('audit', 'verify', ...args);
    assert.equal(code, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, expected);
  };
  writeMade(file, whole);
  await check(['--file', join(dir, 'none')], /cannot read the export: ENOENT/);
  await check(['--file', dir], /cannot read the export: EISDIR/);
  await check(['--file', file, '--key', join(dir, 'none')], /cannot read the keys: ENOENT/);
  await check(['--file', file, '--key', file], /is no JSON/);
  await check(['--file', file, '--unsealed-for', 'long'], /--unsealed-for .*"long"/);
  await check(['--brokers', '127.0.0.1:1'], /no topic/);
  await check(['--file', file, '--brocken'], /unknown option/);
});
