import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { defaultConfig } from '../../src/cli/default.ts';
import { parseListener } from '../../src/config/listener.ts';
import { directory } from '../support/directory.ts';

test('the built-in default reads the machine from now on and sends nothing away', () => {
  const config = defaultConfig({ root: true, tryOut: false, env: {}, journal: false });
  assert.equal(config.data_dir, '/var/lib/runnel');
  assert.deepEqual(config.kafka.brokers, []);
  assert.equal(config.logs[0]?.start_at, 'end');
  assert(config.logs[0].include.includes('/var/log/syslog'));
});

test('without root its data goes under the state directory of the user', () => {
  const home = { root: false, tryOut: false };
  assert.equal(defaultConfig({ ...home, env: { XDG_STATE_HOME: '/s' } }).data_dir, '/s/runnel');
  assert.equal(defaultConfig({ ...home, env: {} }).data_dir, join(homedir(), '.local/state/runnel'));
});

test('a clone tries it out in a folder of its own, as root too, which commands find while it runs', async (t) => {
  const state = directory(t);
  for (const root of [true, false]) {
    assert.equal(defaultConfig({ root, env: { XDG_STATE_HOME: state } }).data_dir, join(state, 'runnel-try'));
  }
  const found = async (program: string, env: NodeJS.ProcessEnv, defaultPath: string) => {
    const script = `
      const { locateConfig } = await import('${program}/cli/locate.${program.endsWith('src') ? 'ts' : 'js'}');
      process.stdout.write((await locateConfig({ defaultPath: '${defaultPath}' })).config.data_dir);`;
    const args = ['--input-type=module', '-e', script];
    return (await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env } })).stdout;
  };
  const env = { XDG_STATE_HOME: state };
  const src = fileURLToPath(new URL('../../src', import.meta.url));
  const installed = join(state, 'runnel.yaml');
  writeFileSync(installed, 'data_dir: /srv/runnel\n');
  assert.equal(await found(src, env, installed), '/srv/runnel');
  mkdirSync(join(state, 'runnel-try'));
  const agent = createServer().listen(join(state, 'runnel-try/runnel.sock'));
  await once(agent, 'listening');
  assert.equal(await found(src, env, installed), join(state, 'runnel-try'));
  agent.close();
  await once(agent, 'close');
  assert.equal(await found(src, env, '/none'), join(state, 'runnel-try'));
});

test('listener addresses are told apart', () => {
  assert.deepEqual(parseListener('udp://127.0.0.1:8125'), { kind: 'udp', host: '127.0.0.1', port: 8125 });
  assert.deepEqual(parseListener('tcp://[::1]:1'), { kind: 'tcp', host: '::1', port: 1 });
  assert.deepEqual(parseListener('unix:///run/s'), { kind: 'unixgram', path: '/run/s' });
  assert.deepEqual(parseListener('unixstream:///run/s'), { kind: 'unixstream', path: '/run/s' });
  assert.throws(() => parseListener('unixgram://run/s'), /absolute path/);
});

const dir = mkdtempSync(join(tmpdir(), 'runnel-validate-'));
after(() => rmSync(dir, { recursive: true }));

function validate(yaml: string, json: boolean): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const file = join(dir, 'runnel.yaml');
  writeFileSync(file, yaml);
  const module = new URL('../../src/cli/validate.ts', import.meta.url).href;
  const script = `process.exitCode = await (await import('${module}')).validate('${file}', { json: ${json} })`;
  return new Promise((resolve) => {
    execFile(process.execPath, ['--input-type=module', '-e', script], (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr });
    });
  });
}

test('validate says every fault on stderr and exits 2, or says one line and exits 0', async () => {
  const bad = await validate('host: [a]\nkafak: 1\n', false);
  assert.equal(bad.code, 2);
  assert.equal(bad.stdout, '');
  assert.match(
    bad.stderr,
    /runnel\.yaml:1:7: host must be .*\n.*runnel\.yaml:2:1: unknown key kafak: did you mean kafka\?\n$/,
  );
  const good = await validate('', false);
  assert.deepEqual([good.code, good.stdout.split('\n').length, good.stderr], [0, 2, '']);
});

test('validate --json prints one document', async () => {
  const bad = await validate('kafak: 1\n', true);
  const { valid, errors } = JSON.parse(bad.stdout);
  assert.deepEqual([bad.code, valid, errors[0].line, errors[0].column], [2, false, 1, 1]);
  const good = await validate('', true);
  assert.deepEqual([good.code, JSON.parse(good.stdout).valid], [0, true]);
});
