import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ask, askFirst, bodyOf, targetOf, targetsOf } from '../../src/admin/client.ts';
import { type AdminOptions, type AdminServer, startAdmin } from '../../src/admin/server.ts';
import { Tap } from '../../src/admin/tap.ts';
import { History } from '../../src/report/history.ts';
import { renderStatus } from '../../src/report/render.ts';
import { NO_TOP } from '../../src/sources/statsd/top-shape.ts';
import { directory } from '../support/directory.ts';
import { statusOf, withFiles } from '../support/status.ts';

async function admin(
  t: TestContext,
  change: Partial<AdminOptions> = {},
): Promise<AdminServer & { get: Get; port: number }> {
  const server = await startAdmin({
    listen: '127.0.0.1:0',
    socket: null,
    hosts: ['web-1.example.com'],
    healthy: () => true,
    reasons: () => [],
    status: (files) => withFiles(statusOf(), files),
    history: new History(() => statusOf()),
    tap: new Tap(),
    ...change,
  });
  t.after(() => server.close());
  const port = Number(server.address?.split(':').at(-1));
  return { ...server, port, get: (path, options) => get(port, path, options) };
}

type Get = (path: string, options?: { method?: string; headers?: Record<string, string> }) => Promise<Answer>;
interface Answer {
  code: number;
  body: string;
  headers: Record<string, unknown>;
}

function get(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, path, agent: false, ...options }, async (response) => {
      resolve({ code: response.statusCode!, body: await bodyOf(response), headers: response.headers });
    });
    asked.on('error', reject);
    asked.end();
  });
}

test('status is the JSON of the contract, with as many files as asked for', async (t) => {
  const { get } = await admin(t);
  const all = await get('/status');
  assert.equal(all.headers['content-type'], 'application/json');
  assert.deepEqual(JSON.parse(all.body), withFiles(statusOf(), 3));
  const one = JSON.parse((await get('/status?files=1')).body);
  assert.deepEqual(
    one.logs[0].files.map((f: { path: string }) => f.path),
    ['/var/log/nginx/b<script>.log'],
  );
  assert.equal(one.logs[0].files_total, 3);
  assert.equal((await get('/status?files=many')).code, 400);
});

test('status lists a hundred files of each input unless it is asked for others', async (t) => {
  const [log] = statusOf().logs;
  const files = Array.from({ length: 250 }, (_, i) => ({ ...log!.files[0]!, lag_bytes: 250 - i, path: `/${i}` }));
  const status = statusOf({ logs: [{ ...log!, files, files_total: 250 }] });
  const { get } = await admin(t, { status: (count) => withFiles(status, count) });
  const listed = async (query: string) => JSON.parse((await get(`/status${query}`)).body).logs[0];
  assert.equal((await listed('')).files.length, 100);
  assert.equal((await listed('')).files_total, 250);
  assert.equal((await listed('?files=200')).files.length, 200);
  assert.equal((await listed('?files=99999')).files.length, 250);
  assert.deepEqual((await listed('?files=0')).files, []);
});

test('health waits for the listeners and positions only, ready may be strict about Kafka', async (t) => {
  const { get } = await admin(t, { reasons: () => ['kafka does not answer'] });
  assert.equal((await get('/health')).code, 200);
  const ready = await get('/ready');
  assert.equal(ready.code, 200);
  assert.deepEqual(JSON.parse(ready.body), { ready: false, reasons: ['kafka does not answer'] });
  assert.equal((await get('/ready?strict')).code, 503);

  const starting = await admin(t, { healthy: () => false });
  assert.equal((await starting.get('/health')).code, 503);
  assert.equal((await starting.get('/ready')).code, 503);
});

test('metrics are Prometheus text, every loss with its input and reason', async (t) => {
  const { get } = await admin(t);
  const { body, headers } = await get('/metrics');
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/);
  for (const line of [
    'runnel_dropped_total{input="statsd",reason="kernel_drop"} 1',
    'runnel_received_total{input="logs.nginx"} 24',
    'runnel_log_truncated_total{input="nginx"} 2',
    'runnel_log_replaced_total{input="nginx"} 5',
    'runnel_log_malformed_total{input="nginx"} 3',
    'runnel_log_lag_bytes{input="nginx"} 1000',
    'runnel_log_lag_seconds{input="nginx"} 90',
    'runnel_topic_records_total{topic="runnel.logs",partition="0"} 9',
    'runnel_ready 1',
    'runnel_http_connections{listener="127.0.0.1:8687"} 1',
    'runnel_http_requests_total{listener="127.0.0.1:8687"} 5',
    'runnel_http_refused_total{listener="127.0.0.1:8687",reason="timeout"} 2',
    '# TYPE runnel_received_total counter',
  ]) {
    assert.ok(body.split('\n').includes(line), line);
  }
  for (const name of body.match(/^[a-z_]+/gm)!) assert.match(name, /^runnel_/);
  const [first, second] = await Promise.all([get('/metrics'), get('/metrics')]);
  assert.equal(first.body, second.body);
});

test('the page loads nothing but what is served beside it, and lets no other script run', async (t) => {
  const { get } = await admin(t);
  const { code, body, headers } = await get('/');
  assert.equal(code, 200);
  assert.match(String(headers['content-security-policy']), /^default-src 'none'; script-src 'self'; style-src 'self';/);
  assert.doesNotMatch(body, /<script(?![^>]* src=)|<style|\son\w+=|style=/);
  const loaded = [...body.matchAll(/(?:src|rel="stylesheet" href)="([^"]*)"/g)].map(([, path]) => path!);
  assert.deepEqual(loaded.toSorted(), ['page.css', 'page.js', 'uplot.css', 'uplot.js']);
  for (const path of [...loaded, 'plots.js']) {
    const { code, body, headers } = await get(`/${path}`);
    assert.equal(code, 200, path);
    assert.match(String(headers['content-type']), path.endsWith('.js') ? /^text\/javascript/ : /^text\/css/);
    if (!path.startsWith('uplot'))
      assert.doesNotMatch(body, /https?:\/\/|innerHTML|outerHTML|insertAdjacentHTML|\beval\b/);
  }
  assert.equal((await get('/page.ts')).code, 404);
  assert.equal((await get('/__proto__')).code, 404);
});

test('names of metrics are shown to whoever may ask, without their tags, and are counted once in ten seconds', async (t) => {
  let asked = 0;
  const row = (name: string) => ({ name, samples: 1234, series: 2 });
  const { get } = await admin(t, {
    top: async (input) => {
      assert.equal(input, 'statsd');
      asked++;
      return {
        ...NO_TOP,
        seconds: 2,
        samples: 99,
        by_samples: [row('a'.repeat(500)), row('hits')],
        tags: [{ key: 'secret-key', values: 1, approximate: false, series: 1 }],
        containers: [row('secret-container')],
      };
    },
  });
  const { body } = await get('/names');
  assert.equal((await get('/names')).body, body);
  assert.equal(asked, 1);
  assert.doesNotMatch(body, /secret/);
  assert.deepEqual(JSON.parse(body).rows, [
    [`${'a'.repeat(120)}…`, '1,234', '2'],
    ['hits', '1,234', '2'],
  ]);
  assert.equal((await (await admin(t)).get('/names')).code, 404);
});

test('a Host header that is not ours is refused', async (t) => {
  const { get, port } = await admin(t);
  const code = async (host: string) => (await get('/status', { headers: { host } })).code;
  const allowed = [
    '127.0.0.1',
    `127.0.0.1:${port}`,
    'localhost:1',
    '[::1]:80',
    '[::1]',
    '10.1.2.3:99',
    'web-1.example.com',
    'WEB-1.example.com:9',
  ];
  for (const host of allowed) assert.equal(await code(host), 200, host);
  for (const host of ['evil.example', 'evil.example:8687', 'localhost.evil.example', '127.0.0.1.evil.example']) {
    assert.equal(await code(host), 421, host);
  }
});

test('nothing can be changed, and records are not shown over TCP', async (t) => {
  const { get } = await admin(t);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
    assert.equal((await get('/status', { method })).code, 405, method);
  const head = await get('/status', { method: 'HEAD' });
  assert.equal(head.code, 200);
  assert.equal(head.body, '');
  assert.equal((await get('/tap')).code, 403);
  assert.equal((await get('/nothing')).code, 404);
  assert.equal((await get('//')).code, 400);
});

test('the socket answers too, is for owner and group, and goes with the agent', async (t) => {
  const socket = join(directory(t), 'runnel.sock');
  const { close } = await admin(t, { socket });
  assert.equal(statSync(socket).mode & 0o777, 0o660);
  const response = await ask({ socketPath: socket }, '/health');
  assert.equal(response.statusCode, 200);
  response.resume();
  await close();
  assert.throws(() => statSync(socket), /ENOENT/);
});

test('a socket that a killed agent left is replaced, one that answers is not', async (t) => {
  const dir = directory(t);
  const socket = join(dir, 'runnel.sock');
  // A socket file without a listener: a server that is closed by closing only its descriptor leaves one.
  const { spawnSync } = await import('node:child_process');
  spawnSync(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ]);
  assert.ok(statSync(socket).isSocket());
  const first = await admin(t, { socket });
  assert.deepEqual(first.errors, []);
  const second = await admin(t, { socket });
  assert.equal(second.socket, null);
  assert.deepEqual(second.errors, [`cannot serve status on ${socket}: address already in use`]);
  assert.equal((await ask({ socketPath: socket }, '/health')).resume().statusCode, 200);
});

test('a port in use is one sentence, and the socket serves all the same', async (t) => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.after(() => taken.close());
  const listen = `127.0.0.1:${(taken.address() as { port: number }).port}`;
  const server = await admin(t, { listen, socket: join(directory(t), 's.sock') });
  assert.equal(server.address, null);
  assert.deepEqual(server.errors, [`cannot serve status on ${listen}: address already in use`]);
  assert.ok(server.socket);
});

test('a command tries the socket first, then the address, and says what each said', async (t) => {
  const dir = directory(t);
  const { address } = await admin(t);
  const targets = targetsOf({ data_dir: dir, admin: { listen: address! } }, false);
  assert.equal((await askFirst(targets, '/health')).resume().statusCode, 200);
  writeFileSync(join(dir, 'runnel.sock'), '');
  await assert.rejects(
    askFirst([{ socketPath: join(dir, 'none.sock') }, targetOf('http://127.0.0.1:1')], '/health'),
    /no agent answers \(.*none.sock: no such socket; http:\/\/127.0.0.1:1: nobody listens\)/,
  );
  assert.deepEqual(targetOf('unix:/run/x.sock'), { socketPath: '/run/x.sock' });
  assert.deepEqual(targetOf('127.0.0.1:8687'), { host: '127.0.0.1', port: 8687 });
  assert.throws(() => targetOf('https://x'), /is no address of an agent/);
});

test('for people the status is text without control characters, the most behind file first', () => {
  const text = renderStatus(withFiles(statusOf({ ready: false, reasons: ['topic_missing: runnel.logs'] }), 3));
  assert.match(text, /^runnel 1\.0\.0 on web-1, pid 1, up 12\.3 s: not ready\n {2}! topic_missing: runnel.logs\n/);
  const most = 'b<script>.log: at 900 of 900 bytes, 900 B waiting (1 min 30 s), 9 lines, waits: error (12.0 s): EACCES';
  assert.ok(text.includes(most), text);
  assert.ok(text.indexOf(most) < text.indexOf('a.log'));
  assert.match(
    text,
    /^logs nginx: 9 lines, 900 B, 3 files, 1000 B waiting \(1 min 30 s\), 5 sequences not UTF-8, 3 lines not of the format$/m,
  );
  assert.match(renderStatus(withFiles(statusOf(), 1)), /EACCES\n {2}and 2 files less behind\n/);
  assert.match(text, /statsd: kernel_drop, 1 record, 40 B/);
  assert.match(
    text,
    /24 received \+ 0 recovered = 20 forwarded \+ 0 filtered \+ 1 dropped \+ 2 on their way \+ 1 in the local log/,
  );
  assert.doesNotMatch(text, /\u001b/);
});
