/** The journal of a real journald, read by an agent: what stands in records, and that nothing is lost or twice. */
// Slow: starts journald and agents.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { type AgentConfig, type Home, makeHome, runnel } from '../../../support/agent.ts';
import { type Journald, noJournald, type SentEntry, startJournald } from '../../../support/journald.ts';
import { eventually } from '../../../support/until.ts';

const skip = noJournald ?? false;
// biome-ignore lint/suspicious/noExplicitAny: a document as it came
type Doc = Record<string, any>;

/** What is in the local log, of a stopped agent. */
async function sent(home: Home, topic = 'runnel.logs'): Promise<Doc[]> {
  const { stdout, stderr, code } = await runnel('spool', 'cat', topic, '-n', '100000', '-c', home.path('runnel.yaml'));
  assert.equal(code, 0, stderr);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** An entry of the configuration: what the test has sent. */
function reading(journald: Journald, more: Record<string, unknown> = {}, of: Record<string, unknown> = {}) {
  const where = { directory: journald.directory, match: 'TEST=1', ...of };
  return { logs: [{ name: 'journal', journald: where, ...more }] } satisfies AgentConfig;
}

function entries(from: number, to: number): SentEntry[] {
  return Array.from({ length: to - from }, (_, i) => ({ TEST: '1', MESSAGE: `message ${from + i}` }));
}

function messages(from: number, to: number): string[] {
  return entries(from, to).map(({ MESSAGE }) => String(MESSAGE));
}

/** Runs an agent until it has read so many lines, and stops it. */
async function readLines(home: Home, config: AgentConfig, lines: number): Promise<void> {
  const agent = await home.start(config);
  await agent.until((s) => s.logs[0]!.lines >= lines, `${lines} lines are read`);
  await agent.stop();
}

test('a record has what journald knows of the entry', { skip }, async () => {
  await using journald = await startJournald();
  await using home = await makeHome();
  const about = { SYSLOG_FACILITY: '3', SYSLOG_IDENTIFIER: 'shop', CONTAINER_NAME: 'web', TEST: '1' };
  await journald.send([{ MESSAGE: 'card declined', PRIORITY: '3', ...about }]);
  await readLines(home, reading(journald), 1);
  const [record] = await sent(home);
  const { '@timestamp': time, event, log, process: by, systemd, ...rest } = record!;
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000, time);
  assert.ok(Date.parse(event.created) >= Date.parse(time));
  assert.equal(event.dataset, 'journal');
  const syslog = { severity: { code: 3 }, facility: { code: 3 }, appname: 'shop' };
  const file = { path: journald.directory, id: log.file.id };
  assert.deepEqual(log, { level: 'error', syslog, file, offset: 0, length: 14 });
  assert.match(log.file.id, /^[0-9a-f]{16}$/);
  assert.ok(by.pid > 1);
  assert.equal(by.name, 'python3');
  assert.equal(systemd.transport, 'journal');
  assert.match(systemd.boot_id, /^[0-9a-f]{32}$/);
  const host = { name: 'web-1' };
  assert.deepEqual(rest, { message: 'card declined', user: { id: '0' }, container: { name: 'web' }, host });
});

test('messages of several lines, none, a megabyte, and of bytes that are no UTF-8', { skip }, async () => {
  await using journald = await startJournald();
  await using home = await makeHome();
  await journald.send([
    { MESSAGE: 'two\nlines\n', TEST: '1' },
    { MESSAGE: Buffer.from([0x61, 0xff, 0x00, 0x62]), TEST: '1' },
    { TEST: '1' },
    { MESSAGE: '', TEST: '1' },
  ]);
  const letter = 'é';
  await journald.print('long', [letter.repeat(500_000), 'behind it']);
  const config = reading(journald, { max_line: '100001B' }, { match: ['TEST=1', '+', 'SYSLOG_IDENTIFIER=long'] });
  const agent = await home.start(config);
  const status = await agent.until((s) => s.logs[0]!.lines >= 6, 'all is read');
  assert.deepEqual([status.logs[0]!.truncated, status.logs[0]!.files[0]!.truncated], [1, 1]);
  await agent.stop();
  const records = await sent(home);
  assert.deepEqual(
    records.map(({ message }) => message),
    ['two\nlines\n', 'a\ufffd\u0000b', '', '', letter.repeat(50_000), 'behind it'],
  );
  assert.deepEqual(records[4]!.log.flags, ['truncated']);
  // Offsets are those of a file with these messages as its lines.
  let offset = 0;
  for (const { log } of records) {
    assert.equal(log.offset, offset);
    offset += log.length;
  }
  assert.equal(offset, 11 + 5 + 1 + 1 + 1_000_001 + 10);
});

test('a restart goes on behind the last entry, over rotations and kill -9 of journald', { skip }, async () => {
  await using journald = await startJournald();
  await using home = await makeHome();
  await journald.send(entries(0, 100));
  await readLines(home, reading(journald), 100);
  await journald.send(entries(100, 150));
  await journald.rotate();
  await readLines(home, reading(journald), 50);
  await journald.send(entries(150, 200));
  // While it reads, too.
  const agent = await home.start(reading(journald));
  await journald.send(entries(200, 300));
  await journald.rotate();
  // What was read may go.
  await agent.until((s) => s.logs[0]!.lines >= 150, 'what lies before is read');
  await journald.vacuum();
  await journald.send(entries(300, 350));
  await journald.kill();
  await journald.start();
  await journald.send(entries(350, 400));
  const { lost } = await agent.until((s) => s.logs[0]!.lines >= 250, 'all is read');
  assert.deepEqual(lost, []);
  await agent.stop();
  assert.deepEqual(
    (await sent(home)).map(({ message }) => message),
    messages(0, 400),
  );
});

test('what was said before the machine was booted again is read, too', { skip }, async () => {
  await using journald = await startJournald();
  await using home = await makeHome();
  await journald.kill('SIGTERM');
  await journald.start({ boot: '11111111-1111-4111-8111-111111111111' });
  await journald.send(entries(0, 3));
  await readLines(home, reading(journald), 3);
  // While the agent is down already, and the machine is not.
  await journald.send(entries(3, 5));
  await journald.kill('SIGTERM');
  await journald.start({ boot: '22222222-2222-4222-8222-222222222222' });
  await journald.send(entries(5, 8));
  await readLines(home, reading(journald), 5);
  const records = await sent(home);
  assert.deepEqual(
    records.map(({ message }) => message),
    messages(0, 8),
  );
  const boots = records.map(({ systemd }) => systemd.boot_id[0]).join('');
  assert.equal(boots, '11111222');
});

test('what journald removes before it is read is counted', { skip }, async () => {
  await using journald = await startJournald();
  await using home = await makeHome();
  const all = reading(journald, {}, { match: [] });
  const agent = await home.start(all);
  await journald.send(entries(0, 10));
  await agent.until((s) => s.logs[0]!.lines >= 12, 'it is read');
  await agent.stop();
  await journald.send(entries(10, 60));
  await journald.rotate();
  await journald.vacuum();
  await journald.send(entries(60, 70));
  const second = await home.start(all);
  const status = await second.until((s) => s.logs[0]!.lines >= 10 && s.lost.length > 0, 'the rest is read');
  await second.stop();
  const texts = (await sent(home)).map(({ message }) => message).filter((one) => one.startsWith('message'));
  assert.deepEqual(texts, [...messages(0, 10), ...messages(60, 70)]);
  // journald says itself what it vacuumed, and numbers that, too.
  const [loss] = status.lost;
  assert.deepEqual([loss!.input, loss!.reason], ['logs.journal', 'vacuumed']);
  assert.ok(loss!.records >= 50 && loss!.records <= 55, `${loss!.records}`);
  assert.match(second.stderr, /journald has removed \d+ entries before they were read \(vacuumed\): let journald keep/);
});

test('what came and went while journalctl was behind is counted', { skip }, async () => {
  await using journald = await startJournald();
  await using home = await makeHome();
  const all = reading(journald, {}, { match: [] });
  const agent = await home.start(all);
  await journald.send(entries(0, 10));
  await agent.until((s) => s.logs[0]!.lines >= 12, 'it is read');
  const [follower] = spawnSync('pgrep', ['-P', `${agent.pid}`, 'journalctl'])
    .stdout.toString()
    .split('\n');
  process.kill(Number(follower), 'SIGSTOP');
  await journald.send(entries(10, 20));
  await journald.rotate();
  await journald.send(entries(20, 60));
  await journald.rotate();
  await journald.vacuum();
  await journald.send(entries(60, 70));
  process.kill(Number(follower), 'SIGCONT');
  const { lost } = await agent.until((s) => s.lost.length > 0, 'it is said');
  await journald.send(entries(70, 80));
  const last = async () => (await sent(home)).some(({ message }) => message === 'message 79');
  await eventually('the last ones are read', last);
  const { conservation } = await agent.status();
  assert.equal(conservation.total.dropped, lost[0]!.records);
  await agent.stop();
  const texts = (await sent(home)).map(({ message }) => message).filter((one) => one.startsWith('message'));
  const has = new Set(texts);
  assert.deepEqual([has.size, texts.at(-1)], [texts.length, 'message 79']);
  const gone = messages(0, 80).filter((text) => !has.has(text));
  // Those of files that it had open may be read yet.
  assert.ok(gone.length >= 40, `${gone.length}`);
  const { reason, records } = lost[0]!;
  assert.equal(reason, 'vacuumed');
  assert.ok(records >= gone.length && records <= gone.length + 5, `${records} for ${gone.length}`);
});

test('where entries are selected it is said that some may be lost, and not how many', { skip }, async () => {
  await using journald = await startJournald();
  await using home = await makeHome();
  await journald.send(entries(0, 10));
  await readLines(home, reading(journald), 10);
  await journald.send(entries(10, 60));
  await journald.rotate();
  await journald.vacuum();
  await journald.send(entries(60, 70));
  const agent = await home.start(reading(journald));
  const { lost } = await agent.until((s) => s.logs[0]!.lines >= 10, 'the rest is read');
  assert.deepEqual(
    lost.map(({ reason, records }) => [reason, records]),
    [['vacuumed', 0]],
  );
  assert.match(agent.stderr, /journald has removed at most 5\d entries/);
  await agent.stop();
});

test('units and matches select entries; another selection reads nothing again, and finds no loss', {
  skip,
}, async () => {
  await using journald = await startJournald();
  await using home = await makeHome();
  const of = (unit: string, text: string): SentEntry => ({ OBJECT_SYSTEMD_UNIT: unit, MESSAGE: text, COLOUR: text });
  await journald.send([of('nginx.service', 'one'), of('sshd.service', 'two'), of('nginx.service', 'three')]);
  await readLines(home, reading(journald, {}, { units: 'nginx', match: [] }), 2);
  await journald.send([of('nginx.service', 'four'), of('sshd.service', 'five'), of('sshd.service', 'six')]);
  const agent = await home.start(
    reading(journald, {}, { units: ['sshd.service'], match: ['COLOUR=five', 'COLOUR=six'] }),
  );
  const { lost } = await agent.until((s) => s.logs[0]!.lines >= 2, 'the others are read');
  assert.deepEqual(lost, []);
  await agent.stop();
  assert.deepEqual(
    (await sent(home)).map(({ message }) => message),
    ['one', 'three', 'five', 'six'],
  );
});

test('start_at: end skips what was there, and nothing that comes while no agent runs', { skip }, async () => {
  await using journald = await startJournald();
  await using home = await makeHome();
  const config = reading(journald, { start_at: 'end' });
  await journald.send(entries(0, 10));
  const agent = await home.start(config);
  await agent.until((s) => s.logs[0]!.files[0]!.id !== '', 'it has begun');
  await agent.stop();
  await journald.send(entries(10, 20));
  await readLines(home, config, 10);
  assert.deepEqual(
    (await sent(home)).map(({ message }) => message),
    messages(10, 20),
  );
});

test('steps have its fields, masks come before them, and topics are theirs to choose', { skip }, async () => {
  await using journald = await startJournald();
  await using home = await makeHome();
  const config = reading(journald, {
    mask: ['bearer'],
    process: [
      { drop: { 'log.level': 'debug' } },
      { parse: 'json' },
      { route: 'logs.errors', when: { 'log.level': 'error' } },
    ],
  });
  await journald.send([
    { TEST: '1', PRIORITY: '7', MESSAGE: 'noise' },
    { TEST: '1', PRIORITY: '3', MESSAGE: '{"message":"broken","order":7}' },
    { TEST: '1', PRIORITY: '6', MESSAGE: 'Authorization: Bearer abcdefghijklmnop' },
    { TEST: '1', PRIORITY: '6', MESSAGE: '{"log":{"level":"warn"},"systemd":{"mine":1}}' },
  ]);
  await readLines(home, config, 4);
  const [secret, own] = await sent(home);
  const [error] = await sent(home, 'logs.errors');
  assert.deepEqual([error!.message, error!.order, error!.log.level], ['broken', 7, 'error']);
  assert.equal(error!.process.name, 'python3');
  assert.equal(secret!.message, 'Authorization: Bearer ****************');
  // What is no JSON has them, too.
  assert.deepEqual([secret!.log.level, secret!.process.name, secret!.error.type], ['info', 'python3', 'parse']);
  assert.equal(own!.log.level, 'warn');
  assert.deepEqual([own!.systemd.mine, own!.systemd.transport], [1, 'journal']);
  assert.equal(secret!.log.skipped, 6 + 31);
});

test('encoding: raw sends the message alone', { skip }, async () => {
  await using journald = await startJournald();
  await using home = await makeHome();
  await journald.send(entries(0, 2));
  await readLines(home, reading(journald, { encoding: 'raw' }), 2);
  const { stdout } = await runnel('spool', 'cat', 'runnel.logs', '-c', home.path('runnel.yaml'));
  assert.equal(stdout, 'message 0\nmessage 1\n');
});

test('without journalctl it is said what to do, and the agent runs', { skip }, async () => {
  await using journald = await startJournald();
  await using home = await makeHome();
  const agent = await home.start(reading(journald), { through: ['env', 'PATH=/nowhere'] });
  const status = await agent.until((s) => s.reasons.length > 0, 'it is said');
  assert.match(status.reasons.join(), /logs journal: the journal cannot be read without journalctl/);
  assert.match(status.logs[0]!.files[0]!.error ?? '', /install systemd/);
  await agent.stop();
});

test('a directory that is removed is said, and another one of its name is read', { skip }, async () => {
  await using journald = await startJournald();
  await using home = await makeHome();
  await journald.send(entries(0, 2));
  const agent = await home.start(reading(journald));
  await agent.until((s) => s.logs[0]!.lines === 2, 'it is read');
  await journald.kill();
  rmSync(journald.directory, { recursive: true });
  const status = await agent.until((s) => s.reasons.length > 0, 'it is said');
  assert.match(status.reasons.join(), /logs journal: journalctl has ended .*No such file/);
  await journald.start();
  await journald.send(entries(2, 4));
  await agent.until((s) => s.logs[0]!.lines === 4 && s.reasons.length === 0, 'the other one is read');
  await agent.stop();
  const found = (await sent(home)).map(({ message }) => message);
  assert.deepEqual(found, messages(0, 4));
});

test('no journalctl outlives the agent, however that ends', { skip }, async () => {
  await using journald = await startJournald();
  await using home = await makeHome();
  const followers = () => spawnSync('pgrep', ['-f', `journalctl.*${journald.directory}`]).stdout.toString();
  await journald.send(entries(0, 2));
  for (const end of ['stop', 'kill9'] as const) {
    const agent = await home.start(reading(journald));
    await agent.until((s) => s.logs[0]!.files[0]!.id !== '', 'it reads');
    await agent[end]();
    await journald.send(entries(2, 4));
    assert.equal(followers(), '', end);
  }
});

test('what is about files is refused, and fields that are not there are', async () => {
  await using home = await makeHome();
  const wrong = async (log: Record<string, unknown>) => {
    await home.configure({ logs: [log] });
    const { stderr } = await runnel('validate', '-c', home.path('runnel.yaml'));
    return stderr.replace(/^.*?runnel\.yaml:\d+:\d+: /gm, '').split('\n');
  };
  assert.match((await wrong({ journald: {}, include: '/a' }))[0]!, /logs\[0\]\.include is about files, and this entry/);
  assert.match((await wrong({ journald: {}, multiline: { start: 'x' } }))[0]!, /multiline is about files/);
  assert.match((await wrong({ journald: { units: 'a*' } }))[0]!, /units\[0\] has wildcards/);
  assert.match((await wrong({ journald: { match: '--all' } }))[0]!, /match\[0\] must be FIELD=VALUE/);
  assert.match((await wrong({ name: 'x' }))[0]!, /logs\[0\] needs include/);
  assert.match(
    (await wrong({ journald: { directory: '/nowhere' } })).join(),
    /directory names no directory that is there/,
  );
  const drop = { drop: { 'systemd.unti': 'x' } };
  assert.match((await wrong({ journald: {}, process: [drop] }))[0]!, /did you mean systemd\.unit\?/);
  assert.match((await wrong({ include: '/a', process: [drop] }))[0]!, /no step before this one makes any/);
});
