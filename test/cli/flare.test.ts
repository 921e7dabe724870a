/** `runnel flare`: what helps is in it; secrets and records are not, wherever they were. */
// Slow: starts programs, and an agent.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { contentsOf, type Entry, fitted } from '../../src/cli/flare/contents.ts';
import { decompress } from '../../src/records/codecs.ts';
import { makeHome, runnel } from '../support/agent.ts';
import { freePort } from '../support/ports.ts';
import { eventually } from '../support/until.ts';

/** By name, without the folder. */
async function unpacked(path: string): Promise<Map<string, string>> {
  const archive = await decompress('zstd', readFileSync(path));
  const files = new Map<string, string>();
  for (let at = 0; archive[at] !== 0; ) {
    const text = (from: number, length: number) =>
      archive.toString('latin1', at + from, at + from + length).replace(/\0.*$/s, '');
    const size = Number.parseInt(text(124, 12), 8);
    const head = Buffer.from(archive.subarray(at, at + 512));
    const sum = Number.parseInt(text(148, 8), 8);
    head.fill(' ', 148, 156);
    assert.equal(
      head.reduce((total, byte) => total + byte, 0),
      sum,
      'the checksum is right',
    );
    files.set(text(0, 100).replace('runnel-flare/', ''), archive.toString('utf8', at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

test('of a busy agent with secrets all that is promised is in it, and none of what is not', async () => {
  await using home = await makeHome();
  const [nobody, statsd] = [await freePort(), await freePort()];
  const plugin = home.path('plugin.sh');
  writeFileSync(plugin, '#!/bin/sh\necho "cannot log in with $2" >&2\necho "no luck with $2"\nexit 2\n');
  chmodSync(plugin, 0o755);
  const broken = home.path('broken.mjs');
  writeFileSync(broken, 'export default { async run({ options }) { throw new Error(`refused: ${options.key}`); } };\n');
  writeFileSync(home.path('a.log'), 'the-content-of-a-record\n');
  writeFileSync(home.path('password'), 'hunter-file-4\n');
  const hook = `http://127.0.0.1:${nobody}`;
  const agent = await home.start({
    tags: { env: 'prod' },
    kafka: {
      brokers: [`127.0.0.1:${nobody}`],
      sasl: { mechanism: 'plain', username: 'u', password: '${file:password}' },
    },
    logs: [{ name: 'app', include: home.path('*.log') }],
    statsd: { listen: [`udp://127.0.0.1:${statsd}`] },
    metrics: {
      interval: '1s',
      checks: [
        { name: 'raid', type: 'exec', command: [plugin, '-p', 'hunter-argument-1'], parse: 'nagios' },
        { name: 'queue', type: 'module', path: broken, options: { key: 'hunter-option-2' } },
        { name: 'site', type: 'http', url: `${hook}/x?key=hunter-query-3`, headers: { 'X-Key': 'hunter-header-5' } },
      ],
    },
    alerts: {
      rules: [{ name: 'always', metric: 'check.status', fire: '>= 0' }],
      receivers: [
        {
          name: 'hook',
          webhook: { url: `${hook}/hunter-url-6`, secret: 'hunter-hmac-7', headers: { 'X-Y': 'hunter-8' } },
        },
        { name: 'slack', slack: `${hook}/hunter-slack-9` },
        { name: 'mail', email: { url: `smtp://u:hunter-mail-10@127.0.0.1:${nobody}`, from: 'a@b', to: 'c@d' } },
        { name: 'program', exec: [plugin, '-p', 'hunter-exec-11'] },
      ],
    },
  });
  const file = home.path('runnel.yaml');
  const status = async () => JSON.parse((await runnel('status', '--json', '-c', file)).stdout);
  await eventually('its checks have failed, and its receivers', async () => {
    const { checks, alerts } = await status();
    const failed = checks.filter(({ errors }: { errors: number }) => errors > 0).length;
    return failed >= 1 && alerts.receivers.filter(({ error }: { error: unknown }) => error !== null).length >= 3;
  });

  const output = home.path('flare.tar.zst');
  const dry = await runnel('flare', '-c', file, '-o', output, '--dry-run');
  assert.deepEqual([dry.code, dry.stderr, existsSync(output)], [0, '', false]);
  const made = await runnel('flare', '-c', file, '-o', output, '--seconds', '1', '--json');
  assert.deepEqual([made.code, made.stderr], [0, '']);
  assert.equal(statSync(output).mode & 0o777, 0o600);
  const files = await unpacked(output);
  assert.deepEqual(
    [...files.keys()],
    [
      'about.json',
      'configuration/00-runnel.yaml',
      'diagnosis.json',
      'status.json',
      'metrics.txt',
      'log.txt',
      'main.cpuprofile',
      'data_dir.txt',
    ],
  );
  const listed = JSON.parse(made.stdout);
  assert.equal(listed.bytes, statSync(output).size);
  for (const { name, bytes } of listed.files) {
    assert.equal(Buffer.byteLength(files.get(name)!), bytes, name);
    assert.match(dry.stdout, new RegExp(`^${name} `, 'm'));
  }

  const all = [...files].map(([name, text]) => `${name}\n${text}`).join('\n');
  for (const secret of all.matchAll(/.{0,60}(hunter|the-content-of-a-record).{0,20}/g)) assert.fail(secret[0]);
  assert.ok(!made.stdout.includes('hunter') && !dry.stdout.includes('hunter'));

  assert.equal(JSON.parse(files.get('status.json')!).pid, agent.pid);
  assert.match(
    files.get('configuration/00-runnel.yaml')!,
    /password: \$\{file:password\}\n[\s\S]*command:\n +- \S+plugin\.sh\n +- "\*\*\*"/,
  );
  assert.match(files.get('log.txt')!, / info runnel \S+ has started on web-1: /);
  assert.match(files.get('metrics.txt')!, /^runnel_/m);
  assert.match(files.get('data_dir.txt')!, /^ +\d+ {2}agent\.json$/m);
  assert.equal(JSON.parse(files.get('diagnosis.json')!).ok, false);
  const { nodes, endTime, startTime } = JSON.parse(files.get('main.cpuprofile')!);
  assert.ok(nodes.length > 0 && endTime - startTime > 900_000, 'a second was profiled');

  // Nobody's file is written over.
  const again = await runnel('flare', '-c', file, '-o', output, '--seconds', '0');
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^runnel: cannot write \S+flare\.tar\.zst: EEXIST/);
});

test('without an agent, and with a wrong configuration, it has what can be had', async () => {
  await using home = await makeHome();
  const file = await home.configure({ kafka: { broker: 'x', sasl: { password: 'hunter2' } } });
  const output = home.path('flare.tar.zst');
  const { code, stdout } = await runnel('flare', '-c', file, '-o', output);
  assert.equal(code, 0);
  assert.match(stdout, /^status\.json +- +.*its unix socket is not known: name it by -c FILE or --admin/m);
  const files = await unpacked(output);
  assert.deepEqual([...files.keys()], ['about.json', 'configuration/00-runnel.yaml', 'diagnosis.json']);
  assert.match(files.get('diagnosis.json')!, /unknown key broker in kafka/);
  assert.ok(![...files.values()].join().includes('hunter2'));
  assert.equal((await runnel('flare', '-c', file, '--seconds', 'x')).code, 2);
  assert.equal((await runnel('flare', '-c', home.path('none.yaml'))).code, 2);
  assert.equal((await runnel('flare', '-c', file, '--admin', 'x:y:z')).code, 2);
});

test('an agent that hangs is asked once, and the rest is made without it', async (t) => {
  let asked = 0;
  const silent = createServer(() => {
    asked++;
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const { port } = silent.address() as AddressInfo;
  const targets = [{ host: '127.0.0.1', port }];
  const diagnosis = async () => '{}';
  const entries = await contentsOf({
    path: null,
    dataDir: null,
    targets,
    seconds: 0,
    diagnosis,
    about: {},
    patience: 100,
  });
  assert.deepEqual(
    entries.filter(({ bytes }) => bytes !== null).map(({ name }) => name),
    ['about.json', 'diagnosis.json'],
  );
  assert.match(entries.find(({ name }) => name === 'metrics.txt')!.why!, /no answer in 0\.1 s/);
  assert.equal(asked, 1);
});

test('a configuration may have a name that is longer than one in an archive may be', async () => {
  await using home = await makeHome();
  const file = home.path(`${'設定'.repeat(30)}.yaml`);
  copyFileSync(await home.configure({}), file);
  const output = home.path('flare.tar.zst');
  const { code, stderr } = await runnel('flare', '-c', file, '-o', output, '--seconds', '0');
  assert.equal(code, 0, stderr);
  assert.ok((await unpacked(output)).has(`configuration/00-${'_'.repeat(55)}.yaml`));
});

test('it does not grow without bound: what is too large is left out, and why is said', () => {
  const entry = (name: string, size: number): Entry => ({ name, about: '', bytes: Buffer.alloc(size) });
  const MiB = 1 << 20;
  const why = (entries: Entry[]) => fitted(entries).map(({ bytes, why }) => why ?? bytes!.length);
  assert.deepEqual(why([entry('a', 17 * MiB), entry('b', 1)]), ['it is larger than 16.0 MiB', 1]);
  const full = 16 * MiB;
  assert.deepEqual(why([...'abcde'].map((name) => entry(name, full))), [
    full,
    full,
    full,
    full,
    'it would be more than 64.0 MiB in all',
  ]);
  const many = why(Array.from({ length: 502 }, (_, i) => entry(`${i}`, 1)));
  assert.deepEqual(many.slice(499), [1, 'there are 500 before it', 'there are 500 before it']);
});
