/** Sockets that systemd has bound: nothing is lost that comes while the agent is down. */
// Slow: starts the agent three times.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  closeSocket,
  datagramsAvailable,
  openDatagrams,
  openListener,
  setWaiting,
} from '../../../../src/native/sockets.ts';

const MAIN = join(import.meta.dirname, '../../../../src/main.ts');

test('what comes while the agent is down is there when it is up again', { skip: !datagramsAvailable() }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'runnel-inherited-'));
  t.after(() => rm(folder, { recursive: true }));
  const buffer = { receiveBuffer: 1 << 20, timeout: 0 };
  const udp = openDatagrams({ host: '127.0.0.1', port: 0 }, buffer);
  const stream = openListener({ path: join(folder, 'stream') });
  const other = openListener({ host: '127.0.0.1', port: 0 });
  // As systemd makes them.
  setWaiting(stream.fd, true);
  t.after(() => {
    for (const { fd } of [udp, stream, other]) closeSocket(fd);
  });
  const config = join(folder, 'runnel.yaml');
  await writeFile(
    config,
    `host: web-1
data_dir: ${folder}/data
kafka: {brokers: []}
metrics: {host: false}
statsd: {listen: ['udp://127.0.0.1:${udp.port}', 'unixstream://${folder}/stream'], flush_interval: 1s}
admin: {listen: 127.0.0.1:0, socket: ${folder}/admin.sock}
`,
  );
  let said = '';
  const start = async (): Promise<ChildProcess> => {
    // The process itself has to be the one that is meant.
    const command = `LISTEN_PID=$$ LISTEN_FDS=3 exec ${process.execPath} ${MAIN} run -c ${config}`;
    const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'ignore', 'pipe', udp.fd, stream.fd, other.fd] });
    t.after(() => child.kill('SIGKILL'));
    said = '';
    child.stderr!.on('data', (text: Buffer) => {
      said += text;
    });
    for (let i = 0; !said.includes('has started'); i++) {
      assert.ok(i < 3000 && child.exitCode === null, said);
      await sleep(10);
    }
    return child;
  };
  const stop = async (child: ChildProcess) => {
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    assert.equal(code, 0, said);
  };
  const sender = createSocket('udp4');
  t.after(() => sender.close());
  const send = (text: string) => new Promise((sent) => sender.send(text, udp.port, '127.0.0.1', sent));

  await stop(await start());
  assert.match(said, new RegExp(`systemd has bound 127.0.0.1:${other.port}, which is not in statsd.listen`));
  for (let i = 0; i < 200; i++) await send('hits:1|c');
  const client = connect(join(folder, 'stream'));
  await once(client, 'connect');
  client.end('lines:1|c\nlines:1|c\n');
  await stop(await start());

  const { value, records } = await sumsIn(folder);
  assert.deepEqual(value, { hits: 200, lines: 2 }, records);
});

/** What the local log has, by the program that people use. */
async function sumsIn(folder: string) {
  const args = [MAIN, 'spool', 'cat', 'runnel.metrics', '-c', join(folder, 'runnel.yaml'), '--json'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let records = '';
  child.stdout.on('data', (text: Buffer) => {
    records += text;
  });
  await once(child, 'close');
  const value: Record<string, number> = {};
  for (const line of records.split('\n').filter(Boolean)) {
    const record = JSON.parse((JSON.parse(line) as { value: string }).value) as { name: string; value: number };
    value[record.name] = (value[record.name] ?? 0) + record.value;
  }
  return { value, records };
}
