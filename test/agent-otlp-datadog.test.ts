/** Spans of Datadog's tracers to an agent without brokers: what is answered, what is refused and how, and what is on disk. */
// Slow: starts an agent
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { makeHome } from './support/agent.ts';
import { made, maps, tabled } from './support/datadog-spans.ts';
import { packed } from './support/msgpack.ts';
import { post, spansOnDisk, startOtlp } from './support/otlp-agent.ts';
import { freePort } from './support/ports.ts';

const TYPE = { 'content-type': 'application/msgpack' };

test('what tracers of Datadog send is answered when it is on disk, and refused as they understand it', async () => {
  await using home = await makeHome();
  const address = `127.0.0.1:${await freePort()}`;
  const { agent } = await startOtlp(home, { datadog: { listen: address } }, { max_request: '256KiB' });
  const wanted: string[] = [];
  let next = 1n;
  const chunks = (count: number, meta: Record<string, string> = {}) =>
    Array.from({ length: count }, () => {
      const span = next++;
      wanted.push(span.toString(16).padStart(16, '0'));
      return [made({ trace: span, span, meta: { ...meta, '_dd.p.tid': '692d8f0000000000' } })];
    });
  const check = async (code: number, body: Buffer, how: { path?: string; method?: string; headers?: object } = {}) => {
    const { path = '/v0.4/traces', method = 'PUT', headers = {} } = how;
    const answer = await post(address, body, { ...TYPE, ...headers }, path, method);
    assert.equal(answer.code, code, answer.body.toString());
    return answer.body.toString();
  };

  const count = { 'x-datadog-trace-count': '3' };
  assert.deepEqual(JSON.parse(await check(200, packed(maps(chunks(3))), { headers: count })), {
    rate_by_service: { 'service:,env:': 1 },
  });
  await check(200, packed(tabled(chunks(3))), { path: '/v0.5/traces', method: 'POST' });
  await check(200, gzipSync(packed(maps(chunks(2)))), { headers: { 'content-encoding': 'gzip' } });
  await check(200, packed([]));
  const about = await fetch(`http://${address}/info`);
  assert.deepEqual(await about.json(), { endpoints: ['/v0.4/traces', '/v0.5/traces'], client_drop_p0s: false });
  // Their settings from afar: asked for every five seconds, and not here, which is nobody's fault.
  await check(404, packed([]), { path: '/v0.7/config', method: 'POST' });
  const named = `datadog://${address}`;
  const { otlp } = await agent.until(
    ({ otlp }) => otlp.listeners.find((one) => one.address === named)?.requests === 6,
    'all is counted',
  );
  assert.deepEqual([otlp.spans, otlp.listeners.find((one) => one.address === named)?.refused], [wanted.length, 0]);

  const good = [...wanted];
  assert.match(await check(400, packed(maps(chunks(1))).subarray(0, -5)), /no v0\.4 of traces: it ends in the middle/);
  await check(415, packed(maps(chunks(1))), { headers: { 'content-type': 'application/x-protobuf' } });
  await check(405, packed(maps(chunks(1))), { method: 'DELETE' });
  await check(413, packed(maps(chunks(1, { a: 'x'.repeat(270_000) }))));
  // As OTLP it is larger: a text of a table stands where it is used.
  const repeated = [chunks(60, { a: 'x'.repeat(5000) }).flat()];
  assert.match(await check(413, packed(tabled(repeated)), { path: '/v0.5/traces' }), /As OTLP .* otlp\.max_request/);
  const { lost, otlp: after } = await agent.until(
    ({ otlp }) => otlp.listeners.find((one) => one.address === named)?.refused === 5,
    'what is refused is counted',
  );
  assert.deepEqual([after.spans, lost], [good.length, []]);
  // What is left out of one is said.
  const wide = Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`${i}`, '']));
  await check(200, packed(maps([...chunks(1, wide), ...chunks(1)])));
  good.push(...wanted.slice(-2));
  await agent.until(({ otlp }) => otlp.cut === 1 && otlp.spans === good.length, 'what was cut is counted');
  await agent.kill9();
  assert.deepEqual((await spansOnDisk(home.dataDir)).sort(), good.sort());
});
