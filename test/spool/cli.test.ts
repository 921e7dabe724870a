/** `spool ls` and `spool cat`, in a process of their own, beside a spool that is open. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { directory } from '../support/directory.ts';
import { block, openSpool, readAll, TOPIC } from '../support/spool-blocks.ts';

const run = promisify(execFile);
const MODULE = new URL('../../src/cli/spool.ts', import.meta.url).href;

async function cli(call: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const script = `import { spoolCat, spoolLs } from '${MODULE}'; process.exitCode = await ${call};`;
  try {
    return { code: 0, ...(await run(process.execPath, ['--input-type=module', '-e', script])) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

test('ls and cat show what is there while the agent goes on writing', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir);
  const partition = spool.partition(TOPIC);
  const time = Date.parse('2026-11-22T14:00:00.123Z');
  await partition.append(await block(['{"a":1}', '{"b":"ä"}'], { codec: 'zstd', time }));
  await partition.append(await block(['{"c":3}'], { codec: 'lz4', time: time + 1000 }));
  await readAll(partition);
  await partition.acknowledge(2);

  const [facts] = JSON.parse((await cli(`spoolLs(${JSON.stringify(dir)}, {json: true})`)).stdout);
  assert.deepEqual(
    { ...facts, bytes: 0 },
    {
      topic: TOPIC,
      records: 3,
      bytes: 0,
      first: '2026-11-22T14:00:00.123Z',
      last: '2026-11-22T14:00:01.123Z',
      waiting: 1,
      damaged_bytes: 0,
    },
  );
  const table = (await cli(`spoolLs(${JSON.stringify(dir)}, {json: false})`)).stdout.split('\n');
  assert.match(table[0]!, /^TOPIC +RECORDS +BYTES +WAITING +FIRST +LAST$/);
  assert.match(table[1]!, /^runnel\.metrics +3 +\d+ +1 +2026-11-22T14:00:00\.123Z +2026-11-22T14:00:01\.123Z$/);

  const cat = await cli(`spoolCat(${JSON.stringify(dir)}, '${TOPIC}', {json: false})`);
  assert.deepEqual(cat, { code: 0, stdout: '{"a":1}\n{"b":"ä"}\n{"c":3}\n', stderr: '' });
  const json = (await cli(`spoolCat(${JSON.stringify(dir)}, '${TOPIC}', {json: true})`)).stdout.trim().split('\n');
  assert.deepEqual(JSON.parse(json[2]!), {
    offset: 2,
    timestamp: '2026-11-22T14:00:01.123Z',
    key: 'web-1',
    headers: {},
    value: '{"c":3}',
  });
  await spool.close();
});

test('cat -n shows the last records, over segments and within blocks', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir, { max_size: 1600 });
  const all = ['1', '2', '3', '4', '5', '6', '7'];
  const blocks = [all.slice(0, 2), all.slice(2, 3), all.slice(3, 6), all.slice(6)];
  for (const values of blocks) await spool.partition(TOPIC).append(await block(values));
  await spool.close();
  assert.ok((await readdir(join(dir, `${TOPIC}-0`))).filter((name) => name.endsWith('.log')).length > 1);
  for (const [lines, shown] of [
    ['0', []],
    ['1', ['7']],
    ['3', ['5', '6', '7']],
    ['5', ['3', '4', '5', '6', '7']],
    ['999', all],
  ] as const) {
    const { code, stdout } = await cli(
      `spoolCat(${JSON.stringify(dir)}, '${TOPIC}', {json: false, lines: '${lines}'})`,
    );
    assert.deepEqual([code, stdout], [0, shown.map((value) => `${value}\n`).join('')], lines);
  }
  const wrong = await cli(`spoolCat(${JSON.stringify(dir)}, '${TOPIC}', {json: false, lines: '-1'})`);
  assert.deepEqual(
    [wrong.code, wrong.stderr],
    [2, 'runnel: -n takes a number of records, for example -n 20, not -1\n'],
  );
});

test('cat passes over damage and says so', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir);
  for (const value of ['one', 'two', 'three']) await spool.partition(TOPIC).append(await block([value]));
  await spool.close();
  const file = join(dir, `${TOPIC}-0`, '00000000000000000000.log');
  const bytes = await readFile(file);
  const at = bytes.indexOf('two');
  bytes[at]! ^= 1;
  await writeFile(file, bytes);
  const { code, stdout, stderr } = await cli(`spoolCat(${JSON.stringify(dir)}, '${TOPIC}', {json: false})`);
  assert.deepEqual([code, stdout], [1, 'one\nthree\n']);
  assert.match(stderr, /damaged bytes in runnel\.metrics were passed over/);
});

test('a topic or a log that is not there is one clear sentence', async (t) => {
  const dir = directory(t);
  const none = await cli(`spoolLs(${JSON.stringify(join(dir, 'none'))}, {json: false})`);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /no local log in .*: nothing was collected there yet/);
  const { spool } = await openSpool(dir);
  await spool.partition(TOPIC).append(await block(['one']));
  const wrong = await cli(`spoolCat(${JSON.stringify(dir)}, 'logs', {json: false})`);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /no topic logs in .*: it has runnel\.metrics/);
  await spool.close();
});
