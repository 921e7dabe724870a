// Slow: runs the agent, and kills it.
/** Alerts of a running agent: fired while Kafka is away, told and recorded over kill -9, silenced, by the commands. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { fingerprintOf } from '../../src/alerts/fingerprint.ts';
import { type AgentConfig, type Home, makeHome, runnel } from '../support/agent.ts';
import { NO_ALERTMANAGER, RunningAlertmanager } from '../support/alertmanager.ts';
import { type HookServer, startHooks } from '../support/hooks.ts';
import { freePort } from '../support/ports.ts';
import { eventually, until } from '../support/until.ts';

const TEMP = {
  name: 'hot',
  metric: 'temp',
  by: 'room',
  fire: '> 50',
  clear: '< 40',
  severity: 'critical',
  summary: '{{room}} has {{value}}',
};

interface Told {
  status: string;
  alerts: {
    status: string;
    labels: Record<string, string>;
    annotations: Record<string, string>;
    fingerprint: string;
  }[];
}

const toldBy = (hooks: HookServer) => hooks.taken.map(({ body }) => JSON.parse(body) as Told);

async function setting(_home: Home, hooks: HookServer, more: Record<string, unknown> = {}) {
  const port = await freePort();
  const config: AgentConfig = {
    kafka: { brokers: [] },
    admin: { listen: `127.0.0.1:${await freePort()}` },
    tags: { env: 'test' },
    metrics: { interval: '1s' },
    statsd: { listen: [`udp://127.0.0.1:${port}`], flush_interval: '1s' },
    alerts: { rules: [TEMP], receivers: [{ name: 'hook', webhook: { url: hooks.url } }], ...more },
  } as never;
  // A test that fails need not wait for it.
  const socket = createSocket('udp4').unref();
  const gauge = (value: number, room = 'a') => socket.send(`temp:${value}|g|#room:${room}`, port, '127.0.0.1');
  return { config, gauge, close: () => socket.close() };
}

/** The records of the topic, in order. */
async function records(
  file: string,
): Promise<{ event: { id: string; action: string }; alert: Record<string, unknown> }[]> {
  const { stdout, code, stderr } = await runnel('spool', 'cat', 'runnel.alerts', '-c', file);
  assert.equal(code, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

test('what waits for a receiver survives, and is told when it is there', async () => {
  await using home = await makeHome();
  await using hooks = await startHooks();
  hooks.answer = () => ({ code: 503 });
  const { config, gauge, close } = await setting(home, hooks);
  const first = await home.start(config);
  gauge(60);
  await until('it is tried', () => hooks.taken.length > 0);
  const told = ({ waiting, error }: { waiting: number; error: string | null }) => waiting === 1 && error !== null;
  const said = await first.until((s) => told(s.alerts.receivers[0]!), 'it waits, and why');
  assert.match(said.alerts.receivers[0]!.error!, /503/);
  await first.kill9();
  hooks.answer = () => ({ code: 200 });
  const before = hooks.taken.length;
  const second = await home.start(config);
  await until('it is told', () => hooks.taken.length > before);
  assert.equal(hooks.taken.at(-1)!.headers['idempotency-key'], hooks.taken[0]!.headers['idempotency-key']);
  const [alert] = (await second.status()).alerts.list;
  assert.equal(alert!.state, 'firing');
  close();
});

test('a rule that is gone is resolved, with the reason', async () => {
  await using home = await makeHome();
  await using hooks = await startHooks();
  const { config, gauge, close } = await setting(home, hooks);
  const first = await home.start(config);
  gauge(60);
  await until('it fires', () => hooks.taken.length === 1);
  await first.stop();
  assert.equal(hooks.taken.length, 1);
  const renamed = {
    ...(config as Record<string, unknown>),
    alerts: { ...(config as never as { alerts: object }).alerts, rules: [{ ...TEMP, name: 'warm' }] },
  };
  const second = await home.start(renamed as AgentConfig);
  await until('it has ended', () => hooks.taken.length === 2);
  assert.equal(toldBy(hooks)[1]!.status, 'resolved');
  const file = await home.configure(renamed as AgentConfig);
  await second.stop();
  const made = (await records(file)).map(({ event }) => [event.action, (event as Record<string, string>).reason]);
  // Each once.
  assert.deepEqual(made, [
    ['firing', undefined],
    ['resolved', 'rule removed'],
  ]);
  close();
});

test('silence and unsilence: nobody is told, records are made; what still fires is told then', async () => {
  await using home = await makeHome();
  await using hooks = await startHooks();
  const { config, gauge, close } = await setting(home, hooks);
  const agent = await home.start(config);
  const file = await home.configure(config);
  const asked = await runnel(
    'alerts',
    'silence',
    'hot',
    'room=a',
    '--for',
    '10m',
    '--why',
    'known',
    '--json',
    '-c',
    file,
  );
  assert.equal(asked.code, 0, asked.stderr);
  const { id } = JSON.parse(asked.stdout) as { id: string };
  gauge(60, 'a');
  gauge(60, 'b');
  await until('the other one is told', () => hooks.taken.length === 1);
  assert.deepEqual(
    toldBy(hooks)[0]!.alerts.map(({ labels }) => labels.room),
    ['b'],
  );
  const list = JSON.parse((await runnel('alerts', 'ls', '--json', '-c', file)).stdout);
  assert.deepEqual(
    list.map(({ rule, state, labels, value, silenced }: Record<string, unknown>) => ({
      rule,
      state,
      labels,
      value,
      silenced,
    })),
    [
      { rule: 'hot', state: 'firing', labels: { env: 'test', room: 'a' }, value: 60, silenced: true },
      { rule: 'hot', state: 'firing', labels: { env: 'test', room: 'b' }, value: 60, silenced: false },
    ],
  );
  const seen = (await runnel('alerts', 'ls', '-c', file)).stdout;
  assert.match(seen, /^firing \(silenced\) +critical +hot +\S+ +a has 60 +env=test room=a$/m);
  const ended = await runnel('alerts', 'unsilence', id, '-c', file);
  assert.equal(ended.code, 0, ended.stderr);
  await until('it is told now', () => hooks.taken.length === 2);
  assert.deepEqual(
    toldBy(hooks)[1]!.alerts.map(({ labels }) => labels.room),
    ['a'],
  );
  const typo = await runnel('alerts', 'silence', 'hat', '--for', '1h', '-c', file);
  assert.equal(typo.code, 1);
  assert.match(typo.stderr, /there is no rule hat: did you mean hot\?/);
  const told = await runnel('alerts', 'notify', 'hook', '-c', file);
  assert.equal(told.stdout, 'hook was told\n');
  const nobody = await runnel('alerts', 'notify', 'nope', '-c', file);
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /there is no receiver nope: there are hook/);
  await agent.stop();
  const made = await records(file);
  assert.deepEqual(made.map(({ alert }) => alert.silenced).sort(), [false, true]);
  close();
});

test('a silence ends nothing in Alertmanager: what it has it keeps, what begins it is not told, what ends it is', {
  skip: NO_ALERTMANAGER,
}, async () => {
  await using home = await makeHome();
  await using hooks = await startHooks();
  await using server = await RunningAlertmanager.start(hooks.url);
  const { config, gauge, close } = await setting(home, hooks, {
    receivers: [{ name: 'am', alertmanager: server.url, resend: '1s' }],
  });
  const agent = await home.start(config);
  const file = await home.configure(config);
  gauge(60, 'a');
  let before = '';
  await eventually('it has it', async () => {
    const [one] = await server.alerts();
    before = one?.endsAt ?? '';
    return one !== undefined;
  });
  const { stdout } = await runnel('alerts', 'silence', 'hot', '--for', '10m', '--json', '-c', file);
  gauge(60, 'b');
  await agent.until((s) => s.alerts.list.length === 2 && s.alerts.list.every((one) => one.silenced), 'both fire');
  // By what it was told last before the silence it would have ended meanwhile.
  await eventually('it is told again and again', async () => {
    const all = await server.alerts();
    assert.deepEqual(
      all.map(({ labels }) => labels.room),
      ['a'],
    );
    return Date.parse(all[0]!.endsAt) - Date.parse(before) > 5000;
  });
  assert.ok(toldBy(hooks).every(({ status }) => status === 'firing'));
  gauge(20, 'a');
  gauge(20, 'b');
  await until('its receiver is told that it ended', () => toldBy(hooks).at(-1)?.status === 'resolved');
  const rooms = toldBy(hooks).flatMap(({ alerts }) => alerts.map(({ labels }) => labels.room));
  assert.deepEqual([...new Set(rooms)], ['a']);
  // What fires when it ends is told then.
  gauge(60, 'c');
  await agent.until((s) => s.alerts.firing === 1, 'it fires');
  assert.equal((await runnel('alerts', 'unsilence', JSON.parse(stdout).id, '-c', file)).code, 0);
  await eventually('it is told', async () => (await server.alerts()).some(({ labels }) => labels.room === 'c'));
  await agent.stop();
  close();
});

test('a receiver that is new is told what fires already, where a silence does not keep it, and nobody else is', async () => {
  await using home = await makeHome();
  await using hooks = await startHooks();
  const { config, gauge, close } = await setting(home, hooks);
  const first = await home.start(config);
  const file = await home.configure(config);
  for (const room of ['a', 'b', 'c']) gauge(60, room);
  await until('it is told', () => toldBy(hooks).flatMap(({ alerts }) => alerts).length === 3);
  const silenced = await runnel('alerts', 'silence', 'hot', 'room=b', '--for', '10m', '--json', '-c', file);
  await first.stop();
  const receivers = [
    { name: 'hook', webhook: { url: hooks.url } },
    { name: 'new', webhook: { url: `${hooks.url}/new` } },
    { name: 'some', webhook: { url: `${hooks.url}/some` }, only: { room: 'a' } },
  ];
  const with_ = (all: object[]) => ({
    ...(config as object),
    alerts: { ...(config as never as { alerts: object }).alerts, receivers: all },
  });
  const roomsAt = (path: string) =>
    hooks.taken
      .filter((one) => one.path === path)
      .flatMap(({ body }) => (JSON.parse(body) as Told).alerts.map(({ labels, status }) => `${labels.room} ${status}`))
      .sort();
  const before = hooks.taken.length;
  const second = await home.start(with_(receivers) as AgentConfig);
  await until('the new ones are told', () => hooks.taken.length === before + 2);
  assert.deepEqual(roomsAt('/new'), ['a firing', 'c firing']);
  assert.deepEqual(roomsAt('/some'), ['a firing']);
  // What a silence kept from it, and ends meanwhile, is told to those that knew.
  gauge(20, 'b');
  await until('it has ended', () => roomsAt('/').includes('b resolved'));
  gauge(60, 'd');
  await until('one more is told', () => roomsAt('/new').includes('d firing'));
  await second.until((s) => s.alerts.receivers.every(({ waiting }) => waiting === 0), 'all is told');
  await second.stop();
  // Another address, and more of what there is; the third is the same.
  const changed = [
    { name: 'hook', webhook: { url: `${hooks.url}/moved` } },
    receivers[1]!,
    { ...receivers[2]!, only: { room: '*' } },
  ];
  const third = await home.start(with_(changed) as AgentConfig);
  await until('they are told', () => roomsAt('/moved').length === 3 && roomsAt('/some').length === 3);
  assert.deepEqual(roomsAt('/moved'), ['a firing', 'c firing', 'd firing']);
  assert.deepEqual(roomsAt('/some'), ['a firing', 'c firing', 'd firing']);
  assert.deepEqual(roomsAt('/new'), ['a firing', 'c firing', 'd firing']);
  assert.equal(silenced.code, 0);
  await third.stop();
  close();
});

test('lines are counted after mask and before process; Alertmanager has the fingerprints that the records have', {
  skip: NO_ALERTMANAGER,
}, async () => {
  await using home = await makeHome();
  await using hooks = await startHooks();
  await using server = await RunningAlertmanager.start(hooks.url);
  const log = home.path('app.log');
  await writeFile(log, '');
  const { config, close } = await setting(home, hooks, {
    rules: [
      {
        name: 'oom',
        log: { input: 'app', match: 'Out of memory' },
        value: 'count over 3s',
        fire: '> 1',
        summary: '{{value}}',
      },
      { name: 'leak', log: { input: 'app', match: 'hunter2' }, fire: '> 0' },
    ],
    receivers: [{ name: 'am', alertmanager: server.url, resend: '1s' }],
  });
  const logs = [
    {
      name: 'app',
      include: log,
      mask: [{ pattern: 'password=(\\w+)' }],
      process: [{ drop: { line: { contains: 'memory' } } }],
    },
  ];
  const agent = await home.start({ ...config, logs } as AgentConfig);
  await appendFile(log, 'Out of memory 1\nfine password=hunter2\nOut of memory 2\n');
  await agent.until((s) => s.alerts.firing === 1, 'it fires');
  assert.deepEqual(
    (await agent.status()).alerts.list.map(({ rule, value }) => [rule, value]),
    [['oom', 2]],
  );
  // No step of the configuration: it is not counted as one.
  assert.deepEqual(
    (await agent.status()).logs[0]!.steps.map(({ verb }) => verb),
    ['drop'],
  );
  let there = await server.alerts();
  for (; there.length === 0; there = await server.alerts()) await sleep(20);
  assert.equal(there[0]!.fingerprint, fingerprintOf(there[0]!.labels));
  await agent.until((s) => s.alerts.firing === 0, 'it ends where no more come');
  const file = await home.configure({ ...config, logs } as AgentConfig);
  await agent.stop();
  const made = await records(file);
  assert.equal(made[0]!.alert.fingerprint, there[0]!.fingerprint);
  assert.deepEqual(
    made.map(({ event }) => event.action),
    ['firing', 'resolved'],
  );
  close();
});

test('a line that does not come fires, also where it never came, and ends when it does', async () => {
  await using home = await makeHome();
  await using hooks = await startHooks();
  const log = home.path('app.log');
  await writeFile(log, '');
  const beat = { name: 'beat', log: { input: 'app', match: 'alive' }, value: 'count over 2s', fire: '< 1' };
  const { config, close } = await setting(home, hooks, { rules: [beat] });
  const agent = await home.start({ ...config, logs: [{ name: 'app', include: log }] } as AgentConfig);
  await until('it is told', () => hooks.taken.length === 1);
  assert.equal(toldBy(hooks)[0]!.status, 'firing');
  await appendFile(log, 'alive\n');
  await until('it ends', () => hooks.taken.length === 2);
  assert.equal(toldBy(hooks)[1]!.status, 'resolved');
  await agent.stop();
  close();
});

test('while Kafka is away lines that come are not missed, and those that do not come are', async () => {
  await using home = await makeHome();
  await using hooks = await startHooks();
  const log = home.path('app.log');
  await writeFile(log, 'alive\n');
  const beat = { name: 'beat', log: { input: 'app', match: 'alive' }, value: 'count over 3s', fire: '< 1' };
  const { config, close } = await setting(home, hooks, { rules: [beat] });
  const away = { brokers: [`127.0.0.1:${await freePort()}`] };
  const agent = await home.start({ ...config, kafka: away, logs: [{ name: 'app', include: log }] } as AgentConfig);
  // Long enough for it to have been missed.
  for (let i = 0; i < 12; i++) {
    await appendFile(log, 'alive\n');
    await sleep(500);
  }
  assert.deepEqual(hooks.taken, []);
  assert.ok((await agent.status()).logs[0]!.lag_seconds > 5, 'nothing is sent');
  await until('it is told', () => hooks.taken.length === 1);
  await appendFile(log, 'alive\n');
  await until('it ends', () => hooks.taken.length === 2);
  assert.deepEqual(
    toldBy(hooks).map(({ status }) => status),
    ['firing', 'resolved'],
  );
  await agent.stop();
  close();
});

test('rules on lines of the documentation arrive at an Alertmanager while Kafka refuses', {
  skip: NO_ALERTMANAGER,
}, async () => {
  await using home = await makeHome();
  await using hooks = await startHooks();
  await using server = await RunningAlertmanager.start(hooks.url);
  const text = await readFile(join(import.meta.dirname, '../../docs/alerting.md'), 'utf8');
  const twenty = parse([...text.matchAll(/```yaml\n(.*?)```/gs)].at(-1)![1]!) as { alerts: { rules: object[] } };
  const rules = twenty.alerts.rules.filter((rule) => 'log' in rule);
  assert.equal(rules.length, 3);
  const receivers = [{ name: 'am', alertmanager: server.url, resend: '1s' }];
  const { config, close } = await setting(home, hooks, { rules, receivers });
  const logs = ['kernel', 'auth'].map((name) => ({ name, include: home.path(`${name}.log`) }));
  for (const { include } of logs) await writeFile(include, '');
  const away = { brokers: [`127.0.0.1:${await freePort()}`] };
  const agent = await home.start({ ...config, kafka: away, logs, shutdown_timeout: '1s' } as AgentConfig);
  await appendFile(home.path('kernel.log'), 'Out of memory: Killed process 1\nEXT4-fs error (device sda1)\n');
  await appendFile(home.path('auth.log'), 'Failed password for root\n'.repeat(51));
  await eventually('they are there', async () => (await server.alerts()).length === 3);
  assert.deepEqual((await server.alerts()).map(({ labels }) => labels.alertname).sort(), [
    'disk-errors',
    'logins-failing',
    'out-of-memory',
  ]);
  assert.equal((await agent.status()).logs[0]!.lines, 0);
  await agent.stop();
  close();
});

const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';

test('the clock is set by an hour, both ways: what fires goes on, and ends when it should', {
  skip: existsSync(FAKETIME) ? false : `NOT TESTED: ${FAKETIME} is not installed (apt-get install faketime)`,
}, async () => {
  await using home = await makeHome();
  await using hooks = await startHooks();
  const clock = home.path('clock');
  const set = (offset: string) => writeFile(clock, offset);
  await set('+0s');
  const rule = { ...TEMP, for: '2s', keep: '2s' };
  const { config, gauge, close } = await setting(home, hooks, { rules: [rule], builtin: false });
  const clocks = [`FAKETIME_TIMESTAMP_FILE=${clock}`, 'FAKETIME_NO_CACHE=1', 'FAKETIME_DONT_FAKE_MONOTONIC=1'];
  const agent = await home.start(config, { through: ['env', `LD_PRELOAD=${FAKETIME}`, ...clocks] });
  const here = async () => Math.round((Date.parse((await agent.status()).time) - Date.now()) / 60_000);
  const hot = setInterval(() => gauge(60), 200);
  await until('it fires', () => hooks.taken.length === 1);
  for (const [offset, minutes] of [
    ['+1h', 60],
    ['-1h', -60],
  ] as const) {
    await set(offset);
    await eventually(`the clock is ${offset}`, async () => (await here()) === minutes);
    await sleep(4000);
    const { firing, pending } = (await agent.status()).alerts;
    assert.deepEqual([firing, pending, hooks.taken.length], [1, 0, 1]);
  }
  clearInterval(hot);
  const cool = setInterval(() => gauge(20), 200);
  const since = performance.now();
  await until('it ends', () => hooks.taken.length === 2);
  assert.ok(performance.now() - since > 1500, 'not before keep is over');
  clearInterval(cool);
  assert.deepEqual(
    toldBy(hooks).map(({ status }) => status),
    ['firing', 'resolved'],
  );
  await agent.stop();
  close();
});

test('a rule on a check of the configuration fires by its status, and ends with it', async () => {
  await using home = await makeHome();
  await using hooks = await startHooks();
  const status = home.path('status');
  await writeFile(status, '0');
  const rules = [{ name: 'raid-down', check: 'raid', fire: 'critical', severity: 'critical' }];
  const { config, close } = await setting(home, hooks, { rules });
  const checks = [{ name: 'raid', type: 'exec', command: ['/bin/sh', '-c', `exit $(cat ${status})`], parse: 'nagios' }];
  const agent = await home.start({ ...config, metrics: { interval: '1s', checks } } as AgentConfig);
  await agent.until((s) => s.checks.some(({ name, runs }) => name === 'raid' && runs > 1), 'it has run');
  assert.deepEqual(hooks.taken, []);
  await writeFile(status, '1');
  await sleep(2500);
  assert.deepEqual(hooks.taken, []);
  await writeFile(status, '2');
  await until('it fires', () => hooks.taken.length === 1);
  await writeFile(status, '0');
  await until('it ends', () => hooks.taken.length === 2);
  assert.deepEqual(
    toldBy(hooks).map(({ status, alerts }) => [status, alerts[0]!.labels.alertname]),
    [
      ['firing', 'raid-down'],
      ['resolved', 'raid-down'],
    ],
  );
  await agent.stop();
  close();
});

test('without alerts in the configuration the agent’s own are in the status, and no record is made', async () => {
  await using home = await makeHome();
  const away = `127.0.0.1:${await freePort()}`;
  const listen = `127.0.0.1:${await freePort()}`;
  const agent = await home.start({
    kafka: { brokers: [away] },
    metrics: { interval: '1s' },
    admin: { listen },
  } as AgentConfig);
  const said = await agent.until((s) => s.alerts.pending > 0, 'Kafka is away for a while');
  assert.deepEqual(
    said.alerts.list.map(({ rule, state }) => [rule, state]),
    [['runnel-kafka-unreachable', 'pending']],
  );
  const metrics = await (await fetch(`http://${listen}/metrics`)).text();
  assert.match(metrics, /^runnel_alerts\{state="pending"\} 1$/m);
  assert.equal(said.conservation.inputs.alerts?.received ?? 0, 0);
  await agent.stop();
});
