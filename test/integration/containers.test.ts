/** What is told of containers stands in records, and verify takes them for what they are. */
// Slow: starts agents.
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { makeHome, runnel } from '../support/agent.ts';
import { committedValues } from '../support/committed.ts';
import { createTopic, noKafka, type SharedKafka, sharedKafka } from '../support/kafka.ts';

const skip = noKafka;
let kafka: SharedKafka;

before(async () => {
  if (!skip) kafka = await sharedKafka();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

for (const process_ of [[], [{ drop: { line: { contains: 'line 7 ' } } }, { add: { 'app.is': 'shop' } }]]) {
  test(`records of containers are complete, with ${process_.length} steps`, { skip }, async () => {
    await using home = await makeHome();
    const topic = `containers-${process.pid}-${Date.now()}`;
    await createTopic(kafka.brokers, topic, { partitions: 1 });
    const dir = home.path('pods', 'shop_api-1_6fa2ae4c-9a0f-4f6e-8d0c-2f4b7c1d9e11', 'api');
    mkdirSync(dir, { recursive: true });
    const write = (from: number, to: number) => {
      for (let i = from; i < to; i++) {
        appendFileSync(`${dir}/0.log`, `2026-12-01T08:00:00.000000000Z stdout F line ${i} \n`);
      }
    };
    const include = home.path('pods', '*', '*', '*.log');
    const config = {
      kafka: { brokers: kafka.brokers, linger: '5ms' },
      logs: [{ name: 'app', include, topic, format: 'cri', container: true, process: process_ }],
    };
    write(0, 100);
    for (const to of [200, 300]) {
      const agent = await home.start(config);
      write(to - 100, to);
      await agent.until((s) => s.logs[0]!.files[0]?.lag_bytes === 0 && s.logs[0]!.lines > 0, 'all is sent');
      await agent.stop();
    }
    const last = await home.start(config);
    await last.until((s) => s.logs[0]!.files[0]?.lag_bytes === 0, 'all is sent');
    await last.stop();
    const documents = (await committedValues(kafka.brokers, topic)).map((value) => JSON.parse(value));
    assert.equal(documents.length, process_.length > 0 ? 299 : 300);
    for (const { kubernetes, container } of documents) {
      assert.deepEqual([kubernetes.pod.name, container.name], ['api-1', 'api']);
    }
    const proof = await runnel('verify', '--topic', topic, '-c', home.path('runnel.yaml'));
    assert.equal(proof.code, 0, proof.stdout + proof.stderr);
    assert.match(proof.stdout, /^complete: web-1:\S+0\.log/m);
  });
}
