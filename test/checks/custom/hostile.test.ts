/** What programs, modules and endpoints do that mean no good: each is one error of its own check, and nothing stays. */
// Slow: starts programs and waits for deadlines.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { folder, named, runner, server } from '../../support/custom-checks.ts';
import { until } from '../../support/until.ts';

const DEADLINE = 10_000;

const isAlive = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

test('exec: a run that is under way ends with its check, and all that it has started', async (t) => {
  const dir = await folder(t);
  const check = await runner(t, {
    type: 'exec',
    command: ['/bin/sh', '-c', `trap "" TERM; sleep 600 & echo $$ $! > ${dir}/new; mv ${dir}/new ${dir}/pids; wait`],
    parse: 'json',
  });
  const run = check.run(DEADLINE);
  await until('it runs', () => existsSync(join(dir, 'pids')));
  await check.close();
  const pids = readFileSync(join(dir, 'pids'), 'utf8').trim().split(' ').map(Number);
  await until('both have ended', () => !pids.some(isAlive));
  await run;
  assert.equal(check.status.last_error, 'the check is closed');
});

test('exec: what has left its session ends with the run, and its children, and nothing dead stays', async (t) => {
  const dir = await folder(t);
  const pidfile = (name: string) => join(dir, name);
  const leave = `setsid sh -c 'sleep 600 & echo $$ $! > ${dir}/new; mv ${dir}/new ${dir}/pids; wait' </dev/null >/dev/null 2>&1 &`;
  // The last one has no mark: it is not ended, but goes by itself, and must leave no zombie.
  const gone = `(env -i setsid sh -c 'echo $$ > ${dir}/gone; exec sleep 0.3' </dev/null >/dev/null 2>&1 &)`;
  const wait = `while ! [ -s ${dir}/pids ] || ! [ -s ${dir}/gone ]; do sleep 0.02; done`;
  const command = ['/bin/sh', '-c', `${leave} ${gone}; ${wait}; echo '[]'`];
  const check = await runner(t, { type: 'exec', parse: 'json', command });
  await check.run(DEADLINE);
  assert.equal(check.status.last_error, null);
  const read = (name: string) => readFileSync(pidfile(name), 'utf8').trim().split(' ').map(Number);
  const left = [...read('pids'), ...read('gone')];
  assert.equal(left.length, 3);
  await until('all are gone, also as zombies', () => !left.some((pid) => existsSync(`/proc/${pid}`)));
});

test('programs and what modules have started end with the agent, whatever ends that', async (t) => {
  const dir = await folder(t);
  const module = join(dir, 'm.js');
  writeFileSync(
    module,
    `import { spawn } from 'node:child_process';
     export default { async run({ gauge }) { gauge('pid', spawn('/bin/sleep', ['600']).pid); } };`,
  );
  const program = `
    const { CustomRunner } = await import(${JSON.stringify(join(import.meta.dirname, '../../../src/checks/custom/runner.ts'))});
    const make = (check) => new CustomRunner({ name: 'x', tags: {}, timeout: 60_000, max_series: 10, ...check });
    const [{ fields }] = await make({ type: 'module', path: ${JSON.stringify(module)} }).run(20_000);
    make({ type: 'exec', parse: 'json', command: ['/bin/sh', '-c', 'echo $$ > ${dir}/new; mv ${dir}/new ${dir}/pid; exec sleep 600'] }).run(60_000);
    const { existsSync } = await import('node:fs');
    const timer = setInterval(() => { if (existsSync('${dir}/pid')) { clearInterval(timer); console.log(fields.value); } }, 20);
  `;
  const agent = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => agent.kill('SIGKILL'));
  const [line] = (await once(createInterface(agent.stdout), 'line')) as [string];
  const pids = [Number(line), Number(readFileSync(join(dir, 'pid'), 'utf8'))];
  assert.ok(pids.every(isAlive), String(pids));
  agent.kill('SIGKILL');
  await until('none is left', () => !pids.some(isAlive));
});

test('exec: what says much without an end is read in time that its length is worth', async (t) => {
  for (const [script, parse] of [
    ["printf 'OK|'; head -c 4000000 /dev/zero | tr '\\0' a", 'nagios'],
    ["printf 'OK|'; head -c 4000000 /dev/zero | tr '\\0' ' '", 'nagios'],
    [`printf 'OK|'; head -c 4000000 /dev/zero | tr '\\0' "'"`, 'nagios'],
    ["printf 'OK|'; yes \"'\" | head -c 2000000 | tr '\\n' ' '", 'nagios'],
  ] as const) {
    const check = await runner(t, { type: 'exec', command: ['/bin/sh', '-c', script], parse });
    const began = process.cpuUsage();
    await check.run(DEADLINE);
    const { user, system } = process.cpuUsage(began);
    assert.ok(user + system < 2_000_000, `${script}: ${user + system} us`);
    assert.equal(check.state, 0, check.status.last_error ?? '');
  }
  const loud = await runner(t, { type: 'exec', command: ['/bin/sh', '-c', 'yes >&2'], parse: 'json' });
  await loud.run(DEADLINE);
  assert.match(loud.status.last_error!, /prints more than 8 MiB/);
});

test('modules: own messages, changed functions, packages, CommonJS, what is left unhandled, no end of its beginning', async (t) => {
  const dir = await folder(t);
  mkdirSync(join(dir, 'node_modules/some'), { recursive: true });
  writeFileSync(join(dir, 'node_modules/some/package.json'), '{"name":"some","main":"index.js"}');
  writeFileSync(join(dir, 'node_modules/some/index.js'), 'module.exports = 7;');
  const made = async (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return runner(t, { type: 'module', path: join(dir, name) });
  };
  for (const [name, text] of [
    [
      'ready.js',
      `export default { run({ gauge }) { process.send('ready'); process.send(null); process.send({ id: 1 });
      process.send({ id: 1, measurements: [['begin']], left: 0, state: 0, message: null, error: null }); gauge('a', 7); } }`,
    ],
    [
      'patch.js',
      "process.send = () => {}; process.exit = () => {}; export default { run({ gauge }) { gauge('a', 7); } }",
    ],
    ['package.js', "import some from 'some'; export default { run({ gauge }) { gauge('a', some); } }"],
    ['common.cjs', "const some = require('some'); module.exports = { run({ gauge }) { gauge('a', some); } }"],
    [
      'loose.js',
      "export default { run({ gauge }) { Promise.reject(new Error('x')); setTimeout(() => { throw 1 }); gauge('a', 7); } }",
    ],
    [
      'half.js',
      "export default { run({ gauge, status }) { gauge('a', 7, { '\\ud800': '\\udc00' }); status(0, '\\ud800'); } }",
    ],
    ['timers.js', "export default { run({ gauge }) { setInterval(() => {}, 1); gauge('a', 7); } }"],
  ] as const) {
    const check = await made(name, text);
    const found = await check.run(DEADLINE);
    assert.deepEqual(named(found), [['a', 7]], `${name}: ${check.message}`);
    assert.doesNotMatch(JSON.stringify(found), /\\ud[89a-f]/);
  }
  const never = await made('await.js', 'await new Promise(() => {}); export default { run() {} }');
  await never.run(500);
  assert.match(never.status.last_error!, /no end after/);
  const own = await made(
    'signal.js',
    "export default { run: ({ signal }) => new Promise((_, no) => signal.addEventListener('abort', () => no(new Error('gave up')))) }",
  );
  await own.run(4000);
  assert.match(own.status.last_error!, /gave up/);
});

test('modules: one that ends the process of all is the only one that fails', async (t) => {
  const dir = await folder(t);
  const made = async (name: string, body: string) => {
    writeFileSync(join(dir, name), `export default { async run({ gauge }) { ${body} } }`);
    return runner(t, { type: 'module', path: join(dir, name) });
  };
  for (const [fault, ms, said] of [
    ['await new Promise((go) => setTimeout(go, 50)); process.exit(3)', DEADLINE, /exit code 3/],
    ['for (;;);', 1000, /no end after/],
  ] as const) {
    const wrong = await made(`wrong${ms}.js`, fault);
    const right = await Promise.all(
      [1, 2, 3].map((n) =>
        made(`right${ms}-${n}.js`, `await new Promise((go) => setTimeout(go, 150)); gauge('a', ${n});`),
      ),
    );
    const runs = [wrong.run(ms), ...right.map((check) => check.run(DEADLINE))];
    const found = await Promise.all(runs);
    assert.match(wrong.status.last_error ?? '', said);
    assert.deepEqual(found.slice(1).map(named), [[['a', 1]], [['a', 2]], [['a', 3]]], right[0]!.message ?? '');
  }
});

test('openmetrics: up says so whatever is wrong, half an answer is none, and no increase is lost for it', async (t) => {
  let answer: Record<string, string> = {};
  let text = '';
  let status = 200;
  const url = await server(t, (_, response) => {
    if (status === 101) response.socket!.end('HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n');
    else if (status === 0) response.writeHead(200).flushHeaders();
    else response.writeHead(status, answer).end(text);
  });
  const check = await runner(t, { type: 'openmetrics', url, max_series: 2, rename: { other: 'b' } });
  const says = async (is: number, body: string, headers: Record<string, string> = {}) => {
    [status, text, answer] = [is, body, headers];
    // What was given up may not have ended yet.
    for (;;) {
      // Only of what never ends the deadline is waited for.
      const found = await check.run(is === 0 ? 500 : DEADLINE);
      if (found) return named(found);
      await setImmediate();
    }
  };
  const head = '# TYPE a counter\n';
  const om = { 'content-type': 'application/openmetrics-text; version=1.0.0' };
  assert.deepEqual(await says(200, `${head}a 5\nconstructor 1\n`), [
    ['constructor', 1],
    ['up', 1],
  ]);
  assert.deepEqual(await says(503, ''), [['up', 0]]);
  assert.deepEqual(await says(401, ''), [['up', 0]]);
  assert.deepEqual(await says(101, ''), [['up', 0]]);
  assert.deepEqual(await says(200, `${head}a 6\n<html>\n`), [['up', 0]]);
  assert.deepEqual(await says(200, `${head}a 6\n`, om), [['up', 0]]);
  assert.match(check.message!, /OpenMetrics ends with # EOF/);
  assert.deepEqual(await says(200, 'x', { 'content-encoding': 'gzip' }), [['up', 0]]);
  assert.match(check.message!, /answers in gzip, which was not asked for/);
  assert.deepEqual(await says(0, ''), [['up', 0]]);
  assert.deepEqual(await says(200, `${head}a 9\n# EOF\n`, om), [
    ['a', 4],
    ['up', 1],
  ]);
  // The limit is that of what is measured; a second one of the same name goes on from nothing.
  assert.deepEqual(await says(200, `${head}a 10\na 3\nb 1\n`), [
    ['a', 1],
    ['up', 1],
  ]);
  assert.equal(check.status.truncated, 2);
});

test('openmetrics: of a million series those beyond the limit are left out, and counted', async (t) => {
  const [many, most] = [1_000_000, 1000];
  const text = Array.from({ length: many }, (_, i) => `n${i} 1\n`).join('');
  const url = await server(t, (_, response) => response.end(text));
  const check = await runner(t, { type: 'openmetrics', url, max_series: most });
  // However busy the machine is.
  const found = named(await check.run(60_000));
  assert.deepEqual(found.at(-1), ['up', 1]);
  assert.deepEqual([found.length - 1, check.status.truncated], [most, many - most]);
});

test('http: what is sent goes to the place that is configured only; no body is waited for where none is looked at', async (t) => {
  const seen: string[] = [];
  const other = await server(t, async (request, response) => {
    const chunks = await Array.fromAsync(request as AsyncIterable<Buffer>);
    seen.push(
      `${request.method} ${request.headers.authorization ?? ''} ${request.headers['x-key'] ?? ''} ${Buffer.concat(chunks)}`,
    );
    response.end();
  });
  const url = await server(t, (request, response) => {
    if (request.url === '/stream') response.writeHead(200).flushHeaders();
    else response.writeHead(307, { location: other }).end();
  });
  const token = join(await folder(t), 'token');
  writeFileSync(token, 'abc');
  const sent = { method: 'POST', body: 'secret', headers: { 'x-key': 'k' }, token_file: token };
  const check = await runner(t, { type: 'http', url, ...sent });
  await check.run(DEADLINE);
  assert.deepEqual([check.state, seen], [0, ['GET   ']]);
  const stream = await runner(t, { type: 'http', url: `${url}/stream` });
  await stream.run(DEADLINE);
  assert.equal(stream.state, 0, stream.message ?? '');
  const nowhere = await runner(t, { type: 'http', url, token_file: '/nope/token' });
  await nowhere.run(DEADLINE);
  assert.match(nowhere.message!, /\/nope\/token: there is no such file/);
});

test('textfile: a file that is cut is none, and its counters go on from where they were', async (t) => {
  const dir = await folder(t);
  const put = (a: string, b: string) => {
    writeFileSync(join(dir, 'a.prom'), a);
    writeFileSync(join(dir, 'b.prom'), b);
  };
  const check = await runner(t, { type: 'textfile', path: join(dir, '*.prom') });
  const says = async () => named(await check.run(DEADLINE)).filter(([name]) => name !== 'textfile.mtime');
  const [a, b] = ['# TYPE a counter\na', '# TYPE b counter\nb'];
  put(`${a} 10\n`, `${b} 10\n`);
  assert.deepEqual(await says(), []);
  put(`${a} 1`, `${b} 11\n`);
  assert.deepEqual(await says(), [['b', 1]]);
  assert.match(check.message!, /a\.prom: the last line has no end/);
  put(`${a} 12\nb{\n`, `${b} 12\n`);
  assert.deepEqual(await says(), [['b', 1]]);
  put(`${a} 13\n`, `${b} 13\n`);
  assert.deepEqual(await says(), [
    ['a', 3],
    ['b', 1],
  ]);
});
