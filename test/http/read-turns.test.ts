import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { GrpcServer } from '../../src/http/grpc/server.ts';
import { ReadTurns } from '../../src/http/read-turns.ts';
import { call, frameOf, sessionTo } from '../support/grpc-peer.ts';
import { until } from '../support/until.ts';

/** Longer than a turn may go on beginning. */
const WORK_MS = 5;

function work(): void {
  for (const from = performance.now(); performance.now() - from < WORK_MS; );
}

/** Connections to a server that calls `came` for what each has sent; `said` says it for the one that is named. */
async function peers(t: TestContext, count: number, turns: ReadTurns, came: (name: number, socket: Socket) => void) {
  let accepted = 0;
  const server = createServer((socket) => {
    accepted++;
    turns.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (piece) => came(Number(piece.toString()), socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1'));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await until('all are accepted', () => accepted === count);
  return (name: number) => sockets[name]!.write(`${name}`);
}

/** Counts turns of the event loop until it is told to stop. */
function countTurns(t: TestContext): { now: number } {
  const turn = { now: 0 };
  let next = setImmediate(function again() {
    turn.now++;
    next = setImmediate(again);
  });
  t.after(() => clearImmediate(next));
  return turn;
}

test('what many have sent at once is begun over many turns, all of it', async (t) => {
  const turns = new ReadTurns();
  const turn = countTurns(t);
  const begun: number[] = [];
  const say = await peers(t, 60, turns, (_, socket) => {
    begun.push(turn.now);
    turns.begin(socket);
    work();
  });
  for (let i = 0; i < 60; i++) say(i);
  await until('all are served', () => begun.length === 60);
  const most = Math.max(...begun.map((at) => begun.filter((other) => other === at).length));
  assert.ok(most <= 8, `${most} in one turn`);
});

test('who sends little does not wait for all that others have sent', async (t) => {
  const turns = new ReadTurns();
  const order: number[] = [];
  const say = await peers(t, 61, turns, (name, socket) => {
    order.push(name);
    for (let i = 0; i < (name < 60 ? 10 : 1); i++) turns.begin(socket);
    work();
    // They go on and on.
    if (name < 60 && !order.includes(60)) say(name);
  });
  for (let i = 0; i < 60; i++) say(i);
  await until('all have been served', () => new Set(order).size === 60);
  const before = order.length;
  say(60);
  await until('it is served, too', () => order.includes(60));
  assert.ok(order.indexOf(60) - before < 15, `${order.indexOf(60) - before} others were before it`);
});

test('nothing more is begun while what was waits for long', async (t) => {
  let busy = true;
  t.after(() => {
    busy = false;
  });
  let asked = 0;
  const turns = new ReadTurns(() => {
    asked++;
    return busy;
  });
  let begun = 0;
  const turn = countTurns(t);
  const say = await peers(t, 10, turns, (_, socket) => {
    begun++;
    turns.begin(socket);
  });
  for (let i = 0; i < 10; i++) say(i);
  await until('one is begun', () => begun > 0);
  const at = turn.now;
  const before = asked;
  await until('turns have gone by', () => turn.now > at + 5000);
  assert.equal(begun, 1);
  // It makes no turns of its own meanwhile.
  assert.ok(asked - before < (turn.now - at) / 2, `${asked - before} of ${turn.now - at}`);
  busy = false;
  await until('all are served', () => begun === 10);
});

test('calls of many connections, more than may wait at a time, are all answered', async (t) => {
  let working = 0;
  const server = await GrpcServer.open({
    where: { host: '127.0.0.1', port: 0 },
    access: { names: null },
    elsewhere: '',
    limits: { calls: 200 },
    turns: new ReadTurns(() => working > 20),
    methods: new Map([
      [
        '/test.Slow/Do',
        async ({ message }) => {
          working++;
          await message(100);
          await new Promise((resolve) => setTimeout(resolve, 1));
          working--;
          return Buffer.alloc(0);
        },
      ],
    ]),
  });
  t.after(() => server.close());
  const sessions = Array.from({ length: 40 }, () => sessionTo(t, server.address));
  await Promise.all(sessions.map((session) => once(session, 'remoteSettings')));
  const answers = sessions.flatMap((session) =>
    Array.from({ length: 50 }, () => call(session, '/test.Slow/Do', frameOf(Buffer.from('x')))),
  );
  const statuses = await Promise.all(answers.map((answer) => answer.then(({ status }) => status, String)));
  assert.deepEqual([...new Set(statuses)], [0]);
  assert.deepEqual([server.requests, server.refused.size], [2000, 0]);
});
