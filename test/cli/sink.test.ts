/** `runnel sink` as its users run it: wrong usage, --setup, a start and an end without Kafka. */
// Slow: starts programs, and an OpenSearch of its own, where the run has none
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runnel } from '../support/agent.ts';
import { directory } from '../support/directory.ts';
import { ask, freshPrefix, noOpenSearch, sharedOpenSearch } from '../support/opensearch.ts';
import { eventually, until } from '../support/until.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

let server: Awaited<ReturnType<typeof sharedOpenSearch>>;
before(async () => {
  if (!noOpenSearch) server = await sharedOpenSearch();
});
after(() => server?.[Symbol.asyncDispose]());

async function file(t: TestContext, text: string): Promise<string> {
  const dir = directory(t);
  const path = join(dir, 'sink.yaml');
  await writeFile(path, `kafka: {brokers: '127.0.0.1:1'}\ndata_dir: ${dir}/data\n${text}`);
  return path;
}

const AWAY = "sink: {opensearch: {urls: 'http://127.0.0.1:1'}}\n";

/** A process, what it says, and where it answers. */
async function running(t: TestContext, path: string) {
  const child = spawn(process.execPath, [MAIN, 'sink', 'opensearch', '-c', path], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (piece) => {
    said += piece;
  });
  const exit = once(child, 'exit') as Promise<[number | null]>;
  await until('it has started', () => said.includes('has started') || child.exitCode !== null);
  const address = /status on (\S+)/.exec(said)?.[1];
  const status = async () =>
    (await fetch(`http://${address}/status`)).json() as Promise<{ slot: number; reasons: string[] }>;
  return { child, exit, address, status, said: () => said };
}

test('wrong usage and a wrong configuration end with 2, and say what would be right', async (t) => {
  const path = await file(t, AWAY);
  const none = await file(t, '');
  const check = async (args: string[], code: number, message: RegExp) => {
    const result = await runnel('sink', ...args);
    assert.match(result.stderr, message);
    assert.equal(result.code, code, args.join(' '));
  };
  // One after the other: a busy machine takes its time for each.
  await check(
    ['opensearch', '-c', path, '--repair'],
    2,
    /^runnel: --repair mends what --check finds: write --check --repair\n$/,
  );
  await check(['opensearch', '-c', path, '--setup', '--check'], 2, /^runnel: --setup and --check are two things/);
  await check(
    ['opensearch', '-c', none],
    2,
    /sink\.yaml:1:1: sink\.opensearch is missing: it says what runnel sink opensearch is to do\n$/,
  );
  await check(
    ['opensearch', '-c', `${path}x`],
    2,
    /sink\.yamlx:1:1: cannot read the configuration: there is no such file\n$/,
  );
  await check(['elastic', '-c', path], 2, /is invalid for argument 'kind'/);
  await check(
    ['opensearch', '-c', path, '--setup'],
    1,
    /^runnel: cannot tell what is there: http:\/\/127\.0\.0\.1:1 refuses connections\n$/,
  );
});

test('the agent says that it leaves sink alone', async (t) => {
  const path = await file(t, `${AWAY}admin: {listen: 127.0.0.1:0}\nstatsd: {listen: []}\nmetrics: {host: false}\n`);
  const child = spawn(process.execPath, [MAIN, 'run', '-c', path], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (piece) => {
    said += piece;
  });
  await until('it is said', () => said.includes('sink is ignored here: runnel sink does it, with a file of its own'));
  child.kill('SIGTERM');
  await once(child, 'exit');
});

test('without Kafka and without a server it starts, says why it waits, and ends with 0; two have two slots', async (t) => {
  const path = await file(t, `admin: {listen: 127.0.0.1:0}\n${AWAY}`);
  const first = await running(t, path);
  const second = await running(t, path);
  assert.match(
    first.said(),
    /sink opensearch has started on .*, slot 0, groups runnel-sink-logs \(runnel\.logs\), brokers 127\.0\.0\.1:1, /,
  );
  assert.deepEqual([(await first.status()).slot, (await second.status()).slot], [0, 1]);
  const both = [/^kafka: /, /http:\/\/127\.0\.0\.1:1 refuses connections/];
  await eventually('both are said', async () => {
    const { reasons } = await first.status();
    return both.every((why) => reasons.some((reason) => why.test(reason)));
  });
  for (const { child, exit, said } of [first, second]) {
    child.kill('SIGTERM');
    assert.deepEqual((await exit)[0], 0, said());
    assert.match(said(), /stopped after .*: all that was read is settled\n$/);
  }
});

test('--setup makes what is missing, and may be repeated', { skip: noOpenSearch }, async (t) => {
  const prefix = freshPrefix('cli');
  t.after(async () => {
    await ask(server.url, 'DELETE', `/_data_stream/${prefix}-*`);
    await ask(server.url, 'DELETE', `/_index_template/runnel-${prefix}`);
    await ask(server.url, 'DELETE', `/_component_template/runnel-${prefix}-*`);
  });
  const path = await file(t, `sink: {opensearch: {urls: '${server.url}', stream_prefix: ${prefix}, streams: 1}}\n`);
  const [once, again] = [
    await runnel('sink', 'opensearch', '-c', path, '--setup'),
    await runnel('sink', 'opensearch', '-c', path, '--setup'),
  ];
  const lines = (end: string) => [
    `component template runnel-${prefix}-settings ${end}`,
    `component template runnel-${prefix}-mappings ${end}`,
    `index template runnel-${prefix} ${end}`,
    `stream ${prefix}-1 ${end}`,
  ];
  assert.deepEqual(once.stdout.split('\n').slice(1, -1), lines('is made'));
  assert.deepEqual(again.stdout.split('\n').slice(1, -1), lines('is there'));
  assert.deepEqual([once.code, again.code, once.stderr], [0, 0, '']);
});
