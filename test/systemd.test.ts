/** The unit, as systemd's own tools judge it without booting, and what the agent tells systemd. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { makeHome } from './support/agent.ts';

const UNIT = join(dirname(import.meta.dirname), 'systemd/runnel.service');
const MAX_EXPOSURE = 2.0;

/** Receives datagrams, prints each on a line. An @ stands for the abstract namespace, as in NOTIFY_SOCKET. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', chr(0), 1))
print('bound', flush=True)
while True: print(s.recv(4096).decode(), flush=True)
`;

const has = (program: string) => spawnSync(program, ['--version']).status === 0;
const skipAnalyze = has('systemd-analyze') ? false : 'systemd-analyze is not installed';
const skipReceiver =
  process.platform === 'linux' && has('python3') ? false : 'python3, which receives the datagrams, is not installed';

function analyze(...args: string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  return { status, text: stdout + stderr };
}

test('systemd finds nothing wrong with the unit', { skip: skipAnalyze }, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'runnel-unit-'));
  t.after(() => rm(dir, { recursive: true }));
  const text = await readFile(UNIT, 'utf8');
  // The program must exist where the check is made.
  await writeFile(join(dir, 'runnel.service'), text.replaceAll('/usr/bin/runnel', process.execPath));
  const { status, text: said } = analyze('verify', '--man=no', '--recursive-errors=no', join(dir, 'runnel.service'));
  assert.deepEqual([status, said], [0, '']);
});

test(`systemd rates the unit's exposure at ${MAX_EXPOSURE} or less`, { skip: skipAnalyze }, () => {
  const { status, text } = analyze(
    'security',
    '--offline=true',
    `--threshold=${MAX_EXPOSURE * 10}`,
    '--no-pager',
    UNIT,
  );
  const rating = /Overall exposure level[^:]*: ([\d.]+)/.exec(text);
  assert.ok(rating, text);
  assert.ok(Number(rating[1]) <= MAX_EXPOSURE, text);
  assert.equal(status, 0, text);
});

for (const [kind, nameOf] of [
  ['a path', (dir: string) => join(dir, 'notify')],
  ['an abstract name', () => `@runnel-test-${process.pid}`],
] as const) {
  test(`the agent says to ${kind} when it is ready and when it stops`, { skip: skipReceiver }, async () => {
    await using home = await makeHome();
    const name = nameOf(home.dir);
    const receiver = spawn('python3', ['-c', RECEIVER, name], { stdio: ['ignore', 'pipe', 'inherit'] });
    const heard = createInterface({ input: receiver.stdout })[Symbol.asyncIterator]();
    const next = async () => (await heard.next()).value;
    try {
      assert.equal(await next(), 'bound');
      process.env.NOTIFY_SOCKET = name;
      const agent = await home.start({}).finally(() => delete process.env.NOTIFY_SOCKET);
      assert.equal(await next(), 'READY=1');
      await agent.stop();
      assert.equal(await next(), 'STOPPING=1');
    } finally {
      const ended = once(receiver, 'close');
      receiver.kill();
      await ended;
    }
  });
}
