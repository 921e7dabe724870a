/** `runnel validate`: what it says beside errors. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeHome, runnel } from '../support/agent.ts';

test('patterns that name nothing that is there are warnings with their place, and no errors', async () => {
  await using home = await makeHome();
  mkdirSync(home.path('logs/old'), { recursive: true });
  writeFileSync(home.path('logs/old/a.log'), '');
  const include = ['logs/**/*.log', 'logs', 'logs/*.txt', 'log/**.log'].map((name) => home.path(name));
  const exclude = ['*.gz', 'debug', 'new/', home.path('logs/x/*.log')];
  const file = await home.configure({ logs: [{ name: 'a', include, exclude }] });
  const { code, stderr } = await runnel('validate', '-c', file);
  assert.equal(code, 0);
  const found = stderr.replaceAll(`${home.dir}/`, '').trim().split('\n');
  assert.deepEqual(
    found.map((line) => line.replace(/^warning: runnel\.yaml:\d+:\d+: logs\[0\]\./, '')),
    [
      'include[1] names no file: logs is a directory; its files are logs/*, with those below it logs/**',
      'include[2] names no file yet: logs/*.txt',
      'include[3] names no file yet: log/**.log (it has ** within a name, which is *; write **/*.log for any depth)',
      'exclude[1] leaves nothing out that is there now: debug',
      'exclude[2] leaves nothing out that is there now: new/',
      'exclude[3] leaves nothing out that is there now: logs/x/*.log',
    ],
  );
  const { stdout } = await runnel('validate', '--json', '-c', file);
  const answer = JSON.parse(stdout);
  assert.equal(answer.valid, true);
  assert.equal(answer.warnings.length, 6);
});
