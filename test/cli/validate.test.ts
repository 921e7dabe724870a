/** `runnel validate`: what it says beside errors. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
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

test('what two inputs read is a warning, also where a link leads there; a file of conf.d that is not read, too', async () => {
  await using home = await makeHome();
  mkdirSync(home.path('conf.d'));
  writeFileSync(home.path('conf.d/more.yml'), 'host: never');
  for (const name of ['a', 'b', 'c']) writeFileSync(home.path(`${name}.log`), '');
  symlinkSync('a.log', home.path('link'));
  const inputs = { all: '*.log', one: 'b.log', link: 'link', other: 'none', again: 'none' };
  const logs = Object.entries(inputs).map(([name, glob]) => ({ name, include: home.path(glob) }));
  const { code, stderr } = await runnel('validate', '-c', await home.configure({ logs }));
  assert.equal(code, 0);
  const found = stderr.replaceAll(`${home.dir}/`, '').trim().split('\n');
  assert.deepEqual(
    found.map((line) => line.replace(/^warning: runnel\.yaml:\d+:\d+: /, '')),
    [
      'warning: conf.d/more.yml:1:1: is not read: only .yaml is, so call it more.yaml',
      'logs[3].include[0] names no file yet: none',
      'logs[4].include[0] names no file yet: none',
      'logs[4].include[0] is what logs[3] waits for, too: it would be sent by both; exclude it in one',
      'logs[1].include names what logs[0] reads, too: b.log would be sent by both; exclude it in one',
      'logs[2].include names what logs[0] reads, too: link would be sent by both; exclude it in one',
    ],
  );
});

test('what the configuration names on this machine is looked at; run says the same, and ends with 2', async () => {
  await using home = await makeHome();
  const file = await home.configure({
    data_dir: '/proc/x',
    kafka: {
      brokers: ['127.0.0.1:9'],
      tls: { ca_file: '/nope/ca.pem' },
      sasl: { mechanism: 'oauthbearer', token_file: home.dir },
    },
  });
  const validated = await runnel('validate', '-c', file);
  assert.equal(validated.code, 2);
  assert.deepEqual(
    validated.stderr
      .trim()
      .split('\n')
      .map((line) => line.replace(/^.*runnel\.yaml:\d+:\d+: /, '').replace(home.dir, '.')),
    [
      'data_dir /proc/x cannot be: in /proc the kernel shows itself, and keeps no files: write a directory on a disk, for example /var/lib/runnel',
      'kafka.tls.ca_file /nope/ca.pem: there is no such file',
      'kafka.sasl.token_file .: it is a directory',
    ],
  );
  const run = await runnel('run', '-c', file);
  assert.deepEqual([run.code, run.stderr], [2, validated.stderr]);
});
