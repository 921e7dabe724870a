/** What of alerts survives: damage, a disk that takes nothing. */
// Slow: runs the agent, and kills it.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Alerting } from '../../src/alerts/alerting.ts';
import { Engine } from '../../src/alerts/engine.ts';
import { fingerprintOf } from '../../src/alerts/fingerprint.ts';
import { AlertJournal } from '../../src/alerts/journal.ts';
import { gaugePoint } from '../../src/alerts/point.ts';
import { prometheusLabels } from '../../src/alerts/words.ts';
import { configFrom } from '../../src/options.ts';
import { makeHome } from '../support/agent.ts';
import { alertingAgent } from '../support/alerting-agent.ts';
import { failingDisk } from '../support/failing-disk.ts';
import { startHooks } from '../support/hooks.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';

function fresh(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-journal-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return join(dir, 'alerts.journal');
}

const silence = (id: string) => ({ [id]: { id, rule: `r${id}`, labels: {}, why: '', since: 0, until: 9e15 } });

test('a fingerprint is the 64-bit FNV-1a of the sorted labels', () => {
  const wide = (labels: Record<string, string>) => {
    let hash = 0xcbf29ce484222325n;
    for (const name of Object.keys(labels).sort()) {
      for (const byte of Buffer.concat([
        Buffer.from(name),
        Buffer.of(255),
        Buffer.from(labels[name]!),
        Buffer.of(255),
      ])) {
        hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & ((1n << 64n) - 1n);
      }
    }
    return hash.toString(16).padStart(16, '0');
  };
  for (let i = 0; i < 2000; i++) {
    const labels = {
      alertname: `a${i}`,
      instance: '\u00fc'.repeat(i % 7),
      path: `/p/${i * 7919}`,
      z: 'z'.repeat(i % 50),
    };
    const kept = Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''));
    assert.equal(fingerprintOf(labels), wide(kept));
  }
});

test('labels as Alertmanager takes them: other characters are _, the same name gets a number, empty ones are none', () => {
  const [rule] = configFrom({ alerts: { rules: [{ name: 'r', metric: 'm', fire: '> 1', labels: { team: 'ops' } }] } })
    .alerts.rules;
  const attributes = { 'a.b': '1', a_b: '2', 'a-b': '3', '9x': '4', '': '5', ü: '6', instance: '7', none: '' };
  const engine = new Engine([rule!]);
  engine.window('s', 1000, 0, [gaugePoint('m', attributes, 2)]);
  const [instance] = engine.notOk();
  assert.deepEqual(prometheusLabels(instance!, 'web-1', { 'cloud.zone': 'z' }), {
    ...{ alertname: 'r', instance: 'web-1', severity: 'warning', cloud_zone: 'z', team: 'ops' },
    ...{ a_b: '3', a_b_2: '1', a_b_3: '2', _9x: '4', _: '5', __2: '6', instance_2: '7' },
  });
});

test('a damaged line is left out, the others hold, and no number is given again', async (t) => {
  const path = fresh(t);
  const first = await AlertJournal.open(path);
  for (let i = 1; i <= 5; i++) await first.take({ change: i, silences: silence(String(i)) });
  await first.close();
  const text = readFileSync(path, 'utf8').split('\n');
  // The last: what it said of the number is gone, too.
  text[4] = text[4]!.replace('"r5"', '"r6"');
  writeFileSync(path, `${text.join('\n')}deadbeef {"cut`);
  const began = Date.now();
  const again = await AlertJournal.open(path);
  assert.deepEqual([...again.kept.silences.keys()], ['1', '2', '3', '4']);
  assert.ok(again.kept.change >= began, `${again.kept.change}`);
  await again.close();
  // What a kill cut short is no damage.
  writeFileSync(path, `${text.slice(0, 3).join('\n')}\ndeadbeef {"cut`);
  const cut = await AlertJournal.open(path);
  assert.equal(cut.kept.change, 3);
  await cut.close();
});

test('a reload goes on with what fires and who was told; written anew, all of it is on disk', async (t) => {
  const path = fresh(t);
  const journal = await AlertJournal.open(path);
  const { rules } = configFrom({
    alerts: { rules: [{ name: 'hot', metric: 'temp', by: 'room', fire: '> 50' }] },
  }).alerts;
  const receiver = (name: string) => {
    const webhook = { url: `http://127.0.0.1:9/${name}`, headers: {} };
    return { name, webhook, resend: 0, timeout: 1000, only: {} };
  };
  const open = (...names: string[]) =>
    Alerting.open({
      ...{ rules, journal, interval: 1000, agentId: 'a', record: null },
      receivers: names.map(receiver),
      origin: { host: 'web-1', tags: {} },
    });
  const waiting = () => [...journal.kept.queued.values()].map((one) => `${one.receiver} ${one.alerts.length}`).sort();
  const first = await open('old');
  first.points('s', 1000, [gaugePoint('temp', { room: 'a' }, 60), gaugePoint('temp', { room: 'b' }, 70)]);
  await journal.written();
  assert.deepEqual(waiting(), ['old 2']);
  const second = await open('old', 'new');
  assert.equal(second.view.counts.firing, 2);
  await journal.written();
  assert.deepEqual(waiting(), ['new 2', 'old 2']);
  // As often as it takes to be written anew.
  const why = 'x'.repeat(10_000);
  for (let i = 0; i < 150; i++) await journal.take({ silences: { 1: { ...silence('1')[1]!, why } } }, { sync: false });
  assert.ok(readFileSync(path).length < 800_000);
  second.points('s', 1000, [gaugePoint('temp', { room: 'a' }, 20), gaugePoint('temp', { room: 'b' }, 70)]);
  await journal.close();
  const again = await AlertJournal.open(path);
  assert.deepEqual(
    [...again.kept.states.values()].map(({ attributes, alert }) => [attributes.room, alert?.value]),
    [['b', 70]],
  );
  assert.deepEqual(Object.keys(again.kept.receivers!), ['old', 'new']);
  await again.close();
});

test('on a disk that takes nothing it fires and is told, that is said, and all is written when it can be', async () => {
  await using home = await makeHome();
  await using hooks = await startHooks();
  const port = await freePort();
  const config = alertingAgent(port, hooks.url);
  const full = home.path('full');
  const agent = await home.start(config, { preload: failingDisk(home.dataDir, full) });
  const socket = createSocket('udp4');
  try {
    writeFileSync(full, 'ENOSPC');
    socket.send('temp:60|g', port, '127.0.0.1');
    await until('it is told', () => hooks.taken.length === 1);
    await agent.until(
      ({ reasons }) => reasons.some((reason) => /alerts\.journal: ENOSPC.*does not know what fires/.test(reason)),
      'it is said',
    );
    rmSync(full);
    await agent.until(({ reasons }) => !reasons.some((reason) => reason.includes('alerts.journal')), 'it is written');
    await agent.kill9();
    const second = await home.start(config);
    const { alerts } = await second.status();
    assert.deepEqual(
      alerts.list.map(({ rule, state }) => [rule, state]),
      [['hot', 'firing']],
    );
    // It may be told once more, as the same.
    socket.send('temp:20|g', port, '127.0.0.1');
    await until('it has ended', () => JSON.parse(hooks.taken.at(-1)!.body).status === 'resolved');
    const keys = new Set(hooks.taken.map(({ headers }) => headers['idempotency-key']));
    assert.equal(keys.size, 2, [...keys].join());
    await second.stop();
  } finally {
    socket.close();
  }
});
