/** `runnel status`, `tap` and `check` as a user runs them. */
// Slow: starts agents.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type AdminServer, startAdmin } from '../../src/admin/server.ts';
import { Tap } from '../../src/admin/tap.ts';
import { Account } from '../../src/core/account.ts';
import { Batch } from '../../src/core/batch.ts';
import { Pool } from '../../src/core/pool.ts';
import { valueEnvelope } from '../../src/records/envelope.ts';
import { History } from '../../src/report/history.ts';
import { NO_TOP } from '../../src/sources/statsd/top-shape.ts';
import { statusOf, withFiles } from '../support/status.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

interface Ran {
  code: number | null;
  out: string;
  err: string;
}

function runnel(...args: string[]): Promise<Ran> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ran = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    ran.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    ran.err += text;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...ran })));
}

/** A configuration and what an agent of it would serve; `address` is not in the configuration. */
async function agent(t: TestContext): Promise<{ config: string; tap: Tap; start(): Promise<AdminServer> }> {
  const directory = mkdtempSync(join(tmpdir(), 'runnel-cli-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const config = join(directory, 'runnel.yaml');
  const data = join(directory, 'data');
  mkdirSync(data);
  writeFileSync(config, `data_dir: ${data}\nadmin: {listen: 127.0.0.1:1}\n`);
  const tap = new Tap();
  const status = (files: number) => withFiles(statusOf(), files);
  const history = new History(() => statusOf());
  const row = { name: 'http\x1b[31m.requests', samples: 7, series: 2 };
  const told = { ...NO_TOP, seconds: 2.5, series: 3, seen: 2, samples: 7, by_samples: [row], by_series: [row] };
  const tags = [{ key: 'user', values: 2000, approximate: true, series: 2 }];
  const top = (input: string) => (input === 'statsd' ? Promise.resolve({ ...told, tags }) : null);
  const options = {
    listen: '127.0.0.1:0',
    hosts: [],
    healthy: () => true,
    reasons: () => [],
    status,
    tap,
    top,
    history,
  };
  return {
    config,
    tap,
    async start() {
      const server = await startAdmin({ ...options, socket: join(data, 'runnel.sock') });
      t.after(() => server.close());
      return server;
    },
  };
}

test('status asks the agent of a configuration, or of an address', async (t) => {
  const { config, start } = await agent(t);
  const { address } = await start();
  const text = await runnel('status', '-c', config);
  assert.equal(text.code, 0, text.err);
  assert.match(text.out, /^runnel 1\.0\.0 on web-1/);
  const json = await runnel('status', '--json', '--files', '1', '--admin', `http://${address}`);
  assert.equal(json.code, 0, json.err);
  assert.equal(JSON.parse(json.out).logs[0].files.length, 1);
});

test('where no agent answers, status and tap say so and exit 1', async (t) => {
  const { config } = await agent(t);
  for (const command of ['status', 'tap']) {
    const ran = await runnel(command, '-c', config);
    assert.equal(ran.code, 1, command);
    assert.equal(ran.out, '');
    assert.match(ran.err, /^runnel: no agent answers \(.*runnel\.sock: no such socket.*is it running\?\n$/);
  }
});

test('a command that is called wrongly says how it is called, and exits 2', async () => {
  for (const [args, said] of [
    [['status', 'a.yaml'], /^runnel: status takes no argument; .*-c FILE.*\nUsage: runnel status \[options\]\n/],
    [
      ['explain', 'statsd'],
      /^runnel: missing required argument 'line'\nUsage: runnel explain statsd \[options\] <line>\n/,
    ],
    [
      ['spool', 'cat', 'x', '-m'],
      /^runnel: unknown option '-m'\nUsage: runnel spool cat .*\nrunnel spool cat --help says more\n$/,
    ],
    [['statu'], /^runnel: unknown command 'statu'\n\(Did you mean status\?\)\n/],
  ] as const) {
    const { code, out, err } = await runnel(...args);
    assert.deepEqual([code, out], [2, ''], args.join(' '));
    assert.match(err, said);
  }
});

test('top statsd says who sends most, over the socket only', async (t) => {
  const { config, start } = await agent(t);
  const server = await start();
  const { code, out } = await runnel('top', 'statsd', '-c', config);
  assert.equal(code, 0);
  assert.match(out, /^3 series \(2 of them are counted here: there was no time for more\), 7 samples in 2\.5 s\n/);
  assert.match(out, /\nBY SERIES +SAMPLES {2}SERIES\nhttp\S*\.requests +7 +2\n/);
  assert.match(out, /\nBY TAG {2}VALUES {2}SERIES\nuser {4}~2000 {3}2\n/);
  const json = await runnel('top', 'statsd', '-c', config, '--json');
  assert.equal(JSON.parse(json.out).by_series[0].series, 2);
  const far = await runnel('top', 'statsd', '--admin', `http://${server.address}`);
  assert.deepEqual([far.code, far.out], [1, '']);
  assert.match(far.err, /on the unix socket only/);
});

test('tap prints records on stdout and what it skipped on stderr, and ends with the agent', async (t) => {
  const { config, tap, start } = await agent(t);
  const server = await start();
  const ran = runnel('tap', '-c', config, 'runnel.metrics');
  while (!tap.active) await new Promise((resolve) => setTimeout(resolve, 10));

  const pool = new Pool(32 << 20);
  const share = pool.share('runnel.metrics');
  const batch = new Batch(await pool.take(share, 'batch'), share, {
    name: 'host',
    topic: 'runnel.metrics',
    key: 'web-1',
    account: new Account('host'),
    replayable: false,
    envelope: () => valueEnvelope('web-1'),
  });
  const used = batch.slot.bytes.write('{"name":"a"}');
  for (let i = 0; i < 510; i++) {
    batch.slot.starts[i] = batch.slot.bytesAt;
    batch.slot.ends[i] = batch.slot.bytesAt + used;
  }
  batch.count = 510;
  tap.offer(batch);
  // The number of what was skipped is told once a second.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await server.close();

  const { code, out, err } = await ran;
  assert.equal(code, 0, err);
  assert.equal(out, '{"name":"a"}\n'.repeat(500));
  assert.equal(err, 'skipped 10 records: more than can be shown\nthe agent has stopped\n');
});

test('tap finds the agent by its socket too; records are not shown on the network', async (t) => {
  const { tap, start } = await agent(t);
  const server = await start();
  const ran = runnel('tap', '--admin', `unix:${server.socket}`);
  while (!tap.active) await new Promise((resolve) => setTimeout(resolve, 10));
  const refused = await runnel('tap', '--admin', `http://${server.address}`);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /on the unix socket only/);
  await server.close();
  assert.equal((await ran).code, 0);
});

test('explain prints JSON, asked for with --json or not', async () => {
  const plain = await runnel('explain', 'statsd', 'hits:1|c');
  const json = await runnel('explain', 'statsd', '--json', 'hits:1|c');
  assert.deepEqual([json.code, json.out], [0, plain.out]);
  assert.deepEqual(JSON.parse(json.out).samples, [{ name: 'hits', type: 'c', value: 1 }]);
});

test('explain log unwraps and joins what the input would', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'runnel-cli-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const config = join(directory, 'runnel.yaml');
  const input = "{name: pods, include: /pods/*.log, format: cri, multiline: {continue: '^\\s'}}";
  writeFileSync(config, `logs: [${input}]\n`);
  const before = '2026-01-01T00:00:00.000000000Z stderr F ';
  const ran = await runnel(
    'explain',
    'log',
    '-c',
    config,
    '/pods/a.log',
    `${before}Error: x\n${before}  at y\n${before}next`,
  );
  const [trace, next] = ran.out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).value);
  assert.equal(trace.message, 'Error: x\n  at y');
  assert.deepEqual([trace.log.flags, trace.log.iostream], [['multiline'], 'stderr']);
  assert.deepEqual([next.message, next.log.offset], ['next', trace.log.length]);
});

test('explain log prints numbers as the line has them', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'runnel-cli-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const config = join(directory, 'runnel.yaml');
  writeFileSync(config, 'logs: [{name: a, include: /a/*.log, process: [{parse: json}]}]\n');
  const numbers = '"a":1.0,"b":1e3,"c":12345678901234567890,"d":[-0]';
  const { out } = await runnel('explain', 'log', '-c', config, '/a/a.log', `{${numbers}}`);
  assert.equal(out.split(numbers).length, 3, out);
});

test('explain log cuts what is longer than max_line, and marks it, as the agent does', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'runnel-cli-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const config = join(directory, 'runnel.yaml');
  const explain = async (line: string) => {
    const { out, err } = await runnel('explain', 'log', '-c', config, '/a/a.log', line);
    assert.equal(err, '');
    return out
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text));
  };
  const line = `${'x'.repeat(255)}é and more`;
  writeFileSync(config, 'logs: [{name: app, include: /a/*.log, max_line: 256B}]\n');
  const [cut, whole] = (await explain(`${line}\n${'y'.repeat(256)}`)).map(({ value }) => value);
  assert.equal(cut.message, 'x'.repeat(255), 'not within a character');
  assert.deepEqual([cut.log.flags, cut.log.offset, cut.log.length], [['truncated'], 0, Buffer.byteLength(line) + 1]);
  assert.deepEqual([whole.message.length, whole.log.flags], [256, undefined]);

  writeFileSync(config, 'logs: [{name: app, include: /a/*.log, encoding: raw, max_line: 256B}]\n');
  const [raw] = await explain(line);
  assert.deepEqual([raw.value, raw.headers.flags], ['x'.repeat(255), 'truncated']);

  writeFileSync(config, 'logs: [{name: app, include: /a/*.log, format: cri, max_line: 256B}]\n');
  const [unwrapped] = await explain(`2026-01-01T00:00:00.000000000Z stdout F ${line}`);
  assert.deepEqual([unwrapped.value.message, unwrapped.value.log.flags], ['x'.repeat(255), ['truncated']]);
});

test('explain log goes by the same patterns as the agent, exclude too', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'runnel-cli-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const config = join(directory, 'runnel.yaml');
  writeFileSync(config, 'logs: [{name: app, include: "/a/**/*.log", exclude: b.log}]\n');
  const explain = (path: string) => runnel('explain', 'log', '-c', config, path, 'x');
  assert.equal((await explain('/a/c/a.log')).code, 0);
  const excluded = await explain('/a/b.log');
  assert.deepEqual(
    [excluded.code, excluded.err],
    [1, 'runnel: no input under logs: reads /a/b.log, and app excludes it\n'],
  );
  assert.equal((await explain('/a/.hidden/a.log')).code, 1);
});

test('check --list has the built-in checks and those of the configuration, with their intervals', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'runnel-cli-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const config = join(directory, 'runnel.yaml');
  const checks = '[{name: db, type: tcp, address: "a:1"}, {name: site, type: http, url: "http://a/", interval: 1m}]';
  writeFileSync(config, `metrics: {interval: 20s, checks: ${checks}}\n`);
  const list = await runnel('check', '--list', '-c', config, '--json');
  assert.equal(list.code, 0, list.err);
  const listed = JSON.parse(list.out) as { name: string; type: string; interval: number }[];
  const cpu = listed.find(({ name }) => name === 'cpu');
  assert.deepEqual(cpu, { name: 'cpu', type: 'built in', interval: 20 });
  assert.deepEqual(listed.slice(-2), [
    { name: 'db', type: 'tcp', interval: 20 },
    { name: 'site', type: 'http', interval: 60 },
  ]);
  const text = await runnel('check', '--list', '-c', config);
  assert.match(text.out, /^cpu +built in +every 20 s$/m);
  assert.match(text.out, /^site +http +every 60 s$/m);
});

test('check prints metrics as records, or one a line; counters as their increase in a second', async () => {
  const json = await runnel('check', 'cpu', '--once', '--json');
  assert.equal(json.code, 0, json.err);
  const metrics = JSON.parse(json.out) as {
    name: string;
    attributes: Record<string, string>;
    event: { dataset: string };
  }[];
  const modes = metrics.filter((m) => m.name === 'system.cpu.time').map((m) => m.attributes['cpu.mode']);
  assert.ok(metrics.every(({ event }) => event.dataset === 'host'));
  assert.ok(modes.includes('idle'));
  const text = await runnel('check', 'uptime');
  assert.match(text.out, /^system\.uptime {2}[\d.]+ s \(gauge\)\n/m);
  const none = await runnel('check', 'ups');
  assert.equal(none.code, 2);
  assert.match(none.err, /^runnel: there is no check "ups"; there are cpu, .*memory/);
});
