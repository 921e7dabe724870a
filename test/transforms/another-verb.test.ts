/** A verb is its file and a line of the table: added to a copy of the sources it is there for users, and nothing else changes. */
// Slow: runs programs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');

const DROP_SHORT = `/** \`drop_short\`: lines of fewer bytes are dropped. */
import { optional } from '../config/option.ts';
import { integer } from '../config/types.ts';
import type { Verb } from './verb.ts';

export const dropShort: Verb<number> = {
  name: 'drop_short',
  option: optional(integer(1, 1000), 'Lines of fewer bytes are dropped.'),
  step: (least, { kernel }) => (batch) => {
    const { starts, ends } = batch.slot;
    const long = Uint8Array.from({ length: batch.count }, (_, i) => Number(ends[i]! - starts[i]! >= least));
    batch.count = kernel.select(batch.slot, batch.count, long, 1, batch.rows);
  },
};
`;

test('a verb is its file and a line of the table', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-verb-'));
  t.after(() => rmSync(dir, { recursive: true }));
  cpSync(join(ROOT, 'src'), join(dir, 'src'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(dir, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  writeFileSync(join(dir, 'src/transforms/drop-short.ts'), DROP_SHORT);
  const table = join(dir, 'src/transforms/all.ts');
  const text = readFileSync(table, 'utf8')
    .replace('import { keep }', "import { dropShort } from './drop-short.ts';\nimport { keep }")
    .replace(/= \[/, '= [dropShort, ');
  writeFileSync(table, text);
  const config = join(dir, 'runnel.yaml');
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(dir, 'src/main.ts'), ...args, '-c', config], { encoding: 'utf8' });
  const configure = (step: object) =>
    writeFileSync(config, JSON.stringify({ logs: [{ name: 'app', include: '/var/log/a.log', process: [step] }] }));
  configure({ drop_short: 5 });
  const results = ['four', 'fives'].map((line) => JSON.parse(run('explain', 'log', '/var/log/a.log', line).stdout));
  assert.deepEqual(
    results.map(({ steps, value }) => [steps, value?.message]),
    [
      [[{ step: 1, verb: 'drop_short', result: 'dropped', fields: {} }], undefined],
      [[{ step: 1, verb: 'drop_short', result: 'ok', fields: { message: 'fives' } }], 'fives'],
    ],
  );
  configure({ drop_short: 0 });
  assert.match(run('validate').stderr, /logs\[0\].process\[0\].drop_short must be from 1 to 1000/);
  configure({ drop_shor: 5 });
  assert.match(run('validate').stderr, /unknown key drop_shor in logs\[0\].process: did you mean drop_short\?/);
});
