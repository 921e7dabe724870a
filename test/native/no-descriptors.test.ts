/** What starts programs where no descriptor is left: that run fails, and the next one that can goes on. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { folder } from '../support/custom-checks.ts';

const source = (path: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../src', path)));
/** Takes all, and gives them back. */
const TAKE = `
import { closeSync, openSync } from 'node:fs';
const taken = [];
function takeAll() { try { for (;;) taken.push(openSync('/dev/null')); } catch {} }
function giveBack() { for (const fd of taken.splice(0)) closeSync(fd); }
`;

/** What it prints, as JSON; it must end by itself. */
function limited(program: string): unknown {
  const args = ['-c', 'ulimit -n 64; exec "$0" --input-type=module -e "$1"', process.execPath, TAKE + program];
  const { status, stdout, stderr } = spawnSync('sh', args, { encoding: 'utf8', timeout: 30_000 });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

test('checks: programs and modules', async (t) => {
  const path = join(await folder(t), 'm.js');
  writeFileSync(path, "export default { run({ gauge }) { gauge('a', 7); } };");
  const said = limited(`
    await Promise.all([import(${source('checks/custom/modules.ts')}), import(${source('checks/custom/exec.ts')})]);
    const { CustomRunner } = await import(${source('checks/custom/runner.ts')});
    const make = (check) => new CustomRunner({ name: 'x', tags: {}, timeout: 20000, max_series: 10, ...check });
    const checks = [
      make({ type: 'module', path: ${JSON.stringify(path)} }),
      make({ type: 'exec', command: ['/bin/echo', '[]'], parse: 'json' }),
    ];
    const errors = async () => {
      await Promise.all(checks.map((check) => check.run(20000)));
      return checks.map(({ status }) => status.last_error);
    };
    takeAll();
    const before = await errors();
    giveBack();
    console.log(JSON.stringify([before, await errors()]));
    process.exit();
  `) as (string | null)[][];
  assert.match(said[0]![0]!, /^spawn \S+ EMFILE$/);
  assert.match(said[0]![1]!, /^\/bin\/echo: spawn \S+ EMFILE$/);
  assert.deepEqual(said[1], [null, null]);
});

test('alerts: a program is tried again', () => {
  const said = limited(`
    const { exec } = await import(${source('alerts/notify/exec.ts')});
    const alert = { rule: 'hot', action: 'firing', severity: 'critical', labels: {}, prometheus: {}, host: 'a', summary: '' };
    const tell = () => exec(['/bin/true'], 'r', 10000).tell(
      { id: 1, receiver: 'r', rule: 'hot', at: 0, alerts: [{ ...alert, start: 0, end: null }] }, new AbortController().signal);
    takeAll();
    const before = await tell();
    giveBack();
    console.log(JSON.stringify([before, await tell()]));
    process.exit();
  `) as { done: unknown; error?: string }[];
  assert.equal(said[0]!.done, false);
  assert.match(said[0]!.error!, /^cannot run \/bin\/true: spawn \S+ EMFILE$/);
  assert.deepEqual(said[1], { done: true });
});
