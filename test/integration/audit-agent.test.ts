/** From events and files to what an auditor says: an agent, Kafka, kills, and the commands of `runnel audit`. */
// Slow: starts Kafka, and agents.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { AuditReport } from '../../src/verify/audit/audit.ts';
import { makeHome, runnel } from '../support/agent.ts';
import { audit, eventOf, linesOf, NDJSON, startAudit } from '../support/audit-agent.ts';
import { noKafka, sharedKafka } from '../support/kafka.ts';

test('kills of the agent leave streams that are complete, from Kafka and from an export', {
  skip: noKafka,
}, async () => {
  await using kafka = await sharedKafka();
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  const file = home.path('logs/audit.log');
  const prefix = `audit-${process.pid}`;
  const config = {
    kafka: { brokers: [kafka.brokers], topic_prefix: prefix },
    logs: [{ name: 'auditd', include: [file], audit: true }],
  };
  const section = { seal: { every: 50, interval: '1s', rotate: '1m' } };
  let lines = 0;
  let events = 0;
  for (let round = 0; round < 3; round++) {
    const { agent, socket } = await startAudit(home, config, section);
    for (let i = 0; i < 5; i++) {
      const part = Array.from({ length: 100 }, () => `line ${++lines}\n`).join('');
      await appendFile(file, part);
      const ids = Array.from({ length: 20 }, () => `e-${++events}`);
      const answer = await audit(socket, linesOf(ids), { 'runnel-stream': 'orders', 'content-type': NDJSON });
      assert.equal(answer.code, 201);
    }
    await agent.kill9();
  }
  const { agent, socket } = await startAudit(home, config, section);
  await audit(socket, eventOf('last'), { 'runnel-stream': 'orders' });
  await agent.until(({ logs }) => logs[0]!.files[0]?.lag_bytes === 0, 'all lines are safe');
  const yaml = home.path('runnel.yaml');
  const streams = JSON.parse((await runnel('audit', 'streams', '-c', yaml, '--json')).stdout).streams;
  assert.deepEqual(
    streams.map(({ stream, sequence }: { stream: string; sequence: number }) => [stream, sequence]).toSorted(),
    [
      ['auditd', lines],
      ['orders', events + 1],
    ],
  );
  assert.match((await runnel('audit', 'streams', '-c', yaml)).stdout, /^STREAM +ID +LAST +SEALED TO/);
  const keys = home.path('keys.json');
  await writeFile(keys, (await runnel('audit', 'key', '-c', yaml)).stdout);
  const asked = await audit(socket, null, {}, '/v1/audit/key');
  assert.deepEqual(JSON.parse(await readFile(keys, 'utf8')), asked.body, 'as the agent says it itself');
  await agent.stop();

  const told = await runnel('audit', 'verify', '-c', yaml, '--key', keys, '--json');
  const report = JSON.parse(told.stdout) as AuditReport;
  assert.deepEqual([told.code, report.result, report.reasons], [0, 'complete', []], told.stdout);
  assert.deepEqual(
    report.streams.map(({ stream, from, to, count, sealed_to, findings }) => [
      stream,
      from,
      to,
      count,
      sealed_to,
      findings,
    ]),
    [
      ['auditd', 1, lines, lines, lines, []],
      ['orders', 1, events + 1, events + 1, events + 1, []],
    ],
  );
  const out = home.path('export.ndjson');
  assert.equal((await runnel('audit', 'export', '-c', yaml, '--file', out)).code, 0);
  assert.equal((await runnel('audit', 'verify', '--file', out, '--key', keys)).code, 0);

  // The independent verifier of docs/audit.md, where Python has what it needs.
  if (spawnSync('python3', ['-c', 'import cryptography']).status !== 0) return;
  const docs = await readFile(new URL('../../docs/audit.md', import.meta.url), 'utf8');
  const script = home.path('verify.py');
  await writeFile(script, /```python\n([\s\S]*?)```/.exec(docs)![1]!);
  const first = asked.body.keys[0].key;
  const python = spawnSync('python3', [script, out, first], { encoding: 'utf8' });
  assert.equal(python.stdout, `2 streams, ${lines + events + 1} records, 0 faults\n`, python.stderr);
});
