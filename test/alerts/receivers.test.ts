// Slow: waits for a real Alertmanager, and for pauses between attempts.
/** What receivers are told: by real servers, that hang, refuse, redirect, and are started again. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';
import { AlertJournal } from '../../src/alerts/journal.ts';
import type { Alert, Notification } from '../../src/alerts/notification.ts';
import { Alertmanager } from '../../src/alerts/notify/alertmanager.ts';
import { email } from '../../src/alerts/notify/email.ts';
import { exec } from '../../src/alerts/notify/exec.ts';
import { joinedOf, Mailbox } from '../../src/alerts/notify/mailbox.ts';
import { AT_ONCE, PAUSE_MS } from '../../src/alerts/notify/rule-limit.ts';
import { slack } from '../../src/alerts/notify/slack.ts';
import { webhook } from '../../src/alerts/notify/webhook.ts';
import type { ReceiverConfig } from '../../src/alerts/receiver.ts';
import { Receivers, type ReceiversOptions, toAll } from '../../src/alerts/receivers.ts';
import { NO_ALERTMANAGER, RunningAlertmanager } from '../support/alertmanager.ts';
import { directory } from '../support/directory.ts';
import { type HookServer, startHooks } from '../support/hooks.ts';
import { freePort } from '../support/ports.ts';
import { randomOf } from '../support/random.ts';
import { until } from '../support/until.ts';

const NEVER = new AbortController().signal;
const TIMEOUT = 2000;

function alert(change: number, more: Partial<Alert> = {}): Alert {
  const labels = { alertname: 'hot', instance: 'web-1', severity: 'critical', room: 'a' };
  return {
    rule: 'hot',
    ruleset: 'alerts',
    action: 'firing',
    fingerprint: '00000000000000aa',
    severity: 'critical',
    labels: { room: 'a' },
    prometheus: labels,
    host: 'web-1',
    summary: 'a has 60',
    value: 60,
    threshold: 50,
    for_seconds: 0,
    start: Date.now() - 1000,
    end: null,
    change,
    begins: true,
    ...more,
  };
}

function message(id: number, ...alerts: Alert[]): Notification {
  return { id, receiver: 'r', rule: alerts[0]!.rule, at: Date.now(), alerts };
}

function mailbox(
  t: TestContext,
  channel: ConstructorParameters<typeof Mailbox>[0]['channel'],
  waiting: Notification[] = [],
) {
  const done: number[] = [];
  const stop = new AbortController();
  const box = new Mailbox({
    name: 'r',
    channel,
    waiting,
    done: (ids) => done.push(...ids),
    replaced: (ids) => done.push(...ids),
    first_pause: 20,
  });
  const ran = box.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await ran;
  });
  return { box, done };
}

/** One receiver, that is told by a clock of its own. */
async function telling(
  t: TestContext,
  config: Partial<ReceiverConfig>,
  { firing = () => [], isSilenced = () => false }: Partial<Pick<ReceiversOptions, 'firing' | 'isSilenced'>> = {},
) {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-receivers-'));
  const journal = await AlertJournal.open(join(dir, 'alerts.journal'));
  const clock = { now: 0 };
  let id = 0;
  const next = () => ++id;
  const receivers = await Receivers.open([{ name: 'r', resend: 60_000, timeout: TIMEOUT, only: {}, ...config }], {
    ...{ journal, firing, isSilenced, next, host: 'web-1' },
    clock: () => clock.now,
  });
  const stop = new AbortController();
  const ran = receivers.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await ran;
    await journal.close();
    rmSync(dir, { recursive: true });
  });
  const tell = async (...alerts: Alert[]) => {
    const told = alerts.map((one) => ({ alert: one, to: toAll }));
    const { letters, done } = receivers.letters(told, Date.now());
    await journal.take({ queued: letters.map(({ notification }) => notification), done }, { sync: false });
    receivers.deliver(letters, told);
  };
  return { receivers, journal, clock, next, tell };
}

test('a webhook: Alertmanager’s shape, signed, the same key when it is sent again, in order', async (t) => {
  await using hooks: HookServer = await startHooks();
  hooks.answer = (_, index) => ({ code: [503, 429][index] ?? 200, headers: { 'Retry-After': '0' } });
  const channel = webhook({ url: `${hooks.url}/x`, headers: { 'X-Team': 'ops' }, secret: 's3' }, 'r', TIMEOUT);
  const { box, done } = mailbox(t, channel, [
    message(1, alert(1)),
    message(2, alert(2, { action: 'resolved', end: Date.now() })),
  ]);
  await until('both are told', () => done.length === 2);
  assert.deepEqual(done, [1, 2]);
  const keys = hooks.taken.map(({ headers }) => headers['idempotency-key']);
  assert.equal(keys.length, 4);
  assert.ok(keys[0] === keys[1] && keys[1] === keys[2] && keys[2] !== keys[3], String(keys));
  for (const { headers, body, path } of hooks.taken) {
    assert.equal(path, '/x');
    assert.equal(headers['x-team'], 'ops');
    const signed = createHmac('sha256', 's3').update(`${headers['x-runnel-timestamp']}.${body}`).digest('hex');
    assert.equal(headers['x-runnel-signature'], `sha256=${signed}`);
  }
  const [first, last] = [hooks.taken[0]!, hooks.taken[3]!].map(({ body }) => JSON.parse(body));
  assert.equal(first.version, '4');
  assert.equal(first.status, 'firing');
  assert.equal(first.alerts[0].endsAt, '0001-01-01T00:00:00Z');
  assert.deepEqual(first.commonLabels, { alertname: 'hot', instance: 'web-1', severity: 'critical', room: 'a' });
  assert.equal(last.status, 'resolved');
  assert.equal(box.status.error, null);
});

test('what answers 400 or redirects is not told again, and that is counted and said', async (t) => {
  await using hooks = await startHooks();
  hooks.answer = (_, index) =>
    [
      { code: 400, body: 'no\u0007 such\nthing' },
      { code: 302, headers: { Location: hooks.url } },
    ][index] ?? { code: 200 };
  const channel = webhook({ url: hooks.url, headers: {} }, 'r', TIMEOUT);
  const { box, done } = mailbox(
    t,
    channel,
    [1, 2, 3].map((id) => message(id, alert(id))),
  );
  await until('all are over', () => done.length === 3);
  assert.equal(hooks.taken.length, 3);
  assert.equal(box.status.dropped, 2);
  assert.equal(box.status.delivered, 1);
  assert.deepEqual(await channel.tell(message(4, alert(4)), NEVER), { done: true });
});

test('one that hangs, or is not there, holds up nobody else and is tried again', async (t) => {
  await using hooks = await startHooks();
  let hang = true;
  hooks.answer = () => (hang ? null : { code: 200 });
  const { box, done } = mailbox(t, webhook({ url: hooks.url, headers: {} }, 'r', 200), [message(1, alert(1))]);
  await until('it is said', () => box.status.error !== null);
  assert.match(box.status.error!, /has not answered for 0\.2 s/);
  hang = false;
  await until('it is told', () => done.length === 1);
  const nobody = webhook({ url: `http://127.0.0.1:${await freePort()}`, headers: {} }, 'r', TIMEOUT);
  const told = await nobody.tell(message(1, alert(1)), NEVER);
  assert.match(String((told as { error: string }).error), /ECONNREFUSED/);
});

test('one that closes, or breaks off its answer, is tried again', async (t) => {
  await using hooks = await startHooks();
  let closes = 2;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    // Half an answer, then none at all.
    if (closes === 2) socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok'));
    else if (closes === 1) socket.destroy();
    else {
      const next = connect(Number(new URL(hooks.url).port), '127.0.0.1');
      socket.pipe(next).pipe(socket);
      next.on('error', () => undefined);
    }
    closes--;
  }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await until('it listens', () => server.listening);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { box, done } = mailbox(t, webhook({ url, headers: {} }, 'r', TIMEOUT), [message(1, alert(1))]);
  await until('it is told', () => done.length === 1);
  assert.equal(box.status.delivered, 1);
  assert.equal(hooks.taken.length, 1);
});

test('what still fires is told again, as often as that is wanted, and nothing that is silenced', async (t) => {
  await using hooks = await startHooks();
  let silenced = false;
  let firing = [alert(1), alert(2, { fingerprint: 'bb', severity: 'info' })];
  const { receivers, journal, clock, tell } = await telling(
    t,
    { webhook: { url: hooks.url, headers: {} }, only: { severity: 'critical' }, remind: 3_600_000 },
    { firing: () => firing, isSilenced: () => silenced },
  );
  await tell(...firing);
  const minutes = async (n: number) => {
    for (let i = 0; i < n; i++) {
      clock.now += 60_000;
      receivers.remind();
      await until('all is told', () => receivers.status[0]!.waiting === 0);
    }
    return hooks.taken.map(({ body }) => JSON.parse(body).alerts.length);
  };
  assert.deepEqual(await minutes(59), [1]);
  assert.deepEqual(await minutes(61), [1, 1, 1]);
  silenced = true;
  assert.deepEqual(await minutes(180), [1, 1, 1]);
  firing = [];
  silenced = false;
  assert.deepEqual(await minutes(180), [1, 1, 1]);
  await journal.written();
  assert.equal(journal.kept.queued.size, 0);
});

test('joined: the latest of each alert, one message a rule; what began and ended meanwhile is none', () => {
  const other = { fingerprint: '00000000000000bb' };
  const resolved = { action: 'resolved' as const, end: Date.now() };
  const joined = joinedOf([
    message(1, alert(1)),
    message(2, alert(2, other)),
    message(3, alert(3, { rule: 'cold', fingerprint: 'cc' })),
    message(4, alert(4, resolved)),
    message(5, alert(5, { ...other, value: 70 })),
  ]);
  assert.deepEqual(
    joined.map(({ id, alerts }) => [id, alerts.map(({ change }) => change)]),
    [
      [5, [5]],
      [3, [3]],
    ],
  );
  // It was told before what waits here.
  const goesOn = { begins: false };
  for (const first of [alert(1, goesOn), alert(1, { ...goesOn, action: 'no_data' })]) {
    const [ended] = joinedOf([message(1, first), message(2, alert(2, { ...goesOn, ...resolved }))]);
    assert.deepEqual(
      ended!.alerts.map(({ action }) => action),
      ['resolved'],
    );
  }
  // Joined twice.
  const twice = joinedOf([
    ...joinedOf([message(1, alert(1)), message(2, alert(2, other))]),
    message(3, alert(3, resolved)),
  ]);
  assert.deepEqual(
    twice.map(({ alerts }) => alerts.map(({ change }) => change)),
    [[2]],
  );
  // One that was told before, and ended and fires again.
  assert.deepEqual(
    joinedOf([message(1, alert(1, resolved)), message(2, alert(2))]).map(({ alerts }) =>
      alerts.map(({ change }) => change),
    ),
    [[2]],
  );
});

test('what is joined while a message is on its way is on disk, and everybody’s last state is told', async (t) => {
  await using hooks = await startHooks();
  const dir = mkdtempSync(join(tmpdir(), 'runnel-joined-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const journal = await AlertJournal.open(join(dir, 'alerts.journal'));
  let answers = false;
  hooks.answer = () => (answers ? { code: 200 } : null);
  const stop = new AbortController();
  const box = new Mailbox({
    name: 'r',
    channel: webhook({ url: hooks.url, headers: {} }, 'r', 1000),
    waiting: [],
    done: (ids) => void journal.take({ done: ids }, { sync: false }),
    replaced: (done, queued) => void journal.take({ done, queued }, { sync: false }),
    first_pause: 20,
  });
  const put = (one: Notification) => {
    void journal.take({ queued: [one] }, { sync: false });
    box.put(one);
  };
  const ran = box.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await ran;
    await journal.close();
  });
  put(message(1, alert(1)));
  await until('it is on its way', () => hooks.taken.length === 1);
  // The first may be told: that it ended must be, too. Of the others the last.
  const other = { rule: 'cold', fingerprint: 'cc', begins: false };
  put(message(2, alert(2, { action: 'resolved', end: Date.now(), begins: false })));
  for (let id = 3; id <= 1001; id++) {
    put(message(id, alert(id, { ...other, action: id % 2 === 1 ? 'resolved' : 'firing' })));
  }
  assert.equal(box.status.waiting, 3);
  await journal.written();
  const again = await AlertJournal.open(join(dir, 'alerts.journal'));
  assert.deepEqual(
    [...again.kept.queued.keys()].sort((a, b) => a - b),
    [1, 2, 1001],
  );
  await again.close();
  answers = true;
  await until('all is told', () => box.status.delivered === 3);
  const told = hooks.taken.slice(-3).map(({ body }) => JSON.parse(body));
  assert.deepEqual(
    told.map(({ groupLabels, status }) => [groupLabels.alertname, status]),
    [
      ['hot', 'firing'],
      ['hot', 'resolved'],
      ['cold', 'resolved'],
    ],
  );
  assert.equal(journal.kept.queued.size, 0);
});

test('of what waits there is a bound: the oldest is given up, counted and said, and written down as done', async (t) => {
  const gone = webhook({ url: `http://127.0.0.1:${await freePort()}`, headers: {} }, 'r', TIMEOUT);
  const { box, done } = mailbox(t, gone);
  const many = (id: number) =>
    message(
      id,
      ...Array.from({ length: 1000 }, (_, i) => alert(id * 1000 + i, { rule: `r${id}`, fingerprint: `${id} ${i}` })),
    );
  for (let id = 1; id <= 15; id++) box.put(many(id));
  // The first may be on its way.
  assert.deepEqual(done, [2, 3, 4, 5, 6]);
  assert.deepEqual([box.status.waiting, box.status.dropped, box.status.error], [10, 5, 'too many wait']);
});

test('what ends again and again is kept for an Alertmanager once, and not at all while it fires', async (t) => {
  let firing: Alert[] = [];
  const alertmanager = [`http://127.0.0.1:${await freePort()}`];
  const { receivers, journal, next, tell } = await telling(t, { alertmanager }, { firing: () => firing });
  const ended = (fingerprint: string) =>
    alert(next(), { fingerprint, action: 'resolved', end: Date.now(), begins: false });
  for (let round = 0; round < 50; round++) {
    await tell(ended('aa'), ended('bb'), ended(`c${round % 2}`));
    receivers.forget();
  }
  const kept = () => [...journal.kept.queued.values()].flatMap(({ alerts }) => alerts.map((one) => one.fingerprint));
  assert.deepEqual(kept().sort(), ['aa', 'bb', 'c0', 'c1']);
  firing = [alert(next(), { fingerprint: 'c0' })];
  receivers.forget();
  assert.deepEqual(kept().sort(), ['aa', 'bb', 'c1']);
});

test('what flaps for hours is told ten times an hour, each beginning at once, and what is so in the end', async (t) => {
  await using hooks = await startHooks();
  const { receivers, journal, clock, next, tell } = await telling(t, { webhook: { url: hooks.url, headers: {} } });
  const at: number[] = [];
  const all: { status: string; startsAt: string; annotations: Record<string, string> }[] = [];
  hooks.answer = ({ body }) => {
    all.push(...JSON.parse(body).alerts);
    return { code: 200 };
  };
  let changes = 0;
  const change = async (action: 'firing' | 'resolved' | null) => {
    const { now } = clock;
    if (action !== null) {
      changes++;
      await tell(alert(next(), { action, start: now, end: action === 'resolved' ? now : null, begins: false }));
    }
    receivers.tellLate();
    await until('all is told', () => receivers.status[0]!.waiting === 0);
    while (at.length < all.length) at.push(now);
    clock.now += 10_000;
  };
  const HOURS = 3;
  for (let i = 0; i < HOURS * 360; i++) await change(i % 2 === 0 ? 'firing' : 'resolved');
  for (const from of at)
    assert.ok(at.filter((time) => time >= from && time < from + 3_600_000).length <= 10, String(at));
  assert.ok(at.length >= HOURS * 9, String(at));
  // It was told that it fires within moments of its beginning, and never twice the same.
  for (const [i, { status, startsAt }] of all.entries()) {
    assert.equal(status, i % 2 === 0 ? 'firing' : 'resolved');
    if (status === 'firing') assert.equal(Date.parse(startsAt), at[i]);
  }
  assert.match(all[8]!.annotations.flapping!, /^it flaps: that it ends may be told an hour late$/);
  assert.match(all[9]!.annotations.flapping!, /^\d+ changes before it were not told$/);
  // It stays as it is: in an hour everybody knows.
  for (let i = 0; i < 360; i++) await change(null);
  assert.equal(all.at(-1)!.status, 'resolved');
  assert.equal(at.length + receivers.status[0]!.merged, changes);
  await change('firing');
  assert.equal(all.at(-1)!.status, 'firing');
  assert.equal(journal.kept.queued.size, 0);
});

test('many of a rule that flap are told in few messages, and in the end each as it is', async (t) => {
  await using hooks = await startHooks();
  const { receivers, journal, clock, next, tell } = await telling(t, { webhook: { url: hooks.url, headers: {} } });
  const random = randomOf(11);
  const state = new Map<string, Alert['action']>();
  const told = new Map<string, string>();
  const at: number[] = [];
  let rules: string[] = [];
  hooks.answer = ({ body }) => {
    const { alerts, groupLabels } = JSON.parse(body);
    rules.push(groupLabels.alertname);
    if (groupLabels.alertname === 'hot') at.push(clock.now);
    for (const { fingerprint, status } of alerts) told.set(fingerprint, status);
    return { code: 200 };
  };
  const window = async (...changes: Alert[]) => {
    await tell(...changes);
    receivers.tellLate();
    await until('all is told', () => receivers.status[0]!.waiting === 0);
    clock.now += 10_000;
  };
  // Each for a minute or so, a thousand of them, for two hours.
  for (let i = 0; i < 720; i++) {
    const changes: Alert[] = [];
    for (let n = 0; n < 1000; n++) {
      if (random() > 0.01) continue;
      const fingerprint = `a${n}`;
      const begins = state.get(fingerprint) !== 'firing';
      state.set(fingerprint, begins ? 'firing' : 'resolved');
      const more = begins ? { begins } : { begins, action: 'resolved' as const, end: Date.now() };
      changes.push(alert(next(), { fingerprint, ...more }));
    }
    await window(...changes);
  }
  for (const from of at) {
    const hour = at.filter((time) => time >= from && time < from + 3_600_000).length;
    assert.ok(hour <= AT_ONCE + 3_600_000 / PAUSE_MS, String(hour));
  }
  // Another rule is told at once all the same.
  rules = [];
  await window(alert(next(), { rule: 'cold', fingerprint: 'cc' }));
  assert.ok(rules.includes('cold'));
  // When it is calm everybody knows what is so; who never was told of it need not know that it ended.
  for (let i = 0; i < 400; i++) await window();
  for (const [fingerprint, action] of state) {
    assert.equal(told.get(fingerprint) ?? 'resolved', action, fingerprint);
  }
  assert.equal(journal.kept.queued.size, 0);
  assert.ok(receivers.status[0]!.merged > 1000);
});

test('Slack is told at most once a second, and not before it says', async (t) => {
  await using hooks = await startHooks();
  hooks.answer = (_, index) => (index === 1 ? { code: 429, headers: { 'Retry-After': '2' } } : { code: 200 });
  const { done } = mailbox(
    t,
    slack(hooks.url, TIMEOUT),
    [1, 2, 3].map((id) => message(id, alert(id))),
  );
  await until('all are told', () => done.length === 3);
  const [a, b, c, d] = hooks.taken.map(({ at }) => at);
  assert.ok(b! - a! > 990 && c! - b! > 1990 && d! - c! > 990, String([a, b, c, d]));
});

test('Slack: nothing in a label is markup, or calls anybody', async () => {
  await using hooks = await startHooks();
  const bad = alert(1, {
    summary: '<!channel> & <http://x|y>\u0000',
    labels: { a: '<@U1>', b: 'x\r\nresolved: all is well' },
  });
  assert.deepEqual(await slack(hooks.url, TIMEOUT).tell(message(1, bad), NEVER), { done: true });
  const { text, mrkdwn, attachments } = JSON.parse(hooks.taken[0]!.body);
  assert.equal(text, '[FIRING:1] hot on web-1');
  assert.equal(mrkdwn, false);
  assert.match(attachments[0].text, /^firing: &lt;!channel&gt; &amp; &lt;http:\/\/x\|y&gt;/);
  assert.doesNotMatch(attachments[0].text, /[<>]/);
  // A label makes no line of its own.
  assert.match(attachments[0].text, /\(a=&lt;@U1&gt;, b=x resolved: all is well\)$/);
});

test('a program: JSON on its input, no shell, killed with what it began at its deadline', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-exec-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const out = join(dir, 'out');
  const script = `cat > ${out}; echo "$RUNNEL_ALERT $RUNNEL_ALERT_STATUS $RUNNEL_ALERT_SUMMARY $SECRET" > ${out}.env`;
  process.env.SECRET = 'not for it';
  const wild = alert(1, { summary: '$(touch /tmp/x); `id`' });
  const told = await exec(['/bin/sh', '-c', script], 'r', TIMEOUT).tell(message(1, wild), NEVER);
  delete process.env.SECRET;
  assert.deepEqual(told, { done: true });
  assert.equal(JSON.parse(readFileSync(out, 'utf8')).alerts[0].annotations.summary, '$(touch /tmp/x); `id`');
  assert.equal(readFileSync(`${out}.env`, 'utf8'), 'hot firing $(touch /tmp/x); `id` \n');
  const failed = await exec(['/bin/sh', '-c', 'echo no luck; exit 3'], 'r', TIMEOUT).tell(message(1, wild), NEVER);
  assert.deepEqual(failed, { done: 'refused', error: '/bin/sh ended with 3: no luck' });
  const began = performance.now();
  const forks = ['/bin/sh', '-c', `(sleep 60; touch ${out}.late) & sleep 60`];
  const late = await exec(forks, 'r', 300).tell(message(1, wild), NEVER);
  assert.deepEqual(late, { done: 'refused', error: '/bin/sh did not end in 0.3 s and was killed' });
  assert.ok(performance.now() - began < 5000);
  assert.ok(!existsSync(`${out}.late`));
  // One that starts a daemon is not waited for; what else it leaves is ended at the deadline.
  const pids = (name: string) => Number(readFileSync(`${out}.${name}`, 'utf8'));
  const lives = (pid: number) =>
    existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  const daemon = `setsid sh -c 'echo $$ > ${out}.daemon; exec sleep 60' & sh -c 'echo $$ > ${out}.fork; exec sleep 60' & sleep 0.2`;
  const before = performance.now();
  assert.deepEqual(await exec(['/bin/sh', '-c', daemon], 'r', 3000).tell(message(1, wild), NEVER), { done: true });
  assert.ok(performance.now() - before < 3000 && lives(pids('fork')));
  await until('what it left is ended', () => !lives(pids('fork')));
  assert.ok(lives(pids('daemon')));
  process.kill(pids('daemon'), 'SIGKILL');
  // One that ends badly says so, whatever it leaves.
  const bad = await exec(['/bin/sh', '-c', 'sleep 20 & echo no; exit 2'], 'r', 500).tell(message(1, wild), NEVER);
  assert.deepEqual(bad, { done: 'refused', error: '/bin/sh ended with 2: no' });
  const none = await exec(['/no/such/program'], 'r', TIMEOUT).tell(message(1, wild), NEVER);
  assert.match((none as { error: string }).error, /^cannot run \/no\/such\/program: /);
});

test('exec: what it runs ends with the agent, however that ends, but for a daemon', async (t) => {
  const dir = directory(t);
  const [began, daemon] = [join(dir, 'began'), join(dir, 'daemon')];
  const script = `setsid sh -c 'echo $$ > ${daemon}; exec sleep 600' & sleep 600 & echo $$ $! > ${began}.new; mv ${began}.new ${began}; wait`;
  const program = `
    const { exec } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/alerts/notify/exec.ts'))});
    const told = exec(['/bin/sh', '-c', ${JSON.stringify(script)}], 'r', 600000).tell(${JSON.stringify(message(1, alert(1)))}, new AbortController().signal);
    console.log('begun');
    await told;
  `;
  const agent = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lives = (pid: number) =>
    existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  const all: number[] = [];
  t.after(() => {
    for (const pid of [agent.pid!, ...all].filter(lives)) process.kill(pid, 'SIGKILL');
  });
  await once(agent.stdout, 'data');
  await until('all has begun', () => existsSync(began) && existsSync(daemon) && readFileSync(daemon, 'utf8') !== '');
  for (const file of [daemon, began]) all.push(...readFileSync(file, 'utf8').trim().split(' ').map(Number));
  agent.kill('SIGKILL');
  const [apart, ...others] = all;
  await until('none is left', () => !others.some(lives));
  assert.ok(others.length === 2 && lives(apart!));
});

test('mail: a real server; nothing in a label becomes a header', async (t) => {
  const mails: string[] = [];
  let refuse = false;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onMailFrom: (_, __, next) =>
      next(refuse ? Object.assign(new Error('no such sender'), { responseCode: 550 }) : null),
    onData(stream, _, next) {
      let text = '';
      stream.on('data', (chunk: Buffer) => {
        text += chunk;
      });
      stream.on('end', () => {
        mails.push(text);
        next();
      });
    },
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  t.after(() => new Promise<void>((resolve) => server.close(resolve)));
  const config = { url: `smtp://127.0.0.1:${port}`, from: 'runnel@example.com', to: ['ops@example.com'] };
  const channel = await email(config, TIMEOUT);
  const bad = alert(1, { rule: 'hot', host: 'web-1\r\nBcc: all@example.com', summary: 'ü\r\nX: y' });
  assert.deepEqual(await channel.tell(message(1, bad), NEVER), { done: true });
  const [head] = mails[0]!.split('\r\n\r\n');
  assert.match(head!, /^Subject: .*FIRING:1/m);
  assert.doesNotMatch(head!, /^Bcc:/im);
  assert.deepEqual(mails[0]!.match(/^(firing|resolved|X):/gm), ['firing:']);
  assert.match(head!, /^Auto-Submitted: auto-generated$/m);
  refuse = true;
  assert.equal((await channel.tell(message(2, bad), NEVER)).done, 'refused');
  const nobody = await email({ ...config, url: `smtp://127.0.0.1:${await freePort()}` }, TIMEOUT);
  assert.equal((await nobody.tell(message(3, bad), NEVER)).done, false);
});

test('Alertmanager is told what is so: after SIGTERM and kill -9, with a clock an hour off, and that it ended', {
  skip: NO_ALERTMANAGER,
}, async (t) => {
  await using hooks = await startHooks();
  await using server = await RunningAlertmanager.start(hooks.url);
  const now = Date.now();
  // Our clock is an hour behind its.
  const real = Date.now;
  t.mock.method(Date, 'now', () => real() - 3_600_000);
  const firing = alert(1, { start: Date.now() - 5000 });
  let alerts: Alert[] = [firing];
  const stop = new AbortController();
  const told = new Alertmanager({
    name: 'am',
    urls: [server.url],
    resend: 500,
    timeout: TIMEOUT,
    alerts: () => alerts,
  });
  const ran = told.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await ran;
  });
  const has = async (n: number) => {
    for (let i = 0; i < 400; i++) {
      const all = await server.alerts();
      if (all.length === n) return all;
      await sleep(25);
    }
    assert.fail(`Alertmanager never had ${n} alerts: ${told.status.error}`);
  };
  const [one] = await has(1);
  assert.ok(Math.abs(Date.parse(one!.startsAt) - (now - 5000)) < 5000, one!.startsAt);
  assert.ok(Date.parse(one!.endsAt) > now);
  assert.deepEqual(one!.labels, firing.prometheus);
  await until('its webhook is told', () => hooks.taken.length > 0);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await server.end(signal);
    await until('it is said', () => told.status.error !== null);
    assert.equal(told.status.waiting, 1);
    await server.run();
    await until('it has it', () => told.status.waiting === 0);
    await has(1);
  }
  const before = hooks.taken.length;
  alerts = [alert(2, { action: 'resolved', start: firing.start, end: Date.now() })];
  told.kick();
  await has(0);
  await until('its webhook is told that it ended', () =>
    hooks.taken.slice(before).some(({ body }) => JSON.parse(body).status === 'resolved'),
  );
});
