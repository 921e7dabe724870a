/** Files that are audit streams, to an agent without brokers: what is in the chain, over kills and a full local log. */
// Slow: starts agents
import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Home, makeHome, type RunningAgent } from './support/agent.ts';
import { audit, auditOnDisk, checkedStreams, eventOf, startAudit } from './support/audit-agent.ts';
import { freePort } from './support/ports.ts';

interface Line {
  message: string;
  log: { file: { id: string; path: string }; offset: number; length: number; flags?: string[] };
  event: { id: string; dataset: string };
}

async function start(
  home: Home,
  options: Record<string, unknown> = {},
  section: Record<string, unknown> = {},
): Promise<{ agent: RunningAgent; socket: string }> {
  await mkdir(home.path('logs'), { recursive: true });
  const logs = [{ name: 'auditd', include: [home.path('logs/*.log')], audit: true, ...options }];
  return startAudit(home, { logs, kafka: { compression: 'none' } }, section);
}

const linesIn = (agent: RunningAgent, lines: number) =>
  agent.until(
    ({ logs }) => logs[0]!.lines >= lines && logs[0]!.files.every((f) => f.lag_bytes === 0),
    `${lines} lines`,
  );

/** The lines of the one stream on disk, after its chain was checked. */
async function chained(home: Home): Promise<{ lines: Line[]; sealed: number }> {
  const found = await auditOnDisk(home.dataDir);
  const all = [...checkedStreams(found).values()];
  assert.equal(all.length, 1);
  const lines = all[0]!.events.map(({ client }) => JSON.parse(client.toString()) as Line);
  return { lines, sealed: all[0]!.seals.at(-1)?.to ?? 0 };
}

/** What they say of one file, which they hold completely. */
function textOf(lines: readonly Line[]): string {
  let at = 0;
  let text = '';
  for (const { message, log, event } of lines) {
    assert.equal(log.offset, at, 'no gap, nothing twice');
    assert.equal(event.id, `${log.file.id}-${log.offset}`);
    at += log.length;
    text += log.flags?.includes('part') ? message : `${message}\n`;
  }
  return text;
}

test('lines are events of a stream; long ones are not cut', async () => {
  await using home = await makeHome();
  const { agent, socket } = await start(home, { max_line: '1000B' });
  const text = `one\n${'é'.repeat(1700)}x\n\n${'"'.repeat(1000)}\n${'y'.repeat(1001)}\nlast\n`;
  await writeFile(home.path('logs/a.log'), text);
  await linesIn(agent, 10);
  assert.equal((await audit(socket, eventOf('e-1'), { 'runnel-stream': 'auditd' })).body.first, 11);
  const { conservation, lost } = await agent.status();
  assert.deepEqual(lost, []);
  assert.equal(conservation.inputs['logs.auditd']!.received, 10);
  await agent.stop();
  const { lines, sealed } = await chained(home);
  assert.equal(sealed, 11, 'what came last is sealed');
  assert.equal(textOf(lines.slice(0, -1)), text);
  assert.ok(lines.every(({ message }) => message === undefined || Buffer.byteLength(message) <= 1000));
});

test('what is secret in a line is masked, also behind escapes of a line that is JSON', async () => {
  await using home = await makeHome();
  const { agent } = await start(home, { mask: ['card', { pattern: 'key\\s(\\w+)' }] });
  const card = '4111111111111111';
  const escaped = `\\u0034${card.slice(1)}`;
  await writeFile(
    home.path('logs/a.log'),
    [card, `{"a":"${escaped}"}`, '{"a":"key\\tsecret","b":"\\u00e9"}', '{"a":"\\u00e9"}', `"${escaped}`, ''].join('\n'),
  );
  await linesIn(agent, 5);
  await agent.stop();
  const masked = `${'*'.repeat(12)}1111`;
  assert.deepEqual(
    (await chained(home)).lines.map(({ message }) => message),
    [masked, `{"a":"${masked}"}`, '{"a":"key\\t******","b":"\\u00e9"}', '{"a":"\\u00e9"}', `"${escaped}`],
  );
});

test('a line of a megabyte that is still being written', async () => {
  await using home = await makeHome();
  const { agent } = await start(home);
  const file = home.path('logs/a.log');
  await writeFile(file, 'a'.repeat(100_000));
  await sleep(300);
  for (let i = 0; i < 9; i++) await appendFile(file, 'b'.repeat(100_000));
  await appendFile(file, 'c\nnext\n');
  await agent.until(({ logs }) => logs[0]!.files[0]?.position === 1_000_007, 'all is read');
  await agent.stop();
  const { lines } = await chained(home);
  assert.equal(textOf(lines), `${'a'.repeat(100_000)}${'b'.repeat(900_000)}c\nnext\n`);
});

test('kill -9 does not fork the chain, nor has it anything twice', async () => {
  await using home = await makeHome();
  let text = '';
  const file = home.path('logs/a.log');
  for (let round = 0; round < 4; round++) {
    const { agent } = await start(home);
    if (round === 1) await cp(home.path('data/positions'), home.path('backup'));
    for (let i = 0; i < 20; i++) {
      const part = Array.from({ length: 200 }, (_, n) => `round ${round} line ${i}.${n}\n`).join('');
      text += part;
      await appendFile(file, part);
      await sleep(5);
    }
    if (round > 0) await linesIn(agent, 1);
    await agent.kill9();
  }
  // Positions that are behind what is in the chain: what is read again is known.
  await rm(home.path('data/positions'));
  await cp(home.path('backup'), home.path('data/positions'));
  const { agent } = await start(home);
  const { logs, conservation } = await agent.until(
    ({ logs }) => logs[0]!.files[0]?.committed === text.length,
    'all is safe',
  );
  assert.ok(logs[0]!.lines >= 4000, 'they were read again');
  assert.equal(conservation.total.in_local_log, 16_000);
  await agent.stop();
  assert.equal(textOf((await chained(home)).lines), text);
});

test('where the local log is full reading waits; what a rotation cost then ends readiness', async () => {
  await using home = await makeHome();
  const { agent } = await start(home, { hold_deleted: '1MiB' }, { spool: { max_size: '16MiB' } });
  const file = home.path('logs/a.log');
  const line = `${'0123456789'.repeat(30)}\n`;
  await writeFile(file, line.repeat(100_000));
  await agent.until(({ audit }) => (audit as { held: number }).held > 0, 'lines wait for room', 60_000);
  const { lost, ready } = await agent.status();
  assert.deepEqual(lost, []);
  assert.ok(ready);
  await rename(file, home.path('gone'));
  await rm(home.path('gone'));
  const status = await agent.until(({ ready }) => !ready, 'it is not ready', 60_000);
  assert.match(status.reasons.join(), /logs auditd: its audit stream lacks \d+ bytes \(rotated_away\)/);
  await agent.kill9();
});

test('a reload of audit and of the files, while lines come', async () => {
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  const file = home.path('logs/a.log');
  const admin = { listen: `127.0.0.1:${await freePort()}` };
  const config = (i: number) => ({
    admin,
    logs: [{ name: 'auditd', include: [file], audit: true, tags: { round: String(i) } }],
    audit: { listen: [`unix://${home.path('audit.sock')}`], hold: `${i + 1}s` },
  });
  const agent = await home.start(config(0));
  const { pid, config: first } = await agent.status();
  let text = '';
  let hash = first.hash;
  for (let i = 1; i <= 3; i++) {
    await home.configure(config(i));
    process.kill(pid, 'SIGHUP');
    for (let k = 0; k < 40; k++) {
      const part = Array.from({ length: 50 }, (_, n) => `round ${i} line ${k}.${n}\n`).join('');
      text += part;
      await appendFile(file, part);
      await sleep(5);
    }
    const { config: now } = await agent.until(({ config }) => config.hash !== hash, 'the new configuration holds');
    hash = now.hash;
  }
  const all = ({ committed }: { committed: number }) => committed === text.length;
  await agent.until(({ logs }) => logs[0]?.files.some(all) ?? false, 'all is safe');
  await agent.stop();
  assert.equal(textOf((await chained(home)).lines), text);
});
