/** docs/audit.md: the independent verifier finds what ours finds. */
// Slow: starts Python, and installs a package of it where it is missing.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadConfig } from '../../../src/options.ts';
import { verifyAudit } from '../../../src/verify/audit/audit.ts';
import { ExportFile } from '../../../src/verify/audit/export-file.ts';
import { type MadeRecord, MadeStream, madeKey, writeMade } from '../../support/audit-records.ts';
import { pythonPackages } from '../../support/python-packages.ts';

const TEXT = readFileSync(new URL('../../../docs/audit.md', import.meta.url), 'utf8');
const program = /```python\n([\s\S]*?)```/.exec(TEXT)![1]!;
const dir = mkdtempSync(join(tmpdir(), 'runnel-audit-docs-'));
after(() => rmSync(dir, { recursive: true }));
const file = join(dir, 'export.ndjson');
const script = join(dir, 'verify.py');
writeFileSync(script, program);

const has = spawnSync('python3', ['-c', 'import cryptography']).status === 0;
const packages = has ? { folder: '' } : pythonPackages('cryptography-48', ['cryptography==48.0.0']);
const skip = 'missing' in packages && `NOT TESTED: ${packages.missing}`;

function python(...keys: string[]): { status: number | null; stdout: string } {
  const env = { ...process.env, ...('folder' in packages && packages.folder && { PYTHONPATH: packages.folder }) };
  const { status, stdout, stderr } = spawnSync('python3', [script, file, ...keys], { encoding: 'utf8', env });
  assert.equal(stderr, '');
  return { status, stdout };
}

test('the verifier is forty lines of code at most', () => {
  const lines = program.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  assert.ok(lines.length <= 40, `${lines.length} lines`);
});

test('its configurations are valid', async () => {
  const blocks = [...TEXT.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text!);
  assert.ok(blocks.length >= 2);
  for (const text of blocks) {
    writeFileSync(join(dir, 'runnel.yaml'), text);
    await loadConfig(join(dir, 'runnel.yaml'), { env: {} });
  }
});

test('it says complete where we do, and finds whatever we find', { skip }, async () => {
  const stream = new MadeStream('orders');
  const whole = stream.run(30);
  whole.push(stream.event('ä “quoted”'), stream.seal({ next: 2 }), stream.seal(), ...stream.run(10));
  const backup = new MadeStream('orders');
  for (let i = 0; i < 5; i++) backup.event();
  const flip = (record: MadeRecord, at: number) => {
    const value = Buffer.from(record.value);
    value[at]! ^= 1;
    return { ...record, value };
  };
  const check = async (records: readonly MadeRecord[], fine: boolean, ...keys: string[]) => {
    writeMade(file, records);
    const source = new ExportFile(file);
    const report = await verifyAudit({ source, pinned: keys, stream: null, anyStart: false, unsealedFor: 0 });
    const { status, stdout } = python(...keys);
    assert.deepEqual([report.result === 'complete', status], [fine, fine ? 0 : 1], stdout);
    return stdout;
  };
  const first = madeKey(1).key;
  assert.equal(await check(whole, true, first), '1 streams, 41 records, 0 faults\n');
  await check(whole, false, madeKey(3).key);
  assert.match(await check(whole.with(4, flip(whole[4]!, 60)), false, first), /^0123456789abcdef 5 changed$/m);
  await check(whole.with(10, flip(whole[10]!, 200)), false, first);
  await check(whole.with(3, whole[4]!).with(4, whole[3]!), false, first);
  await check(whole.toSpliced(4, 1), false, first);
  await check(whole.slice(1), false, first);
  await check(whole.slice(0, -1), false, first);
  await check(whole.toSpliced(10, 1), false, first);
  await check(whole.toSpliced(33, 1), false, first);
  await check(whole.toSpliced(8, 0, backup.event('restored')), false, first);
  await check([...whole.slice(0, -1), new MadeStream('orders', { key: 9 }).run(1)[1]!], false, first);
  const other = new MadeStream('payments', { id: 'fedcba9876543210', key: 8 });
  const others = [...other.run(10), other.event(), other.seal({ next: 9 }), ...other.run(10)];
  await check([...others, ...whole], true, first, madeKey(8).key);
  stream.keyNumber = 9;
  await check([...others, ...whole, ...stream.run(10)], false, first, madeKey(8).key);
});
