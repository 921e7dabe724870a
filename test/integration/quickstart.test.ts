/** docs/quickstart.md: the commands of its steps 2 and 3, as they stand there, with a Kafka. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { makeHome } from '../support/agent.ts';
import { blocks, page, ROOT } from '../support/docs-pages.ts';
import { noKafka, startKafka } from '../support/kafka.ts';
import { freePort } from '../support/ports.ts';
import { eventually } from '../support/until.ts';

const MAIN = join(ROOT, 'src/main.ts');
const PAGE = page('docs/quickstart.md');

test('a configuration is checked, a line explained, run, looked at and verified', { skip: noKafka }, async (t) => {
  await using home = await makeHome();
  const kafka = await startKafka();
  t.after(() => kafka.stop());
  const [, look, run, after] = blocks(PAGE, 'sh');
  const [written] = blocks(PAGE, 'yaml');
  mkdirSync(home.path('app'));
  writeFileSync(home.path('app', 'a.log'), 'one\ntwo\n');
  const here = (text: string) =>
    text.replaceAll('kafka-1:9092', kafka.brokers).replaceAll('/var/log/app', home.path('app'));
  const own = `data_dir: ${home.dataDir}\nadmin: {listen: 127.0.0.1:${await freePort()}}\nstatsd: {listen: []}\n`;
  writeFileSync(home.path('runnel.yaml'), here(written!) + own);
  const bash = (script: string) => {
    const program = `set -euo pipefail; npm() { shift 4; '${process.execPath}' '${MAIN}' "$@"; }\n${here(script)}`;
    return promisify(execFile)('bash', ['-c', program], { cwd: home.dir });
  };

  const { stdout } = await bash(look!);
  assert.match(stdout, /: valid \(.*\nKafka takes what this configuration sends\n\{.*"message":"a line"/s);
  const agent = spawn(process.execPath, [MAIN, ...run!.trim().split(' ').slice(5)], { cwd: home.dir, stdio: 'ignore' });
  t.after(() => agent.kill('SIGKILL'));
  await eventually('its lines are in Kafka', async () => {
    const { stdout } = await bash(after!.split('\n')[0]!).catch(() => ({ stdout: '' }));
    return /^logs app: 2 lines/m.test(stdout) && /all sent/.test(stdout);
  });
  const told = await bash(after!);
  assert.match(told.stdout, /^logs app: 2 lines.*\ncomplete: .*a\.log .* 2 records\n/ms);
  agent.kill('SIGINT');
  assert.deepEqual(await once(agent, 'close'), [0, null]);
});
