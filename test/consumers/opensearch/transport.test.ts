/** Requests to nodes: which one is asked, what is said where none answers, and what is known of what was asked. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecure } from 'node:https';
import { type AddressInfo, createServer as createListener, type Server } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Nodes } from '../../../src/consumers/opensearch/nodes.ts';
import {
  productOf,
  RefusedRequest,
  Transport,
  TransportError,
  type TransportOptions,
} from '../../../src/consumers/opensearch/transport.ts';
import { directory } from '../../support/directory.ts';
import { makeCertificates } from '../../support/kafka-tls.ts';

async function listening(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function node(t: TestContext, handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  t.after(() => server.closeAllConnections());
  return `http://127.0.0.1:${await listening(t, server)}`;
}

function transport(t: TestContext, urls: string[], more: Partial<TransportOptions> = {}): Transport {
  const made = new Transport({ urls, ...more });
  t.after(() => made.close());
  return made;
}

const failing = (work: Promise<unknown>) =>
  work.then(
    () => assert.fail('it was answered'),
    (error: TransportError) => error,
  );

/** A port that nobody listens on. */
async function nobody(): Promise<string> {
  const server = createListener().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return `http://127.0.0.1:${port}`;
}

test('nodes take turns on connections that are kept; a body goes out as it is', async (t) => {
  const seen: string[] = [];
  const sockets = new Set<unknown>();
  const one = (name: string): RequestListener => {
    return async (request, response) => {
      let body = '';
      for await (const piece of request) body += piece;
      sockets.add(request.socket);
      seen.push(`${name} ${request.method} ${request.url} ${request.headers['content-type']} ${body}`);
      response.end('{}');
    };
  };
  const urls = [await node(t, one('a')), `${await node(t, one('b'))}/behind/`];
  const asked = transport(t, urls);
  const body = [Buffer.from('{"create":{}}\n'), Buffer.from('{}\n')];
  for (let i = 0; i < 4; i++) {
    await asked.send({ method: 'POST', path: '/ds-1/_bulk?x', body, type: 'application/x-ndjson' });
  }
  const text = 'application/x-ndjson {"create":{}}\n{}\n';
  assert.deepEqual(seen, [
    `a POST /ds-1/_bulk?x ${text}`,
    `b POST /behind/ds-1/_bulk?x ${text}`,
    `a POST /ds-1/_bulk?x ${text}`,
    `b POST /behind/ds-1/_bulk?x ${text}`,
  ]);
  assert.equal(sockets.size, 2);
});

test('a node that refuses connections rests, and another one is asked at once', async (t) => {
  const gone = await nobody();
  const asked = transport(t, [gone, await node(t, (_, response) => response.end('{}'))]);
  await asked.send({ method: 'POST', path: '/x', body: '{}' });
  assert.deepEqual(
    asked.status().map(({ error, resting }) => [error, resting]),
    [
      [`${gone} refuses connections`, true],
      [null, false],
    ],
  );
});

test('where none can be asked the last one says why, and nothing was carried out', async (t) => {
  const gone = await nobody();
  const error = await failing(transport(t, [gone]).send({ method: 'POST', path: '/', body: '' }));
  assert.ok(error instanceof TransportError);
  assert.deepEqual([error.kind, error.unknown, error.message], ['connect', false, `${gone} refuses connections`]);
  const nowhere = await failing(
    transport(t, ['http://no.such.host.invalid']).json('GET', '/', undefined, { what: 'cannot look' }),
  );
  assert.match(
    nowhere.message,
    /^cannot look: http:\/\/no\.such\.host\.invalid no address for no\.such\.host\.invalid: /,
  );
});

test('what was asked and not answered may have been carried out, and is asked of nobody else', async (t) => {
  let other = 0;
  const cutting = await node(t, (request) => request.socket.destroy());
  const second = await node(t, (_, response) => {
    other++;
    response.end('{}');
  });
  const asked = transport(t, [cutting, second]);
  const error = await failing(asked.send({ method: 'POST', path: '/_bulk', body: 'x' }));
  assert.deepEqual([error.kind, error.unknown, other], ['cut', true, 0]);
  // A question changes nothing: it goes to the next one.
  const again = transport(t, [cutting, second]);
  assert.equal((await again.send({ method: 'GET', path: '/' })).url, second);
});

test('who does not answer in time is left', async (t) => {
  const silent = await node(t, () => undefined);
  const error = await failing(transport(t, [silent]).send({ method: 'POST', path: '/', body: '', timeout: 100 }));
  assert.deepEqual([error.kind, error.unknown], ['timeout', true]);
  const stop = new AbortController();
  const waiting = transport(t, [silent]).send({ method: 'POST', path: '/', body: '', signal: stop.signal });
  const reason = new Error('stopped');
  stop.abort(reason);
  await assert.rejects(waiting, reason);
});

test('an answer that is cut, or larger than it may be, is none', async (t) => {
  const half = await node(t, (_, response) => {
    response.writeHead(200, { 'Content-Length': 10 });
    response.write('12345', () => response.socket!.destroy());
  });
  assert.equal((await failing(transport(t, [half]).send({ method: 'POST', path: '/', body: '' }))).kind, 'cut');
  const large = await node(t, (_, response) => response.end('x'.repeat(3 << 20)));
  const error = await failing(transport(t, [large]).send({ method: 'POST', path: '/', body: '', max: 2 << 20 }));
  assert.deepEqual([error.kind, error.message], ['size', `${large} answers with more than 2 MiB`]);
});

test('refusals say what was to be done, who refuses it and why', async (t) => {
  const answers: [number, string][] = [
    [400, '{"error":{"type":"a","reason":"b","root_cause":[{"type":"c","reason":"the cause"}]},"status":400}'],
    [401, 'Unauthorized'],
    [403, '{"error":{"type":"security_exception","reason":"no permissions for [indices:admin]"}}'],
    [502, '<html>bad gateway</html>'],
  ];
  let i = 0;
  const url = await node(t, (_, response) => {
    const [status, body] = answers[i++ % answers.length]!;
    response.writeHead(status).end(body);
  });
  const asked = transport(t, [url]);
  const said: string[] = [];
  for (const _ of answers) {
    const error = await failing(asked.json('PUT', '/_index_template/x', {}, { what: 'cannot make x' }));
    assert.ok(error instanceof RefusedRequest);
    said.push(error.message.replace(url, 'URL'));
  }
  assert.deepEqual(said, [
    'cannot make x: URL answers 400 (a: the cause)',
    'cannot make x: URL refuses the login (Unauthorized): are username and password, or api_key, right?',
    'cannot make x: URL does not allow it (security_exception: no permissions for [indices:admin]): give this user the right to it',
    'cannot make x: URL answers 502 (<html>bad gateway</html>)',
  ]);
  assert.equal((await asked.json('PUT', '/', {}, { allow: [400] })).body.error.type, 'a');
});

test('it logs in by name and password, or by a key', async (t) => {
  const seen: (string | undefined)[] = [];
  const url = await node(t, (request, response) => {
    seen.push(request.headers.authorization);
    response.end('{}');
  });
  await transport(t, [url]).send({ method: 'GET', path: '/' });
  await transport(t, [url], { username: 'runnel', password: 'ä:b' }).send({ method: 'GET', path: '/' });
  await transport(t, [url], { api_key: 'aWQ6a2V5' }).send({ method: 'GET', path: '/' });
  assert.deepEqual(seen, [undefined, `Basic ${Buffer.from('runnel:ä:b').toString('base64')}`, 'ApiKey aWQ6a2V5']);
});

test('certificates are checked, and what is wrong with them is said with its remedy', async (t) => {
  const dir = directory(t);
  await makeCertificates(dir);
  const chain = await readFile(join(dir, 'server-chain.pem'));
  const server = createSecure({ key: chain, cert: chain }, (_, response) => response.end('{}'));
  t.after(() => server.closeAllConnections());
  const port = await listening(t, server);
  const url = `https://127.0.0.1:${port}`;
  const ca_file = join(dir, 'ca.pem');
  assert.equal((await transport(t, [url], { tls: { ca_file } }).send({ method: 'GET', path: '/' })).status, 200);
  assert.equal((await transport(t, [url], { tls: { insecure: true } }).send({ method: 'GET', path: '/' })).status, 200);
  const why = async (at: string, tls?: object) =>
    (await failing(transport(t, [at], { tls }).send({ method: 'GET', path: '/' }))).message;
  assert.equal(
    await why(url),
    `${url} its certificate comes from nobody who is trusted here: name the authority in sink.opensearch.tls.ca_file`,
  );
  assert.match(
    await why(url, { ca_file: join(dir, 'none.pem') }),
    /sink\.opensearch\.tls\.ca_file .*there is no such file/,
  );
  assert.match(
    await why(url, { ca_file, server_name: 'os-1' }),
    /its certificate is for .*, not for os-1: write the name that it has into sink\.opensearch\.tls\.server_name/,
  );
  const plain = await node(t, (_, response) => response.end('{}'));
  assert.match(
    await why(plain.replace('http', 'https')),
    /(does not speak TLS at this port: is the port right\?|ended the connection in the TLS handshake: does it speak TLS at this port\?) Else write http/,
  );
});

test('the product is told by its answer', async (t) => {
  const answers = [
    { version: { number: '2.19.1', distribution: 'opensearch' } },
    { version: { number: '8.15.0', build_flavor: 'default' }, tagline: 'You Know, for Search' },
    {},
  ];
  let i = 0;
  const url = await node(t, (_, response) => response.end(JSON.stringify(answers[i++])));
  const asked = transport(t, [url]);
  assert.deepEqual(await productOf(asked), { name: 'opensearch', version: '2.19.1' });
  assert.deepEqual(await productOf(asked), { name: 'elasticsearch', version: '8.15.0' });
  await assert.rejects(productOf(asked), /neither OpenSearch's nor Elasticsearch's/);
});

test('a rest doubles up to a minute, and is over with an answer', () => {
  const nodes = new Nodes(['http://a', 'http://b']);
  const [a, b] = nodes.all as [Nodes['all'][number], Nodes['all'][number]];
  const rests = Array.from({ length: 6 }, () => {
    nodes.failed(a, 'no', a.restsUntil);
    return a.rest / 1000;
  });
  assert.deepEqual(rests, [5, 10, 20, 40, 60, 60]);
  assert.equal(nodes.next(new Set(), 1000), b);
  assert.equal(nodes.next(new Set([b]), 1000), a);
  assert.equal(nodes.next(new Set([a, b]), 1000), null);
  nodes.answered(a);
  assert.equal(nodes.next(new Set([b]), 1000), a);
  // What was under way when it failed says nothing new.
  nodes.failed(b, 'no', 0);
  nodes.failed(b, 'no', 1);
  assert.equal(b.rest, 5000);
});
