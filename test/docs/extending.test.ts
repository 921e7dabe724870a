/** docs/extending.md: its check runs, its transform is the one that is tested, its source too. */
// Slow: starts a program.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runnel } from '../support/agent.ts';
import { blocks, page, ROOT } from '../support/docs-pages.ts';

const PAGE = page('docs/extending.md');
const [check, transform] = blocks(PAGE, 'ts');

test('its check measures what it says', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-extending-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const queue = join(dir, 'mail');
  mkdirSync(queue);
  for (const name of ['a', 'b', 'c']) writeFileSync(join(queue, name), '');
  writeFileSync(join(dir, 'queue.ts'), check!);
  const config = join(dir, 'runnel.yaml');
  const [written] = blocks(PAGE, 'yaml');
  const at = written!.replace('/etc/runnel/checks/queue.ts', join(dir, 'queue.ts')).replace('/var/spool/mail', queue);
  writeFileSync(config, at.replace('most: 100', 'most: 2'));
  const { code, stdout, stderr } = await runnel('check', 'queue', '-c', config, '--json');
  assert.equal(code, 1, stderr);
  const records = JSON.parse(stdout) as { name: string; value: number; attributes: Record<string, string> }[];
  const size = records.find(({ name }) => name === 'mail.queue.size')!;
  assert.deepEqual([size.value, size.attributes], [3, { queue }]);
  assert.equal(records.find(({ name }) => name === 'check.status')!.value, 1);
  writeFileSync(config, at);
  assert.equal((await runnel('check', 'queue', '-c', config, '--json')).code, 0);
});

test('its transform is the one that is added to a copy of the sources in a test', () => {
  const tested = readFileSync(join(ROOT, 'test/transforms/another-verb.test.ts'), 'utf8').replaceAll('\\`', '`');
  assert.ok(tested.includes(transform!), `${transform}`);
});

test('what it says of a source are the functions that an input has', () => {
  const source = readFileSync(join(ROOT, 'src/core/input.ts'), 'utf8');
  const [, open = ''] = /export interface OpenInput[^{]*\{(.*?)\n\}/s.exec(source)!;
  const rows = [...PAGE.text.matchAll(/^\| `(\w+)\(/gm)].map(([, name]) => name!);
  assert.ok(rows.length >= 4);
  for (const name of rows) assert.match(open, new RegExp(`^ {2}${name}\\??\\(`, 'm'), name);
});
