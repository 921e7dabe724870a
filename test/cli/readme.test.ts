/** The first steps of the README do what they say; that its commands are some is in test/docs/pages.test.ts. */
// Slow: starts programs, and an agent.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { makeHome } from '../support/agent.ts';
import { until } from '../support/until.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const MAIN = join(ROOT, 'src/main.ts');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

interface Ran {
  code: unknown;
  out: string;
  err: string;
}

function runnel(...args: string[]): Promise<Ran> {
  const { promise, resolve } = Promise.withResolvers<Ran>();
  execFile(process.execPath, [MAIN, ...args], (error, out, err) => resolve({ code: error?.code ?? 0, out, err }));
  return promise;
}

test('its steps with a first configuration do what they say', async (t) => {
  const [, steps] = /Run it, in a clone.*?```sh\n(.*?)```/s.exec(README)!;
  const [validate, run, status, reload] = steps!
    .trim()
    .split('\n')
    .map((line) => /runnel -- (.*?) +#/.exec(line)![1]!.split(' ').slice(0, -1));
  await using home = await makeHome();
  writeFileSync(home.path('a.log'), 'one\n');
  const config = { logs: [{ name: 'app', include: home.path('a.log') }] };
  const file = await home.configure(config);
  assert.match((await runnel(...validate!, file)).out, /: valid \(/);

  const agent = spawn(process.execPath, [MAIN, ...run!, file], { stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(() => agent.kill('SIGKILL'));
  let said = '';
  agent.stderr.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  const ended = once(agent, 'close');
  await until('it answers', () => existsSync(join(home.dataDir, 'runnel.sock')) && said.includes('has started'));
  assert.match((await runnel(...status!, file)).out, /^logs app: /m);

  await home.configure({ logs: [{ ...config.logs[0], name: 'other' }] });
  const changed = await runnel(...reload!, file);
  assert.deepEqual([changed.code, changed.err], [0, '']);
  assert.match((await runnel(...status!, file)).out, /^logs other: /m);

  agent.kill('SIGINT');
  assert.deepEqual(await ended, [0, null]);
  assert.match(said, /stopped after .*: .* in .*spool/);
});
