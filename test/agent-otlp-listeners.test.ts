/** How OTLP can be listened for: TLS with clients' certificates, unix sockets, pages in browsers. */
// Slow: starts agents, and makes certificates
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { request as plain } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { type RequestOptions, request as secure } from 'node:https';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { makeHome } from './support/agent.ts';
import { call, frameOf } from './support/grpc-peer.ts';
import { makeCertificates } from './support/kafka-tls.ts';
import { post, startOtlp } from './support/otlp-agent.ts';
import { spansOf, traceRequest } from './support/otlp-spans.ts';
import { eventually } from './support/until.ts';

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const BODY = traceRequest(spansOf(0, 3));

async function posted(send: typeof plain, options: RequestOptions): Promise<number> {
  const headers = { 'content-type': 'application/x-protobuf', 'content-length': BODY.length };
  const asked = send({ path: '/v1/traces', method: 'POST', headers, agent: false, ...options });
  asked.end(BODY);
  const [answer] = await once(asked, 'response');
  answer.resume();
  await once(answer, 'end');
  return answer.statusCode;
}

function session(t: TestContext, ...to: Parameters<typeof connectHttp2>) {
  const opened = connectHttp2(...to);
  opened.on('error', () => undefined);
  t.after(() => opened.destroy());
  return opened;
}

test('over TLS only who has a certificate of the authority is served, over both', async (t) => {
  await using home = await makeHome();
  await makeCertificates(home.dir);
  const tls = {
    cert_file: home.path('server-chain.pem'),
    key_file: home.path('server-chain.pem'),
    client_ca_file: home.path('ca.pem'),
  };
  const { agent, http, grpc } = await startOtlp(home, {}, { tls });
  const ca = readFileSync(home.path('ca.pem'));
  const own = { ca, cert: readFileSync(home.path('client.pem')), key: readFileSync(home.path('client.key')) };
  const [, port] = http.split(':');
  assert.equal(await posted(secure, { host: '127.0.0.1', port, ...own }), 200);
  assert.equal(await posted(secure, { host: '127.0.0.1', port, ca }), 401);
  await assert.rejects(posted(plain, { host: '127.0.0.1', port }), 'what is not TLS is not served');
  assert.equal((await call(session(t, `https://${grpc}`, own), EXPORT, frameOf(BODY))).status, 0);
  assert.equal((await call(session(t, `https://${grpc}`, { ca }), EXPORT, frameOf(BODY))).status, 16);
  const open = await call(session(t, `http://${grpc}`), EXPORT, frameOf(BODY)).catch(() => null);
  assert.equal(open?.status ?? null, null);
  // One that shakes no hands keeps nobody out.
  const silent = Array.from({ length: 20 }, () => connect(Number(port), '127.0.0.1').on('error', () => undefined));
  t.after(() => {
    for (const socket of silent) socket.destroy();
  });
  assert.equal(await posted(secure, { host: '127.0.0.1', port, ...own }), 200);
  const { otlp } = await agent.until(({ otlp }) => otlp.spans === 9, 'three are counted');
  assert.deepEqual([otlp.listeners[0]!.reasons.unauthorized, otlp.listeners[0]!.reasons.tls], [1, 1]);
  assert.deepEqual([otlp.listeners[1]!.reasons.unauthorized, otlp.listeners[1]!.reasons.tls], [1, 1]);
  await agent.stop();
});

test('certificates that are renewed are used at once; what is half written is not, and is said', async () => {
  await using home = await makeHome();
  await makeCertificates(home.dir);
  const [cert_file, key_file] = [home.path('server-chain.pem'), home.path('server.key.pem')];
  copyFileSync(cert_file, key_file);
  const { agent, http } = await startOtlp(home, {}, { tls: { cert_file, key_file } });
  const [, port] = http.split(':');
  const sentBy = (ca: Buffer) => posted(secure, { host: '127.0.0.1', port, ca }).catch(({ code }) => code as string);
  const former = readFileSync(home.path('ca.pem'));
  assert.equal(await sentBy(former), 200);
  writeFileSync(cert_file, '-----BEGIN CERT');
  await eventually('it is said', async () => {
    assert.equal(await sentBy(former), 200);
    return /cannot use .*server-chain\.pem as it is now/.test(agent.stderr);
  });
  await makeCertificates(home.dir);
  copyFileSync(cert_file, key_file);
  const renewed = readFileSync(home.path('ca.pem'));
  await eventually('the new one is used', async () => (await sentBy(renewed)) === 200);
  assert.notEqual(await sentBy(former), 200);
  await agent.stop();
});

test('over unix sockets, where one of a process that was killed lies in the way', async (t) => {
  await using home = await makeHome();
  const [http, grpc] = [home.path('http.sock'), home.path('grpc.sock')];
  const otlp = { http: [`unix://${http}`], grpc: [`unix://${grpc}`] };
  for (const round of [0, 1]) {
    const agent = await home.start({ otlp });
    assert.equal(await posted(plain, { socketPath: http }), 200, `round ${round}`);
    const opened = session(t, 'http://localhost', { createConnection: () => connect(grpc) });
    assert.equal((await call(opened, EXPORT, frameOf(BODY))).status, 0);
    await agent.until(({ otlp }) => otlp.spans === 6, 'both are counted');
    opened.destroy();
    if (round === 0) await agent.kill9();
    else await agent.stop();
  }
});

test('a page of an origin that is named may send, with a token too, and sees why it is refused; others may not', async () => {
  await using home = await makeHome();
  const token_file = home.path('token');
  writeFileSync(token_file, 'secret');
  const origin = 'https://shop.example.com';
  const { agent, http } = await startOtlp(home, {}, { token_file, cors_origins: [origin] });
  const asks = (from: string) =>
    fetch(`http://${http}/v1/traces`, {
      method: 'OPTIONS',
      headers: {
        origin: from,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
  const asked = await asks(origin);
  const allowed = (answer: { headers: Headers }) => answer.headers.get('access-control-allow-origin');
  assert.deepEqual([asked.status, allowed(asked)], [204, origin]);
  assert.equal(asked.headers.get('access-control-allow-headers'), 'authorization,content-type');
  const other = await asks('https://evil.example');
  assert.deepEqual([other.status, allowed(other)], [405, null]);
  const send = (body: Buffer, authorization = 'Bearer secret') => post(http, body, { origin, authorization });
  const taken = await send(BODY);
  assert.deepEqual([taken.code, allowed(taken)], [200, origin]);
  const bad = await send(BODY.subarray(1));
  assert.deepEqual([bad.code, allowed(bad)], [400, origin]);
  assert.equal((await send(BODY, 'Bearer other')).code, 401);
  await agent.until(({ otlp }) => otlp.spans === 3, 'one request was taken');
  await agent.stop();
});
