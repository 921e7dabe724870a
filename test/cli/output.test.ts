/** What commands print of what comes from outside: at a terminal no control character, in a pipe every byte. */
// Slow: starts agents.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startAdmin } from '../../src/admin/server.ts';
import { Tap } from '../../src/admin/tap.ts';
import { Account } from '../../src/core/account.ts';
import { Batch } from '../../src/core/batch.ts';
import { Pool } from '../../src/core/pool.ts';
import { valueEnvelope } from '../../src/records/envelope.ts';
import { History } from '../../src/report/history.ts';
import { directory } from '../support/directory.ts';
import { block, openSpool, TOPIC } from '../support/spool-blocks.ts';
import { statusOf } from '../support/status.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const script = { skip: spawnSync('script', ['--version']).status !== 0 && 'NOT TESTED: there is no script(1) here' };

/** A new title, red in eight bits, a bell, a rubout; a tab and a line end. */
const EVIL = '\x1b]0;owned\x07\u009b31mred\x7f\ttab\nline';
const IN_JSON = '\\u001b]0;owned\\u0007\\u009b31mred\\u007f\\u0009tab\\u000aline';

async function run(program: string, args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ran = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (ran.out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (ran.err += text));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...ran })));
}

const piped = (...args: string[]) => run(process.execPath, [MAIN, ...args]);

/** The same at a terminal, which shows stderr, too. */
async function atTerminal(...args: string[]): Promise<string> {
  const command = [process.execPath, MAIN, ...args].map((arg) => `'${arg.replaceAll("'", `'\\''`)}'`).join(' ');
  const { out } = await run('script', ['-qc', command, '/dev/null']);
  const text = out.replaceAll('\r\n', '\n');
  assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/, JSON.stringify(text));
  return text;
}

function serve(change: Partial<Parameters<typeof startAdmin>[0]>): ReturnType<typeof startAdmin> {
  const history = new History(() => statusOf());
  const asked = { healthy: () => true, reasons: () => [], status: () => statusOf(), history, tap: new Tap() };
  return startAdmin({ listen: '127.0.0.1:0', hosts: [], socket: null, ...asked, ...change });
}

test('spool cat', script, async (t) => {
  const data = directory(t);
  const config = join(data, 'runnel.yaml');
  writeFileSync(config, `data_dir: ${data}\n`);
  mkdirSync(join(data, 'spool'));
  const { spool } = await openSpool(join(data, 'spool'), { sync: 'always' });
  // Letters that look like an escape stay what they are.
  await spool.partition(TOPIC).append(await block([EVIL, '{"a":"\\\\x41\u009b"}']));
  await spool.close();
  assert.equal((await piped('spool', 'cat', TOPIC, '-c', config)).out, `${EVIL}\n{"a":"\\\\x41\u009b"}\n`);
  const shown = await atTerminal('spool', 'cat', TOPIC, '-c', config);
  assert.equal(shown, `${IN_JSON}\n{"a":"\\\\x41\\u009b"}\n`);
  assert.deepEqual(JSON.parse(shown.split('\n')[1]!), { a: '\\x41\u009b' });
  const json = (await atTerminal('spool', 'cat', TOPIC, '--json', '-c', config)).split('\n');
  assert.equal(JSON.parse(json[0]!).value, EVIL);
});

test('tap', script, async (t) => {
  const data = directory(t);
  const pool = new Pool(8 << 20);
  const share = pool.share('logs');
  const batch = new Batch(await pool.take(share, 'batch'), share, {
    name: 'logs',
    topic: 'logs',
    key: 'web-1',
    account: new Account('logs'),
    replayable: false,
    envelope: () => valueEnvelope('web-1'),
  });
  batch.slot.starts[0] = batch.slot.bytesAt;
  batch.slot.ends[0] = batch.slot.bytesAt + batch.slot.bytes.write(JSON.stringify(EVIL));
  batch.count = 1;
  /** What a command shows of an agent that has this record, and ends. */
  const shown = async <T>(ask: (...args: string[]) => Promise<T>, ...more: string[]): Promise<T> => {
    const tap = new Tap();
    const server = await serve({ tap, socket: join(data, 'runnel.sock') });
    const ran = ask('tap', ...more, '--admin', `unix:${server.socket}`);
    while (!tap.active) await new Promise((resolve) => setTimeout(resolve, 10));
    tap.offer(batch);
    await server.close();
    return ran;
  };
  assert.equal((await shown(piped)).out, `${EVIL}\n`);
  assert.equal(await shown(atTerminal), `${IN_JSON}\nthe agent has stopped\n`);
  assert.equal(JSON.parse((await shown(atTerminal, '--json')).split('\n')[0]!).value, EVIL);
});

test('status, explain and what is wrong with a configuration', script, async (t) => {
  const data = directory(t);
  const config = join(data, 'runnel.yaml');
  writeFileSync(config, `data_dir: ${data}\nlogs: [{name: all, include: "/**"}]\n`);
  const path = `/var/log/${EVIL}.log`;
  const line = 'a\u009b31mline';
  const { out } = await piped('explain', 'log', path, line, '-c', config);
  const shown = await atTerminal('explain', 'log', path, line, '-c', config);
  const { message, log } = JSON.parse(shown).value;
  assert.deepEqual([message, log.file.path], [line, path]);
  assert.equal(JSON.parse(out).value.message, line);
  assert.match(await atTerminal('explain', 'statsd', 'a\u009b1m:1|x'), /\\u009b/);

  const status = statusOf();
  status.logs[0]!.files[0]!.path = path;
  const server = await serve({ status: () => status });
  t.after(() => server.close());
  assert.match(await atTerminal('status', '--admin', `http://${server.address}`), /\\x1b\]0;owned\\x07\\x9b31mred/);
  const json = await atTerminal('status', '--json', '--admin', `http://${server.address}`);
  assert.equal(JSON.parse(json).logs[0].files[0].path, path);

  writeFileSync(config, `data_dir: ${data}\n"\u009b31mnonsense": 1\n`);
  assert.match(await atTerminal('validate', '-c', config), /runnel\.yaml:2:1: unknown key \\x9b31mnonsense/);
});

test('output that a full disk does not take is said in one line', async () => {
  const full = openSync('/dev/full', 'w');
  for (const args of [['--help'], ['presets', 'nginx']]) {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    assert.equal(status, 1);
    assert.match(stderr, /^runnel: cannot write to stdout: ENOSPC.*\n$/);
  }
  closeSync(full);
});
