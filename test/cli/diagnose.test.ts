/** `runnel diagnose`: each thing that is wrong is found, with what to do. */
// Slow: starts programs, and an agent.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { NoAnswer } from '../../src/admin/client.ts';
import { askAgent, judgeAgent } from '../../src/cli/diagnose/agent.ts';
import { judgeClock } from '../../src/cli/diagnose/kafka.ts';
import { judgeUnit } from '../../src/cli/diagnose/unit.ts';
import type { Diagnosis, Tell } from '../../src/core/diagnosis.ts';
import { diagnoseBuffers } from '../../src/sources/statsd/diagnose.ts';
import { boundRunnel, canBind, makeHome, runnel } from '../support/agent.ts';
import { freePort } from '../support/ports.ts';

function found(look: (tell: Tell) => void): string[] {
  const findings: Diagnosis[] = [];
  look((finding) => findings.push(finding));
  return findings.map(
    ({ level, message, remedy }) => `${level}: ${message}${remedy === undefined ? '' : ` -> ${remedy}`}`,
  );
}

const told = (text: string, dir: string) => text.replaceAll(dir, '.').replace(/runnel\.yaml:\d+:\d+/g, 'runnel.yaml');

test('a host on which all is well is 0, and says so; JSON has the same', async () => {
  await using home = await makeHome();
  writeFileSync(home.path('a.log'), 'one\n');
  const config = { logs: [{ name: 'app', include: home.path('*.log') }] };
  const agent = await home.start(config);
  const file = home.path('runnel.yaml');
  const { code, stdout, stderr } = await runnel('diagnose', '-c', file);
  assert.deepEqual([code, stderr], [0, ''], stdout);
  assert.match(stdout, /^ok +configuration: .*runnel\.yaml is valid$/m);
  assert.match(stdout, /^ok +files: logs app: 1 file, all may be read by user \d+$/m);
  assert.match(stdout, new RegExp(`^ok +agent: version \\S+ runs, pid ${agent.pid}$`, 'm'));
  assert.match(stdout, /^ok +data_dir: .* free; the local log may take 1\.0 GiB, and has /m);
  const json = JSON.parse((await runnel('diagnose', '-c', file, '--json')).stdout);
  assert.equal(json.ok, true);
  const levels = new Set(json.findings.map(({ level }: Diagnosis) => level));
  assert.ok(levels.has('ok') && !levels.has('error'));

  // It has changed since the agent read it.
  await home.configure({ ...config, tags: { env: 'prod' } });
  const changed = await runnel('diagnose', '-c', file);
  assert.match(changed.stdout, /^warning +agent: runs an older configuration than that on disk\n +-> runnel reload$/m);
});

test('what does not work is an error, with its place, and 1', async () => {
  await using home = await makeHome();
  const brokers = [`127.0.0.1:${await freePort()}`];
  const logs = [{ name: 'app', include: home.path('none.log') }];
  const { code, stdout } = await runnel('diagnose', '-c', await home.configure({ kafka: { brokers }, logs }));
  assert.equal(code, 1);
  assert.match(
    told(stdout, home.dir),
    /^error +kafka: \.\/runnel\.yaml: kafka\.brokers\[0\] cannot be used: \S+ refuses connections$/m,
  );
  assert.match(stdout, /^warning +agent: none answers\n +-> start it: /m);
  assert.match(stdout, /^1 error, \d+ warnings?$/m);
  assert.ok(!existsSync(home.dataDir), 'nothing was made');
});

test('an agent of another configuration at the same address is not taken for this one', async () => {
  await using home = await makeHome();
  const listen = `127.0.0.1:${await freePort()}`;
  await home.start({ admin: { listen } });
  const other = home.path('other.yaml');
  writeFileSync(other, `data_dir: ${home.path('other')}\nadmin: {listen: '${listen}'}\nstatsd: {listen: []}\n`);
  const { code, stdout } = await runnel('diagnose', '-c', other);
  assert.equal(code, 0);
  assert.match(
    told(stdout, home.dir),
    /^warning +agent: none answers; at \S+ there is one with another configuration, \.\/runnel\.yaml\n +-> /m,
  );
});

test('a configuration that cannot be used is 2, as with validate', async () => {
  await using home = await makeHome();
  const file = await home.configure({ kafka: { broker: 'x' } });
  const { code, stdout, stderr } = await runnel('diagnose', '-c', file);
  const validated = await runnel('validate', '-c', file);
  assert.deepEqual([code, stdout, stderr], [2, '', validated.stderr]);
  const json = await runnel('diagnose', '-c', file, '--json');
  assert.equal(json.code, 2);
  assert.match(JSON.parse(json.stdout).findings[0].message, /unknown key broker in kafka: did you mean brokers\?$/);
});

test('a key that everybody may read is named, with its place', async () => {
  await using home = await makeHome();
  const [open, kept] = ['open', 'kept'].map((name) => home.path(`${name}.key`));
  writeFileSync(open!, 'x'.repeat(40));
  writeFileSync(kept!, 'x'.repeat(40), { mode: 0o600 });
  chmodSync(open!, 0o644);
  const config = { mask_key_file: kept, otlp: { token_file: open } };
  const { stdout } = await runnel('diagnose', '-c', await home.configure(config));
  const said = told(stdout, home.dir)
    .split('\n')
    .filter((line) => line.includes('.key'));
  assert.deepEqual(said, [
    'warning  files: ./runnel.yaml: otlp.token_file ./open.key may be read by every user of this machine',
    '         -> chmod o-rwx ./open.key',
  ]);
});

test('files and a data_dir that this user may not use are named', { skip: !canBind }, async () => {
  await using home = await makeHome();
  mkdirSync(home.path('data'));
  for (const name of ['a', 'b']) writeFileSync(home.path(`${name}.log`), '');
  const file = await home.configure({ logs: [{ name: 'app', include: home.path('*.log') }] });
  chmodSync(home.path('b.log'), 0);
  chmodSync(home.path('data'), 0o500);
  const { code, stdout } = await boundRunnel('diagnose', '-c', file);
  assert.equal(code, 1);
  const uid = process.geteuid?.();
  assert.match(
    told(stdout, home.dir),
    new RegExp(
      `^error +files: logs app: 1 of 2 files may not be read by user ${uid}: \\./b\\.log\n +-> give the agent`,
      'm',
    ),
  );
  assert.match(
    stdout,
    new RegExp(`^error +data_dir: \\S+ cannot be written by user ${uid}: it belongs to user ${uid}`, 'm'),
  );
});

test('of an agent that runs as somebody else its own word counts', {
  skip: !canBind || process.getuid?.() !== 0,
}, async () => {
  await using home = await makeHome();
  writeFileSync(home.path('a.log'), '', { mode: 0o600 });
  chmodSync(home.dir, 0o755);
  const config = { logs: [{ name: 'app', include: home.path('*.log') }] };
  await home.start(config);
  chmodSync(home.path('runnel.yaml'), 0o644);
  const main = new URL('../../src/main.ts', import.meta.url).pathname;
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, main];
  const { status, stdout } = spawnSync('setpriv', [...nobody, 'diagnose', '-c', home.path('runnel.yaml')], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout);
  assert.match(stdout, /^warning +files: logs app: 1 of 1 file may not be read by user 65534/m);
  assert.match(stdout, /^ok +agent: version/m);
});

test('buffers that the kernel does not grant are said, of listeners that have them', () => {
  const listen = (...addresses: string[]) =>
    addresses.map((address) => ({ address, origin: false, dialect: 'dogstatsd' as const, name_tags: [] }));
  const kernel = (path: string) => (path.includes('rmem') ? 212_992 : 10);
  const buffers = (addresses: string[], receive_buffer: number) =>
    found((tell) => diagnoseBuffers({ listen: listen(...addresses), receive_buffer }, tell, kernel));
  assert.deepEqual(buffers([], 8 << 20), []);
  assert.deepEqual(buffers(['tcp://127.0.0.1:1'], 8 << 20), []);
  assert.deepEqual(buffers(['udp://127.0.0.1:1'], 100_000), ['ok: net.core.rmem_max is 208 KiB']);
  const [rmem, queue] = buffers(['udp://127.0.0.1:1', 'unixgram:///run/x'], 8 << 20);
  assert.match(
    rmem!,
    /^warning: net\.core\.rmem_max is 208 KiB, less than .*8\.0 MiB.* -> sysctl -w net\.core\.rmem_max=8388608/,
  );
  assert.match(queue!, /^warning: net\.unix\.max_dgram_qlen is 10: .* -> sysctl -w net\.unix\.max_dgram_qlen=512/);
});

test('a clock is off from 30 s on, in words that say which way', () => {
  const judged = (offset: number, error = 5) => found((tell) => judgeClock({ offset, error }, null, tell))[0]!;
  assert.equal(judged(-12), "ok: is 12 ms from Kafka's, give or take 5 ms");
  assert.match(judged(45_000), /^warning: is 45\.0 s behind Kafka's: .* -> have the clock kept/);
  assert.match(judged(-3_700_000), /^warning: is 1 h 1 min ahead of Kafka's/);
  assert.match(judged(45_000, 20_000), /^ok/);
  const untold = (kept: boolean | null) => found((tell) => judgeClock(null, kept, tell))[0]!;
  assert.match(untold(null), /^ok: Kafka does not tell its time/);
  assert.match(untold(true), /^ok: is kept; Kafka does not tell/);
  assert.match(untold(false), /^warning: is kept by nothing .* -> timedatectl/);
});

test('of the unit it is said what systemd knows of it', () => {
  const shown = (more: Record<string, string>) =>
    Object.entries({
      LoadState: 'loaded',
      ActiveState: 'active',
      SubState: 'running',
      Result: 'success',
      UnitFileState: 'enabled',
      NRestarts: '0',
      NeedDaemonReload: 'no',
      ExecStart: '{ path=/opt/runnel/bin/node ; argv[]=node runnel run -c /etc/runnel/runnel.yaml ; ignore_errors=no }',
      ...more,
    })
      .map(([key, value]) => `${key}=${value}\n`)
      .join('');
  const judged = (more: Record<string, string>, config = '/etc/runnel/runnel.yaml') =>
    found((tell) => judgeUnit(shown(more), config, tell));
  assert.deepEqual(judged({}), ['ok: runnel.service runs']);
  assert.deepEqual(judged({ LoadState: 'not-found' }), ['ok: runnel.service is not installed']);
  assert.deepEqual(judged({}, '/tmp/x.yaml'), [
    'ok: runnel.service runs another configuration, /etc/runnel/runnel.yaml',
  ]);
  assert.match(
    judged({ ActiveState: 'failed', Result: 'exit-code' })[0]!,
    /^error: .*has failed \(exit-code\) -> journalctl/,
  );
  assert.match(
    judged({ ActiveState: 'inactive' })[0]!,
    /^warning: .*does not run \(inactive\) -> systemctl start runnel$/,
  );
  assert.match(judged({ NRestarts: '7' })[1]!, /^warning: .*started again 7 times/);
  assert.match(
    judged({ UnitFileState: 'disabled' })[1]!,
    /^warning: .*not started at boot -> systemctl enable runnel$/,
  );
  assert.match(judged({ NeedDaemonReload: 'yes' })[1]!, /-> systemctl daemon-reload/);
});

test('an agent that hangs, or may not be asked, is not taken for one that does not run', async (t) => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const { port } = silent.address() as AddressInfo;
  const judged = (answer: NoAnswer) => found((tell) => judgeAgent(answer, 'h', tell)).join();
  const answer = await askAgent([{ socketPath: '/none.sock' }, { host: '127.0.0.1', port }], 100);
  assert.ok(answer instanceof NoAnswer);
  assert.match(
    judged(answer),
    /^error: it runs, and does not answer \(\/none\.sock: no such socket; http:\S+: no answer in 0\.1 s\) -> systemctl restart/,
  );
  assert.match(judged(new NoAnswer('x', ['ENOENT', 'EACCES'])), /^warning: none may be asked \(x\) -> ask as root/);
  assert.match(judged(new NoAnswer('x', ['ENOENT', 'ECONNREFUSED'])), /^warning: none answers -> start it/);
});

test('what the agent has lost is said with its meaning and remedy, and why it is not ready', () => {
  const status = {
    version: '1',
    pid: 7,
    config: { path: null, hash: 'h', loaded_at: '' },
    reasons: ['kafka: no broker answers'],
    lost: [{ input: 'statsd', reason: 'kernel_drop', records: 3, bytes: 0, last: '' }],
    logs: [{ name: 'app', files: [{ path: '/a.log', error: 'permission denied' }] }],
  };
  const judged = found((tell) => judgeAgent(status as never, 'h', tell));
  assert.deepEqual(judged.slice(0, 3), [
    'ok: version 1 runs, pid 7',
    'warning: kafka: no broker answers -> runnel status has the details, docs/operation.md what to do',
    'warning: /a.log: permission denied -> runnel status has the details, docs/operation.md what to do',
  ]);
  assert.match(
    judged[3]!,
    /^warning: statsd has lost 3 items, 0 bytes \(kernel_drop\): the kernel dropped .* -> raise statsd/,
  );
});
