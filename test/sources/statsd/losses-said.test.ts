/** What is lost is said: once a reason, with what there is to do about it, and without what was sent. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Account } from '../../../src/core/account.ts';
import { LOSSES } from '../../../src/core/losses.ts';
import { setLog } from '../../../src/log.ts';
import { LossesSaid } from '../../../src/sources/statsd/losses-said.ts';
import { statsdSource } from '../../../src/sources/statsd/statsd.ts';
import { collect } from '../../support/output.ts';
import { DEFAULTS, listenOn } from '../../support/statsd.ts';

/** Sends each of these `times` and gives what the log says. */
async function saidOf(t: TestContext, times: number, ...lines: string[]) {
  const said: string[] = [];
  t.mock.method(process.stderr, 'write', (line: string) => said.push(line) > 0);
  const account = new Account('statsd');
  const source = statsdSource({
    config: {
      listen: listenOn('udp://127.0.0.1:0'),
      ...DEFAULTS,
      receive_buffer: 1 << 20,
      flush_interval: 3_600_000,
      percentiles: [],
      max_contexts: 100,
      memory: 1 << 20,
    },
    host: 'h',
    tags: {},
    topic: 'runnel.metrics',
    events: 'runnel.events',
    unbound: 'refused',
    account,
    nextWindowId: () => '1',
    onError: (error) => assert.fail(error),
  });
  const stop = new AbortController();
  const running = source.run(collect().output, stop.signal);
  await source.ready;
  const { address } = source.status().listeners[0]!;
  const socket = createSocket('udp4');
  for (let i = 0; i < times; i++) {
    for (const line of lines) socket.send(line, Number(address.split(':').at(-1)), '127.0.0.1');
  }
  while (account.dropped < times * lines.length) {
    source.status();
    await sleep(5);
  }
  stop.abort();
  await running;
  socket.close();
  return { said: said.filter((line) => line.includes(address)), address };
}

const BAD: [line: string, reason: keyof typeof LOSSES][] = [
  [':1|c', 'malformed:name'],
  ['secret.load:0,75|g', 'malformed:value'],
  ['secret.hits:1|count', 'malformed:type'],
  ['secret.hits:1|c|@2', 'malformed:rate'],
  ['secret.hits:1|c|Tnow', 'malformed:timestamp'],
  ['_e{5,4}:secret', 'malformed:event'],
  ['_sc|secret|9', 'malformed:service_check'],
  ['secret.hits:1|c|T100', 'bad_timestamp'],
  ['secret.took:1|ms|T100', 'unsupported_timestamp'],
];

test('each reason is said once, with how many, why and what to do, and without the line', async (t) => {
  const { said, address } = await saidOf(t, 20, ...BAD.map(([line]) => line));
  assert.equal(said.length, BAD.length, said.join(''));
  for (const [, reason] of BAD) {
    const { meaning, remedy } = LOSSES[reason] as { meaning: string; remedy: string };
    const [line] = said.filter((one) => one.includes(`(${reason})`));
    assert.ok(line);
    assert.match(line, / warn udp:.*: \d+ samples? (is|are) lost so far /);
    assert.ok(
      line.startsWith(`${address}: `, line.indexOf('udp:')) && line.endsWith(`: ${meaning}: ${remedy}\n`),
      line,
    );
  }
  assert.doesNotMatch(said.join(''), /secret/);
});

test('who debugs is shown a line of each', async (t) => {
  setLog({ level: 'debug', format: 'text' });
  t.after(() => setLog({ level: 'info', format: 'text' }));
  const { said, address } = await saidOf(t, 3, ...BAD.map(([line]) => line));
  const shown = said.filter((line) => line.includes(' debug '));
  assert.deepEqual(
    shown.map((line) => line.slice(line.indexOf('udp:'))).sort(),
    BAD.map(([line, reason]) => `${address}: ${reason}: ${line}\n`).sort(),
  );
});

test('each listener has its own account of them', (t) => {
  const said: string[] = [];
  t.mock.method(process.stderr, 'write', (line: string) => said.push(line) > 0);
  const lost = new LossesSaid();
  lost.say('udp://127.0.0.1:1', { reason: 'malformed:value', samples: 40, example: undefined });
  lost.say('udp://127.0.0.1:2', { reason: 'malformed:value', samples: 2, example: undefined });
  assert.match(said[0]!, /:1: 40 samples are lost so far/);
  assert.match(said[1]!, /:2: 2 samples are lost so far/);
});
