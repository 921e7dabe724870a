/** `runnel logs`, against the streams of a real OpenSearch; how lines are shown; and what is said where it cannot be asked. */
// Slow: an OpenSearch of its own, where the run has none
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LogLines } from '../../src/cli/log-lines.ts';
import { oldestFirst } from '../../src/consumers/opensearch/search/search.ts';
import { ensure } from '../../src/consumers/opensearch/setup/setup.ts';
import { Transport } from '../../src/consumers/opensearch/transport.ts';
import { runnel } from '../support/agent.ts';
import { directory } from '../support/directory.ts';
import { ask, freshPrefix, noOpenSearch, sharedOpenSearch } from '../support/opensearch.ts';
import { sinkOptions } from '../support/sink-options.ts';
import { until } from '../support/until.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

let server: Awaited<ReturnType<typeof sharedOpenSearch>>;
before(async () => {
  if (!noOpenSearch) server = await sharedOpenSearch();
});
after(() => server?.[Symbol.asyncDispose]());

const it = (name: string, run: (t: TestContext) => Promise<void>) => test(name, { skip: noOpenSearch }, run);

interface Line {
  message: string;
  ago?: number;
  host?: string;
  offset?: number;
  level?: string;
  file?: string;
}

const START = Date.now();

/** Two streams, written in turn as the sink does. */
async function streams(t: TestContext) {
  const prefix = freshPrefix('logs');
  const transport = new Transport({ urls: [server.url] });
  await ensure(transport, sinkOptions(server.url, { stream_prefix: prefix, streams: '2' }));
  t.after(async () => {
    transport.close();
    await ask(server.url, 'DELETE', `/_data_stream/${prefix}-*`);
    await ask(server.url, 'DELETE', `/_index_template/runnel-${prefix}`);
    await ask(server.url, 'DELETE', `/_component_template/runnel-${prefix}-*`);
  });
  const path = join(directory(t), 'sink.yaml');
  const sink = `{urls: '${server.url}', stream_prefix: ${prefix}, streams: 2}`;
  await writeFile(path, `kafka: {brokers: '127.0.0.1:1'}\nsink: {opensearch: ${sink}}\n`);
  let count = 0;
  const write = async (lines: readonly Line[]) => {
    const bodies: [string, string] = ['', ''];
    for (const { message, ago = 0, host = 'web-1', offset = 0, level, file = 'a' } of lines) {
      const document = {
        '@timestamp': new Date(START - ago).toISOString(),
        message,
        host: { name: host },
        log: { file: { path: `/var/log/${file}.log`, id: file }, offset, length: 5, ...(level && { level }) },
        event: { dataset: 'app' },
      };
      const id = `id${String(count).padStart(6, '0')}`;
      bodies[count++ % 2] += `{"create":{"_id":"${id}"}}\n${JSON.stringify(document)}\n`;
    }
    for (const [i, body] of bodies.entries()) {
      if (body === '') continue;
      const headers = { 'content-type': 'application/x-ndjson' };
      const response = await fetch(`${server.url}/${prefix}-${i + 1}/_bulk?refresh=true`, {
        method: 'POST',
        headers,
        body,
      });
      assert.equal(((await response.json()) as { errors: boolean }).errors, false);
    }
  };
  const find = async (...args: string[]) => {
    const { code, stdout, stderr } = await runnel('logs', '-c', path, ...args);
    return { code, stderr, lines: stdout.split('\n').slice(0, -1) };
  };
  return { prefix, path, transport, write, find };
}

/** What was said, without time, host and file. */
const messages = (lines: readonly string[]) => lines.map((line) => line.replace(/^\S+ \S+ \S+ /, ''));

it('lines are found by words, host and time, oldest first, over all streams', async (t) => {
  const { write, find } = await streams(t);
  await write([
    { message: 'GET /a 200', ago: 3000 },
    { message: 'GET /b 500', ago: 1000, host: 'web-2' },
    { message: 'POST /a 200', ago: 2000 },
    { message: 'GET /a from yesterday', ago: 86_400_000 },
    // Of the same moment: by their place in the file.
    { message: 'third', ago: 500, offset: 20 },
    { message: 'first', ago: 500, offset: 0 },
    { message: 'second', ago: 500, offset: 10 },
  ]);
  const all = await find();
  assert.deepEqual(all.lines[0], `${new Date(START - 3000).toISOString()} web-1 /var/log/a.log GET /a 200`);
  assert.deepEqual(messages(all.lines), ['GET /a 200', 'POST /a 200', 'GET /b 500', 'first', 'second', 'third']);
  assert.deepEqual([all.code, all.stderr], [0, '']);
  assert.deepEqual(messages((await find('get')).lines), ['GET /a 200', 'GET /b 500']);
  assert.deepEqual(messages((await find('get -500')).lines), ['GET /a 200']);
  assert.deepEqual(messages((await find('--host', 'web-2')).lines), ['GET /b 500']);
  assert.deepEqual(messages((await find('get', '--since', '2d')).lines), [
    'GET /a from yesterday',
    'GET /a 200',
    'GET /b 500',
  ]);
  const window = ['--since', new Date(START - 2500).toISOString(), '--until', new Date(START - 800).toISOString()];
  assert.deepEqual(messages((await find(...window)).lines), ['POST /a 200', 'GET /b 500']);
  assert.deepEqual(messages((await find('-n', '2')).lines), ['second', 'third']);
  assert.deepEqual((await find('nothing like that')).lines, []);
});

it('more lines than an answer holds are all found, once, also where many are equal', async (t) => {
  const { write, prefix, transport } = await streams(t);
  const many = Array.from({ length: 2500 }, (_, i) => ({ message: `line ${i}`, ago: 2500 - i, offset: i }));
  // More than a page of lines that no sort tells apart.
  const equal = Array.from({ length: 1300 }, (_, i) => ({ message: `equal ${i}`, ago: 1200, offset: 7 }));
  await write([...many, ...equal]);
  const said: string[] = [];
  const signal = new AbortController().signal;
  const searching = { transport, target: `${prefix}-*`, signal, warn: (text: string) => said.push(text) };
  const found: string[] = [];
  for await (const page of oldestFirst(searching, { since: 0 }))
    for (const { source } of page) found.push(source.message);
  assert.deepEqual([found.length, new Set(found).size], [3800, 3800]);
  assert.deepEqual(
    found.filter((text) => text.startsWith('line')),
    many.map(({ message }) => message),
  );
  assert.deepEqual(said, []);
});

it('the lines around one are those of its file, by their place, whatever their time', async (t) => {
  const { write, find } = await streams(t);
  await write(Array.from({ length: 30 }, (_, i) => ({ message: `line ${i}`, ago: 1000, offset: i * 10 })));
  await write([
    { message: 'of another file', offset: 95, file: 'b' },
    { message: 'of another host', offset: 95, host: 'web-2' },
  ]);
  const { lines } = await find('line 9', '--json');
  const [document] = lines.map((line) => JSON.parse(line)).filter(({ message }) => message === 'line 9');
  assert.deepEqual([document.log.offset, document._id], [90, 'id000009']);
  const { lines: near } = await find('--around', document._id, '-n', '2');
  assert.deepEqual(
    near.map((line) => line.replace(/^(> )?.*(line|of)/, '$1$2')),
    ['line 7', 'line 8', '> line 9', 'line 10', 'line 11'],
  );
  const none = await find('--around', 'nothing');
  assert.equal(none.code, 1);
  assert.match(none.stderr, /there is no record with the id nothing/);
});

it('following shows what comes, once, and also what is a little late', async (t) => {
  const { write, path } = await streams(t);
  await write([{ message: 'before', ago: 60_000 }]);
  const child = spawn(process.execPath, [MAIN, 'logs', '-c', path, '--follow', '--since', '5m']);
  t.after(() => child.kill('SIGKILL'));
  let text = '';
  child.stdout.on('data', (piece) => {
    text += piece;
  });
  const shown = () => messages(text.split('\n').slice(0, -1));
  await until('what is there is shown', () => shown().length === 1);
  await write([{ message: 'now', ago: 0 }]);
  await until('what comes is shown', () => shown().length === 2);
  await write([{ message: 'late', ago: 3000 }]);
  await until('what is late is shown', () => shown().length === 3);
  assert.deepEqual(shown(), ['before', 'now', 'late']);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  assert.equal(await ended, 0);
});

it('where there are no streams it says what makes them', async (t) => {
  const path = join(directory(t), 'sink.yaml');
  await writeFile(
    path,
    `kafka: {brokers: k}\nsink: {opensearch: {urls: '${server.url}', stream_prefix: ${freshPrefix('none')}}}\n`,
  );
  const { code, stderr } = await runnel('logs', '-c', path);
  assert.equal(code, 1);
  assert.match(stderr, /^runnel: there are no streams none-\w+-\*: runnel sink opensearch --setup makes them/);
});

test('what is wrong is said, with what would be right', async (t) => {
  const path = join(directory(t), 'sink.yaml');
  await writeFile(path, "kafka: {brokers: k}\nsink: {opensearch: {urls: 'http://127.0.0.1:1', group: g}}\n");
  const check = async (args: string[], code: number, message: RegExp) => {
    const result = await runnel('logs', '-c', path, ...args);
    assert.match(result.stderr, message);
    assert.equal(result.code, code, args.join(' '));
  };
  // One after the other: a busy machine takes its time for each.
  await check([], 1, /^runnel: cannot search: http:\/\/127\.0\.0\.1:1 refuses connections\n$/);
  await check(
    ['--since', '1x'],
    2,
    /^runnel: --since must be a duration back from now, for example 1h, or a time, for example /,
  );
  await check(['--sink', 'h'], 2, /^runnel: --sink is the group of one of sink\.opensearch: g, not h\n$/);
  await check(
    ['-n', 'many'],
    2,
    /^runnel: --lines must be a number, at most 10000, not many; without it all are shown\n$/,
  );
  await check(['x', '--around', 'id'], 2, /^runnel: --around shows what is beside one line: without a query/);
  await check(['--follow', '--until', '1h'], 2, /^runnel: --follow has no end: leave --until out\n$/);
  await writeFile(path, 'kafka: {brokers: k}\n');
  await check([], 2, /sink\.yaml:1:1: sink\.opensearch is missing: it says where the lines are\n$/);
});

test('at a terminal lines have colours and ids, and nothing of them reaches it but text', async () => {
  const shown = async (
    source: object,
    { tty = true, env = {}, json = false, ids = undefined as boolean | undefined } = {},
  ) => {
    let text = '';
    const out = {
      isTTY: tty,
      write: (piece: string) => {
        text += piece;
        return true;
      },
      once: () => undefined,
    };
    const found = { id: 'x1', index: '.ds-ds-1-000001', source, sort: [] };
    await new LogLines({ json, ids }, out, env).print(found);
    return text;
  };
  const line = {
    '@timestamp': '2026-11-30T12:00:00.123Z',
    host: { name: 'web-1' },
    log: { file: { path: '/a.log' }, level: 'error' },
    message: 'bad\x1b[2J\n  at x',
  };
  assert.equal(
    await shown(line),
    '\x1b[2m2026-11-30T12:00:00.123Z\x1b[0m \x1b[36mweb-1\x1b[0m \x1b[2m/a.log\x1b[0m \x1b[31mbad\\x1b[2J\n      at x\x1b[0m \x1b[2mx1\x1b[0m\n',
  );
  assert.equal(
    await shown(line, { env: { NO_COLOR: '1' } }),
    '2026-11-30T12:00:00.123Z web-1 /a.log bad\\x1b[2J\n      at x x1\n',
  );
  assert.equal(await shown(line, { tty: false }), '2026-11-30T12:00:00.123Z web-1 /a.log bad\x1b[2J\n      at x\n');
  assert.equal(JSON.parse(await shown(line, { json: true }))._id, 'x1');
  // Metrics have no message: their own fields are shown.
  const metric = { '@timestamp': 't', host: { name: 'w' }, event: { dataset: 'statsd' }, name: 'hits', value: 3 };
  assert.equal(await shown(metric, { tty: false }), 't w statsd {"name":"hits","value":3}\n');
});
