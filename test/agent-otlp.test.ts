/** OTLP to an agent without brokers: what is answered, what is refused and how, and what is on disk then. */
// Slow: starts agents
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { makeHome } from './support/agent.ts';
import { call, frameOf, sessionTo } from './support/grpc-peer.ts';
import { Peer } from './support/http-peer.ts';
import { otlpOptions, post, spansOnDisk, startOtlp } from './support/otlp-agent.ts';
import { spansOf, traceRequest } from './support/otlp-spans.ts';

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

test('what is answered is on disk, over HTTP and gRPC, packed in any way, after kill -9', async (t) => {
  await using home = await makeHome();
  const { agent, http, grpc } = await startOtlp(home);
  const session = sessionTo(t, grpc);
  const wanted: string[] = [];
  let next = 0;
  const request = () => {
    const spans = spansOf(next, 7);
    next += 7;
    wanted.push(...spans.map(({ spanId }) => spanId));
    return traceRequest(spans);
  };
  for (const [encoding, pack] of [
    ['identity', (body: Buffer) => body],
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['zstd', zstdCompressSync],
  ] as const) {
    const { code, body, headers } = await post(http, pack(request()), { 'content-encoding': encoding });
    assert.deepEqual([code, body.length, headers.get('content-type')], [200, 0, 'application/x-protobuf'], encoding);
  }
  assert.equal((await call(session, EXPORT, frameOf(request()))).status, 0);
  assert.equal((await call(session, EXPORT, frameOf(gzipSync(request()), 1), { 'grpc-encoding': 'gzip' })).status, 0);
  await Promise.all(Array.from({ length: 40 }, async () => assert.equal((await post(http, request())).code, 200)));
  assert.equal((await post(http, Buffer.alloc(0))).code, 200, 'an empty body is an empty request');
  const { otlp, conservation } = await agent.until(({ otlp }) => otlp.spans >= wanted.length, 'all is counted');
  assert.deepEqual([otlp.spans, otlp.invalid], [wanted.length, 0]);
  assert.equal(conservation.inputs['otlp.traces']?.in_local_log, wanted.length);
  await agent.kill9();
  assert.deepEqual((await spansOnDisk(home.dataDir)).sort(), wanted.sort());
});

test('what cannot be taken is refused so that the client knows what to do', async (t) => {
  await using home = await makeHome();
  const { agent, http, grpc } = await startOtlp(home, {}, { max_request: '64KiB', signals: ['traces', 'logs'] });
  const good = traceRequest(spansOf(0, 2));
  const check = async (code: number, body: Buffer | string, headers: Record<string, string> = {}, path?: string) => {
    const answer = await post(http, body, headers, path);
    assert.equal(answer.code, code, answer.body.toString());
    return answer;
  };
  // google.rpc.Status in the type of the request: field 1 is the code, 3 INVALID_ARGUMENT.
  const malformed = await check(400, good.subarray(0, -3));
  assert.deepEqual([...malformed.body.subarray(0, 2)], [8, 3]);
  assert.equal(malformed.headers.get('content-type'), 'application/x-protobuf');
  await check(400, 'not gzip', { 'content-encoding': 'gzip' });
  await check(415, good, { 'content-encoding': 'br' });
  await check(415, good, { 'content-type': 'text/xml' });
  await check(404, good, {}, '/v1/metrics');
  await check(404, good, {}, '/v1/other');
  const bomb = await check(413, gzipSync(Buffer.alloc(200 << 20)), { 'content-encoding': 'gzip' });
  assert.equal(bomb.headers.get('retry-after'), null);
  await check(413, Buffer.alloc(65_537));
  assert.equal((await fetch(`http://${http}/v1/traces`)).status, 405);
  const evil = await Peer.of(t, { address: http });
  evil.socket.write('POST /v1/traces HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n');
  assert.match((await evil.answers(1)).text, /^HTTP\/1\.1 421 .*otlp\.hosts/s);

  const session = sessionTo(t, grpc);
  assert.equal((await call(session, EXPORT, frameOf(good.subarray(0, -3)))).status, 3);
  assert.equal((await call(session, EXPORT, frameOf(Buffer.alloc(65_537)))).status, 8);
  const off = await call(session, EXPORT.replace('trace.v1.Trace', 'metrics.v1.Metrics'), frameOf(Buffer.alloc(0)));
  assert.deepEqual([off.status, off.trailers], [12, null]);
  assert.equal((await call(session, '/grpc.health.v1.Health/Check', frameOf(Buffer.alloc(0)))).status, 0);
  assert.equal((await call(session, EXPORT, frameOf(good))).status, 0, 'it goes on');
  await check(200, good);

  // Ids that are none are left out, and the client is told.
  const zero = { traceId: '0'.repeat(32), spanId: 'b'.repeat(16) };
  const partial = await check(200, traceRequest([...spansOf(10, 1), zero]));
  assert.deepEqual([...partial.body.subarray(2, 4)], [8, 1]);
  const { otlp, conservation, lost } = await agent.until(({ otlp }) => otlp.invalid === 1, 'all is counted');
  assert.equal(otlp.spans, 5);
  assert.equal(conservation.inputs['otlp.traces']?.dropped, 1);
  assert.deepEqual(
    lost.map(({ input, reason }) => [input, reason]),
    [['otlp.traces', 'invalid']],
  );
  const reasons = otlp.listeners.map(({ reasons }) => reasons);
  assert.equal(reasons[0]?.too_large, 2);
  assert.equal(reasons[1]?.signal, 1);
  await agent.stop();
});

test('peers that are slow, many, or send a hundred megabytes keep nobody else out', async (t) => {
  await using home = await makeHome();
  const { agent, http, grpc } = await startOtlp(home);
  const before = (await agent.status()).process.rss_bytes;
  const idle = await Promise.all(
    Array.from({ length: 1000 }, async (_, i) => {
      const peer = await Peer.of(t, { address: i % 2 === 0 ? http : grpc });
      // A head, or a body, that never ends.
      if (i % 3 === 0)
        peer.socket.write(
          'POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Le',
        );
      if (i % 3 === 1)
        peer.socket.write(
          'POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Length: 5000000\r\n\r\nabc',
        );
      return peer;
    }),
  );
  const large = Array.from({ length: 4 }, () => post(http, Buffer.alloc(100 << 20)).catch(() => null));
  const session = sessionTo(t, grpc);
  for (let i = 0; i < 20; i++) {
    assert.equal((await post(http, traceRequest(spansOf(i * 10, 5)))).code, 200);
    assert.equal((await call(session, EXPORT, frameOf(traceRequest(spansOf(i * 10 + 5, 5))))).status, 0);
  }
  for (const answer of await Promise.all(large)) if (answer) assert.equal(answer.code, 413);
  for (const peer of idle) peer.socket.destroy();
  const { process } = await agent.until(({ otlp }) => otlp.spans === 200, 'all is counted');
  assert.ok(process.rss_bytes - before < 150e6, `${(process.rss_bytes - before) / 1e6} MB more`);
  await agent.stop();
});

test('without room a request is held, then refused, and taken when there is some again', async (t) => {
  await using home = await makeHome();
  const { agent, http, grpc } = await startOtlp(home, {}, { spool: { max_size: '16MiB' }, hold: '1s' });
  const session = sessionTo(t, grpc);
  // Random, so that it stays as large as it is.
  const { randomBytes } = await import('node:crypto');
  let taken = 0;
  let refused: Awaited<ReturnType<typeof post>> | null = null;
  let began = 0;
  for (let i = 0; i < 200 && !refused; i++) {
    const spans = spansOf(i * 10, 10).map((span) => ({ ...span, name: randomBytes(50_000).toString('base64') }));
    began = performance.now();
    const answer = await post(http, traceRequest(spans));
    if (answer.code === 200) taken += 10;
    else if (taken >= 100) refused = answer;
  }
  const waited = performance.now() - began;
  assert.equal(refused?.code, 503);
  assert.equal(refused?.headers.get('retry-after'), '1');
  assert.ok(waited >= 990, `held for ${waited} ms`);
  assert.ok(taken >= 100, `${taken} were taken`);
  const large = traceRequest(spansOf(9000, 5).map((span) => ({ ...span, padding: 700_000 })));
  const unavailable = await call(session, EXPORT, frameOf(large), { 'grpc-timeout': '200m' });
  assert.deepEqual([unavailable.status, unavailable.trailers], [14, null]);
  assert.match(String(unavailable.headers['grpc-status-details-bin']), /^[\w+/=]{40,}$/);
  const { otlp, conservation, ready } = await agent.status();
  assert.deepEqual([otlp.spans, ready], [taken, true]);
  const { received, in_local_log, dropped } = conservation.inputs['otlp.traces']!;
  assert.deepEqual([received, in_local_log, dropped], [taken, taken, 0]);
  await agent.stop();
});

test('an address that is in use ends the start, and a reload opens and closes listeners', async () => {
  await using home = await makeHome();
  const options = await otlpOptions();
  const agent = await home.start({ otlp: options });
  await using other = await makeHome();
  const file = await other.configure({ otlp: options });
  const second = spawnSync(process.execPath, ['src/main.ts', 'run', '-c', file], { encoding: 'utf8' });
  assert.equal(second.status, 1);
  assert.match(second.stderr, /cannot start otlp: cannot listen on http:\/\/127\.0\.0\.1:\d+: address already in use/);

  const [http] = options.http as string[];
  const status = await fetch(`${agent.admin}/status`).then((answer) => answer.json());
  const admin = { listen: new URL(agent.admin).host };
  const reload = async (otlp: Record<string, unknown> | undefined) => {
    await home.configure({ admin, ...(otlp && { otlp }) });
    process.kill(agent.pid, 'SIGHUP');
  };
  assert.equal((status as { otlp: { listeners: unknown[] } }).otlp.listeners.length, 2);
  assert.equal((await post(http!, traceRequest(spansOf(0, 3)))).code, 200);
  await reload(undefined);
  await agent.until((s) => s.otlp.listeners.length === 0, 'otlp is closed');
  await assert.rejects(post(http!, Buffer.alloc(0)));
  await reload({ ...options, grpc: [], signals: ['traces'] });
  await agent.until((s) => s.otlp.listeners.length === 1, 'otlp is open again');
  assert.equal((await post(http!, traceRequest(spansOf(3, 3)))).code, 200);
  await agent.stop();
  const ids = (await spansOnDisk(home.dataDir)).length;
  assert.equal(ids, 6);
});

test('a token is wanted over both, and who listens for anybody is warned', async (t) => {
  await using home = await makeHome();
  const token_file = home.path('token');
  await writeFile(token_file, 'secret\n');
  const { agent, http, grpc } = await startOtlp(home, {}, { token_file });
  assert.equal((await post(http, traceRequest(spansOf(0, 1)))).code, 401);
  assert.equal((await post(http, traceRequest(spansOf(0, 1)), { authorization: 'Bearer secret' })).code, 200);
  const session = sessionTo(t, grpc);
  assert.equal((await call(session, EXPORT, frameOf(Buffer.alloc(0)))).status, 16);
  await agent.stop();
  const file = await home.configure({ otlp: { http: ['0.0.0.0:4318'], grpc: [] } });
  const { stdout, stderr } = spawnSync(process.execPath, ['src/main.ts', 'validate', '-c', file], { encoding: 'utf8' });
  assert.match(
    stdout + stderr,
    /otlp\.http\[0\] listens beyond this machine for anybody: set otlp\.tls or otlp\.token_file/,
  );
});
