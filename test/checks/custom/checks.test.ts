/** Checks of each type against what is really there: programs, servers of several kinds, files, modules. */
// Slow: starts programs and waits for deadlines.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../../src/options.ts';
import { addressOf, folder, named, runner, server } from '../../support/custom-checks.ts';
import { freePort } from '../../support/ports.ts';

const DEADLINE = 3000;

test('exec: the state of a plugin is its exit code, and what it says is told', async (t) => {
  for (const state of [0, 1, 2, 3]) {
    const check = await runner(t, {
      type: 'exec',
      command: ['/bin/sh', '-c', `echo "IT SAYS|n=${state}"; exit ${state}`],
      parse: 'nagios',
    });
    assert.deepEqual(named(await check.run(DEADLINE)), [['x.n', state]]);
    assert.deepEqual([check.state, check.message, check.status.errors], [state, 'IT SAYS', 0]);
  }
});

test('exec: what floods, hangs, forks, dies or is not there is one error, and nothing of it goes on', async (t) => {
  const home = await folder(t);
  const mark = join(home, 'alive');
  for (const [script, said] of [
    ['yes', /prints more than 8 MiB/],
    [`(while :; do date > ${mark}; sleep 0.1; done) & exec sleep 60`, /no end after 0.7 s/],
    [`(while :; do date > ${mark}; sleep 0.1; done) & exit 0`, null],
    ['exit 137', /ended with exit code 137/],
    ['echo no >&2; exit 1', /exit code 1: no/],
    ['kill -9 $$', /was ended by SIGKILL/],
    ['echo "a b c"', /line 1 is no metric/],
  ] as const) {
    const check = await runner(t, { type: 'exec', command: ['/bin/sh', '-c', script], parse: 'prometheus' });
    const found = await check.run(String(said).includes('no end') ? 700 : DEADLINE);
    if (said) assert.match(check.status.last_error ?? '', said, script);
    assert.equal(check.state, said ? 3 : 0, script);
    assert.deepEqual(named(found), []);
  }
  const before = readFileSync(mark, 'utf8');
  await sleep(1500);
  assert.equal(readFileSync(mark, 'utf8'), before, 'a child goes on');
});

test('exec: why a program cannot be started is said, with what to do', async (t) => {
  const dir = await folder(t);
  const run = async (name: string, text: string, mode: number) => {
    const file = join(dir, name);
    writeFileSync(file, text);
    chmodSync(file, mode);
    const check = await runner(t, { type: 'exec', command: [file], parse: 'json' });
    await check.run(DEADLINE);
    return check.status.last_error!.replace(`${dir}/`, '');
  };
  assert.equal(
    await run('lost', '#!/usr/bin/nobody-has-it\n', 0o755),
    'lost: what its first line names (#!) is not there',
  );
  assert.match(await run('plain', '#!/bin/sh\n', 0o644), /^plain: user \d+ may not run it: chmod \+x, unless/);
});

test('http: status, body, redirects, what is no HTTP, what refuses', async (t) => {
  const url = await server(t, (request, response) => {
    if (request.url === '/ok') response.end('all ok here');
    else if (request.url === '/round') response.writeHead(302, { location: '/round' }).end();
    else if (request.url === '/nowhere') response.writeHead(302, { location: 'http://[' }).end();
    else if (request.url === '/to') response.writeHead(301, { location: '/ok' }).end();
    else if (request.url === '/token') response.end(request.headers.authorization);
    else if (request.url === '/slow') response.write('x');
    else response.writeHead(503).end();
  });
  const odd = createTcp((socket) => socket.end('SSH-2.0-x\r\n')).listen(0, '127.0.0.1');
  await once(odd, 'listening');
  t.after(() => odd.close());
  const token = join(await folder(t), 'token');
  writeFileSync(token, 'abc\n');
  for (const [check, state, said] of [
    [{ url: `${url}/ok`, expect: { status: [200], body: 'ok here' } }, 0, null],
    [{ url: `${url}/to` }, 0, null],
    [{ url: `${url}/token`, token_file: token, expect: { body: 'Bearer abc' } }, 0, null],
    [{ url: `${url}/ok`, expect: { body: 'nope' } }, 2, /does not hold "nope"/],
    [{ url: `${url}/down`, expect: { status: 503 } }, 0, null],
    [{ url: `${url}/round` }, 2, /redirects more than 5 times/],
    [{ url: `http://127.0.0.1:${(odd.address() as AddressInfo).port}/` }, 2, /does not speak HTTP/],
    [{ url: `${url}/nowhere` }, 2, /redirects to what is no URL/],
    // A key in the query stays here: what is said leaves the host.
    [{ url: 'http://127.0.0.1:1/a?key=abc' }, 2, /^http:\/\/127\.0\.0\.1:1\/a: refuses connections$/],
    [{ url: `${url}/down?key=abc` }, 2, /\/down answers 503$/],
  ] as const) {
    const made = await runner(t, { type: 'http', ...check });
    const found = await made.run(DEADLINE);
    assert.deepEqual([made.state, made.status.errors], [state, 0], `${check.url} ${made.message}`);
    if (said) assert.match(made.message!, said);
    else
      assert.deepEqual(
        named(found).map(([name]) => name),
        ['http.check.duration', 'http.check.status_code'],
      );
  }
  const slow = await runner(t, { type: 'http', url: `${url}/slow`, expect: { body: 'y' } });
  await slow.run(300);
  assert.match(slow.status.last_error!, /no end after 0.3 s/);
});

test('https: days until the certificate ends; one that nobody known has signed is critical', async (t) => {
  const dir = await folder(t);
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '20'];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
      ...names,
    ],
    { stdio: 'ignore' },
  );
  const made = createHttps({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) =>
    response.end('x'),
  ).listen(0, '127.0.0.1');
  const url = await addressOf(t, made, 'https');
  const right = await runner(t, { type: 'http', url, tls: { ca_file: cert } });
  const found = named(await right.run(DEADLINE));
  const days = found.find(([name]) => name === 'tls.certificate.days_left')?.[1] as number;
  assert.ok(days > 19 && days <= 20, String(days));
  const [request, old] = [join(dir, 'request.pem'), join(dir, 'old.pem')];
  const quiet = { stdio: 'ignore' } as const;
  execFileSync('openssl', ['req', '-new', '-key', key, '-out', request, '-subj', '/CN=localhost'], quiet);
  execFileSync('openssl', ['x509', '-req', '-in', request, '-signkey', key, '-days', '-1', '-out', old], quiet);
  const over = createHttps({ key: readFileSync(key), cert: readFileSync(old) }).listen(0, '127.0.0.1');
  const expired = await runner(t, { type: 'http', url: await addressOf(t, over, 'https'), tls: { ca_file: old } });
  const [[name, left] = []] = named(await expired.run(DEADLINE));
  assert.match(expired.message!, /its certificate has expired/);
  assert.ok(name === 'tls.certificate.days_left' && Math.abs((left as number) + 1) < 0.1, `${name} ${left}`);
  const unknown = await runner(t, { type: 'http', url });
  await unknown.run(DEADLINE);
  assert.match(unknown.message!, /not signed by a known authority: tls.ca_file/);
  assert.equal(unknown.state, 2);
});

test('tcp and dns', async (t) => {
  const listening = createTcp((socket) => socket.end()).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  t.after(() => listening.close());
  const right = await runner(t, { type: 'tcp', address: `127.0.0.1:${(listening.address() as AddressInfo).port}` });
  assert.deepEqual(
    named(await right.run(DEADLINE)).map(([name]) => name),
    ['tcp.check.duration'],
  );
  const wrong = await runner(t, { type: 'tcp', address: '127.0.0.1:1' });
  await wrong.run(DEADLINE);
  assert.deepEqual([wrong.state, wrong.status.errors], [2, 0]);
  const nobody = await runner(t, { type: 'dns', query: 'x.invalid', server: '127.0.0.1:1' });
  await nobody.run(DEADLINE);
  assert.deepEqual([nobody.state, nobody.status.errors], [2, 0]);
});

test('openmetrics: increases, allow, deny, rename, up; too much, another protocol, and no end', async (t) => {
  let scrape = 0;
  const next = () => {
    scrape += 5;
    return scrape;
  };
  const url = await server(t, (request, response) => {
    if (request.url === '/big') response.end('a 1\n'.repeat(100_000));
    else if (request.url === '/html') response.end('<html></html>');
    else if (request.url === '/endless') setInterval(() => response.write('a 1\n'), 10).unref();
    else response.end(`# TYPE http_total counter\nhttp_total ${next()}\ngo_x 1\nother 3\nhttp_y 2\n`);
  });
  const check = await runner(t, {
    type: 'openmetrics',
    url,
    allow: ['http_*', 'go_*'],
    deny: 'go_*',
    rename: { http_y: 'y' },
  });
  await check.run(DEADLINE);
  assert.deepEqual(named(await check.run(DEADLINE)), [
    ['http_total', 5],
    ['y', 2],
    ['up', 1],
  ]);
  for (const [path, said] of [
    ['/big', /more than 1024 bytes/],
    ['/html', /line 1 is no metric/],
  ] as const) {
    const wrong = await runner(t, { type: 'openmetrics', url: url + path, max_bytes: '1KiB' });
    const found = await wrong.run(DEADLINE);
    assert.match(wrong.message!, said);
    assert.equal(wrong.state, 2, path);
    assert.ok(
      named(found).every(([name]) => name === 'up' || name === 'a'),
      path,
    );
  }
  const endless = await runner(t, { type: 'openmetrics', url: `${url}/endless` });
  await endless.run(500);
  assert.match(endless.status.last_error!, /no end/);
});

test('textfile: several files, one of which is none, one too large', async (t) => {
  const dir = await folder(t);
  writeFileSync(join(dir, 'a.prom'), 'job_last_success 17\n');
  writeFileSync(join(dir, 'b.prom'), 'torn{\n');
  writeFileSync(join(dir, 'c.txt'), 'no 1\n');
  writeFileSync(join(dir, 'd.prom'), 'x 1\n'.repeat(1000));
  const check = await runner(t, { type: 'textfile', path: join(dir, '*.prom'), max_bytes: '1KiB' });
  const found = await check.run(DEADLINE);
  assert.deepEqual(named(found)[0], ['job_last_success', 17]);
  assert.equal(check.state, 2);
  assert.match(check.message!, /b\.prom: line 1 is no metric.*d\.prom: has 4000 bytes/);
});

test('module: TypeScript, own options, kept between runs; throws, does not compile, never ends, takes all memory', async (t) => {
  const dir = await folder(t);
  const file = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const head = "import { defineCheck } from '@runnel/agent/check';\n";
  const good = file(
    'good.ts',
    `${head}let n = 0;\nexport default defineCheck<{ depth: number }>({ run({ gauge, total, histogram, status, options }) {
    gauge('size', options.depth, { queue: 'a' }); total('seen', 10 * n++); histogram('took', 3); histogram('took', 5); status(1, 'so so'); } });`,
  );
  const check = await runner(t, { type: 'module', path: good, options: { depth: 3, name: 'x' } });
  await check.run(10_000);
  const found = (await check.run(DEADLINE))!;
  assert.deepEqual(named(found), [
    ['size', 3],
    ['seen', 10],
    ['took', undefined],
  ]);
  assert.deepEqual([check.state, check.message, found[2]!.fields.count, found[2]!.fields.avg], [1, 'so so', 2, 4]);
  for (const [name, body, said, ms] of [
    [
      'throws.js',
      `${head}export default defineCheck({\n run() { throw new Error('no') } });`,
      /throws\.js:3: no/,
      DEADLINE,
    ],
    ['compile.ts', 'const x = ;\nexport default 1', /compile\.ts:1: Expression expected/, DEADLINE],
    ['compile.js', 'export const x = 1;\nconst y = ;\n', /compile\.js:2: Unexpected token ';'/, DEADLINE],
    ['twice.js', 'let x;\n\nlet x;\nexport default 1', /twice\.js:3: Identifier 'x' has already/, DEADLINE],
    ['compile.cjs', 'const x = 1;\nconst y = ;\n', /compile\.cjs:2: Unexpected token ';'/, DEADLINE],
    ['imports.js', "import './compile.js';\nexport default 1", /\/compile\.js:2: Unexpected token ';'/, DEADLINE],
    [
      'asks.js',
      "\nimport 'nobody-has-it';\nexport default 1",
      /asks\.js: Cannot find package 'nobody-has-it'/,
      DEADLINE,
    ],
    ['none.js', 'export const x = 1', /none\.js has no default export of defineCheck/, DEADLINE],
    ['wants.js', "\nimport { no } from './none.js';\nexport default no", /wants\.js:2: .*'no'/, DEADLINE],
    ['never.js', `${head}export default defineCheck({ run: () => new Promise(() => {}) })`, /no end after/, 500],
    ['loop.js', `${head}export default defineCheck({ run() { for (;;); } })`, /no end after/, 500],
    [
      'grow.js',
      `${head}export default defineCheck({ run() { const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1)); } })`,
      /more than 256 MiB/,
      20_000,
    ],
    [
      'exit.js',
      `${head}export default defineCheck({ run() { process.exit(3); } })`,
      /the process of the modules ended: exit code 3/,
      DEADLINE,
    ],
  ] as const) {
    const wrong = await runner(t, { type: 'module', path: file(name, body) });
    await wrong.run(ms);
    assert.match(wrong.status.last_error ?? '', said, name);
    assert.equal(wrong.state, 3);
  }
  // What could not be loaded is loaded anew.
  const late = await runner(t, { type: 'module', path: file('late.js', "throw new Error('not yet');") });
  await late.run(10_000);
  assert.match(late.status.last_error ?? '', /late\.js:1: not yet/);
  file('late.js', "export default { run({ gauge }) { gauge('a', 7); } }");
  assert.deepEqual(named(await late.run(DEADLINE)), [['a', 7]]);
  // The process is another by now, and the first check goes on in it.
  assert.equal(named(await check.run(10_000))[0]![1], 3);
});

test('after failures it is asked more seldom, and at once when it is right again', async (t) => {
  const dir = await folder(t);
  const flag = join(dir, 'ok');
  const check = await runner(t, { type: 'exec', command: ['/bin/sh', '-c', `test -e ${flag}`], parse: 'json' });
  let runs = 0;
  for (let i = 0; i < 40; i++) if (await check.run(DEADLINE)) runs++;
  assert.ok(runs >= 9 && runs <= 12, String(runs));
  assert.equal(check.status.runs + check.status.skipped, 40);
});

test('a program or module that is not there is a warning, and is run when it has come; not while others may write it', async (t) => {
  const dir = await folder(t);
  for (const [type, name, text] of [
    ['exec', 'queue.sh', '#!/bin/sh\necho "[]"\n'],
    ['module', 'queue.js', 'export default { run() {} };\n'],
  ] as const) {
    const file = join(dir, name);
    const named = type === 'exec' ? { command: [file], parse: 'json' } : { path: file };
    const config = join(dir, `${name}.yaml`);
    writeFileSync(config, JSON.stringify({ metrics: { checks: [{ name: 'x', type, ...named }] } }));
    assert.match((await loadConfig(config)).warnings.join(), /checks\[0\]\.\w+ \S+: there is no such file/);
    const check = await runner(t, { type, ...named });
    const said = async () => {
      await check.run(DEADLINE);
      return check.status.last_error;
    };
    assert.equal(await said(), `${file}: there is no such file`);
    writeFileSync(file, text);
    chmodSync(file, 0o755);
    assert.equal(await said(), null);
    if (process.getuid?.() !== 0) continue;
    chmodSync(file, 0o757);
    assert.match((await said())!, /may be written by everybody: chmod go-w \S+: it runs with the rights of the agent$/);
    await assert.rejects(loadConfig(config), /may be written by everybody/);
  }
});

test('what the configuration must not say is refused, with its place', async (t) => {
  for (const [check, said] of [
    [{ type: 'tcp' }, /checks\[0\] needs address, for example address: 127\.0\.0\.1:5432/],
    [{ type: 'tcp', address: 'x' }, /must be host:port/],
    [{ type: 'exec', command: ['ls'], parse: 'json' }, /begins with ls: write the whole path/],
    [{ type: 'http', url: 'http://x/', allow: 'a' }, /allow is nothing for http: it takes url/],
    [{ type: 'htpp' }, /did you mean http\?/],
    [{ type: 'tcp', address: 'a:1', name: 'cpu' }, /cpu is the name of a built-in check/],
  ] as const) {
    await assert.rejects(runner(t, check), said, JSON.stringify(check));
  }
});

test('the example reads nginx', async (t) => {
  const nginx = ['/usr/sbin/nginx', '/usr/bin/nginx'].find((path) => spawnSync(path, ['-v']).status === 0);
  if (!nginx) return t.skip('NOT TESTED: nginx is not installed (apt-get install nginx-light)');
  const dir = await folder(t);
  const socket = join(dir, 'nginx.sock');
  const port = await freePort();
  writeFileSync(
    join(dir, 'nginx.conf'),
    `daemon off; master_process off; pid ${dir}/pid; error_log ${dir}/error; events {}
     http { access_log off; client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
     server { listen 127.0.0.1:${port}; location = /stub_status { stub_status; } } }`,
  );
  const child = spawn(nginx, ['-p', dir, '-c', join(dir, 'nginx.conf')], { stdio: 'ignore' });
  t.after(() => child.kill());
  const path = join(import.meta.dirname, '../../../config/checks/nginx.js');
  const check = await runner(t, { type: 'module', path, options: { url: `http://127.0.0.1:${port}/stub_status` } });
  for (let i = 0; i < 100 && check.state !== 0; i++) await check.run(10_000);
  const names = named(await check.run(DEADLINE));
  assert.deepEqual(
    names.find(([name]) => name === 'nginx.requests'),
    ['nginx.requests', 1],
    socket,
  );
  assert.ok(names.some(([name]) => name === 'nginx.connections.active'));
});
