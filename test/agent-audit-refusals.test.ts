/** What an agent does not take as an audit event, and how it says so: nothing of such a request is in the log. */
// Slow: starts agents
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { type Home, makeHome } from './support/agent.ts';
import {
  type AuditAgent,
  audit,
  auditOnDisk,
  checkedStreams,
  eventOf,
  linesOf,
  NDJSON,
  startAudit,
} from './support/audit-agent.ts';

let home: Home;
let running: AuditAgent;

before(async () => {
  home = await makeHome();
  running = await startAudit(home, {}, { required_fields: ['event.action', 'user.id'] });
});
after(() => home[Symbol.asyncDispose]());

const user = { user: { id: 'u-1' } };
const ORDERS = { 'runnel-stream': 'orders' };
const LINES = { ...ORDERS, 'content-type': NDJSON };

async function refused(
  code: number,
  body: string | Buffer,
  more: Record<string, unknown>,
  headers = ORDERS as Record<string, string>,
) {
  const answer = await audit(running.socket, body, headers);
  assert.equal(answer.code, code, `${String(body).slice(0, 80)}: ${JSON.stringify(answer.body)}`);
  assert.equal(typeof answer.body.error, 'string');
  for (const [name, value] of Object.entries(more)) assert.deepEqual(answer.body[name], value, name);
  return answer;
}

test('what is no event is 400, with field and line', async () => {
  const at = '"@timestamp":"2026-12-01T07:00:00.000Z"';
  for (const body of ['', ' ', 'x', '[]', 'null', '1', '"a"', '{', `{${at},"event":{"id":"a"}} {}`, '{}\u0000']) {
    await refused(400, body, {});
  }
  await refused(400, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), {});
  await refused(400, `{${at}}`, { field: 'event.id' });
  await refused(400, `{${at},"event":{"id":7}}`, { field: 'event.id' });
  await refused(400, `{${at},"event":{"id":""}}`, { field: 'event.id' });
  await refused(400, eventOf('é'.repeat(65), user), { field: 'event.id' });
  assert.equal((await audit(running.socket, eventOf('é'.repeat(64), user), ORDERS)).code, 201, '128 bytes are good');
  await refused(400, '{"event":{"id":"a"}}', { field: '@timestamp' });
  for (const time of [
    '2026-12-01T07:00:00Z',
    '2026-13-01T07:00:00.000Z',
    '2026-12-01',
    'now',
    '2026-12-01 07:00:00.000',
    '2026-02-30T07:00:00.000Z',
    '2026-12-01T24:00:00.000Z',
  ]) {
    await refused(400, JSON.stringify({ '@timestamp': time, event: { id: 'a' } }), { field: '@timestamp' });
  }
  await refused(400, eventOf('a', { ...user, audit: {} }), { field: 'audit' });
  await refused(400, `{${at},"event":{"id":"a"},"\\u0061udit":1}`, { field: 'audit' });
  await refused(400, eventOf('a', { ...user, 'audit.sequence': 1 }), { field: 'audit' });
  await refused(400, `{${at},"event.id":"b","event":{"id":"a"}}`, { field: 'event.id' });
  for (const half of ['"m":"\\ud800"', '"\\uDFFFk":1', '"m":["\\udc00\\ud800"]']) {
    await refused(400, `{${at},"event":{"id":"a"},${half}}`, {});
  }
  const pair = `{${at},"event":{"id":"pair","action":"a"},"user":{"id":"u"},"m":"\\ud83d\\ude00 \\\\ud800"}`;
  assert.equal((await audit(running.socket, pair, ORDERS)).code, 201, 'a whole pair is good');
  const deep = `{"event":{"id":"deep","action":"a"},"user":{"id":"u"},${at},"d":${'['.repeat(31)}${']'.repeat(31)}}`;
  assert.equal((await audit(running.socket, deep, ORDERS)).code, 201, 'a depth of 32 is good');
  await refused(400, deep.replace('"d":[', '"d":[[').replace(']}', ']]}').replace('deep', 'deeper'), {});
  await refused(400, `${eventOf('l-1', user)}\n{"a":1}\n`, { line: 2 }, LINES);
  await refused(400, `${eventOf('l-1', user)}\n\n{"a"\n`, { line: 3 }, LINES);
  await refused(400, '\n \n', {}, LINES);
});

test('a key that is there twice is refused, however it is written', async () => {
  const rest = '"@timestamp":"2026-12-01T07:00:00.000Z","user":{"id":"u"}';
  const event = (text: string) => `{"event":{"id":"twice","action":"a"},${rest},${text}}`;
  for (const text of ['"a":1,"a":1', '"a":{"b":1,"\\u0062":2}', '"a":[{"b":"}","b":[]}]', '"user":1', '"":1,"":2']) {
    await refused(400, event(text), {});
  }
  const many = Array.from({ length: 40 }, (_, i) => `"k${i}":1`).join();
  await refused(400, event(`${many},"k3":2`), { field: 'k3' });
  // The same name in other objects, in texts, behind escapes, is none.
  const good = event(`"a":{"b":1},"b":{"b":"\\"b\\":1,"},"c":["b","b"],"d\\\\":1,"d":"\\\\",${many}`);
  assert.equal((await audit(running.socket, good, ORDERS)).code, 201);
});

test('what is too large is 413', async () => {
  const large = (bytes: number) => {
    const text = eventOf(`large-${bytes}`, { ...user, x: '' });
    return text.replace('"x":""', `"x":"${'y'.repeat(bytes - text.length)}"`);
  };
  await refused(413, large(256 * 1024 + 1), {});
  const most = await audit(running.socket, large(256 * 1024), ORDERS);
  assert.equal(most.code, 201, JSON.stringify(most.body));
  await refused(413, eventOf('x'.repeat(1 << 20), user), {});
  await refused(
    413,
    linesOf(
      Array.from({ length: 1001 }, (_, i) => `n-${i}`),
      user,
    ),
    {},
    LINES,
  );
  await refused(413, ' '.repeat((1 << 20) + 1), {}, LINES);
});

test('other content types are 415, other methods and paths 405 and 404', async () => {
  await refused(415, eventOf('a', user), {}, { ...ORDERS, 'content-type': 'text/plain' });
  assert.equal((await audit(running.socket, null)).code, 405);
  assert.equal((await audit(running.socket, 'x', {}, '/v1/audit/key')).code, 405);
  assert.equal((await audit(running.socket, null, {}, '/v2')).code, 404);
});

test('a CloudEvent is taken', async () => {
  const event = {
    specversion: '1.0',
    id: 'cloud-1',
    source: '/shop',
    type: 'order.paid',
    time: '2026-12-01T07:00:00Z',
  };
  const headers = { ...ORDERS, 'content-type': 'application/cloudevents+json; charset=utf-8' };
  const taken = await audit(running.socket, JSON.stringify({ ...event, ...user }), headers);
  assert.equal(taken.code, 201, JSON.stringify(taken.body));
  const again = await audit(running.socket, JSON.stringify({ ...event, ...user }), headers);
  assert.deepEqual([again.body.first, again.body.duplicate], [taken.body.first, true]);
  await refused(400, JSON.stringify({ ...event, ...user, id: undefined }), { field: 'id' }, headers);
});

test('fields that must be there are named, 422', async () => {
  await refused(422, eventOf('a'), { missing: ['user.id'] });
  await refused(
    422,
    `${eventOf('a', user)}\n${JSON.stringify({ '@timestamp': '2026-12-01T07:00:00.000Z', event: { id: 'b' } })}`,
    {
      line: 2,
      missing: ['event.action', 'user.id'],
    },
    LINES,
  );
});

test('a stream that has no good name is 400; without one the service or the user says it', async () => {
  for (const name of ['Orders', 'a b', 'x'.repeat(65), '..%2f/']) {
    await refused(400, eventOf('a', user), { field: 'Runnel-Stream' }, { 'runnel-stream': name });
  }
  const service = await audit(running.socket, eventOf('s-1', { ...user, service: { name: 'Shop' } }));
  assert.equal(service.body.stream, 'shop');
  assert.equal((await audit(running.socket, eventOf('s-1', user))).body.stream, `uid-${process.getuid!()}`);
});

test('an id that comes again is the same event or 409; of NDJSON some and others are 409 with the lines', async () => {
  const first = await audit(running.socket, linesOf(['r-1', 'r-2', 'r-3'], user), LINES);
  assert.equal(first.code, 201);
  await refused(409, eventOf('r-2', { ...user, other: true }), {});
  await refused(409, linesOf(['r-0', 'r-2', 'r-3', 'r-4'], user), { lines: [2, 3] }, LINES);
  await refused(409, linesOf(['r-8', 'r-9', 'r-8'], user), { lines: [3] }, LINES);
  const one = await audit(running.socket, ` ${eventOf('r-2', user)}\n`, ORDERS);
  assert.deepEqual(
    [one.code, one.body.first, one.body.last, one.body.duplicate],
    [201, first.body.first + 1, first.body.first + 1, true],
  );
  const other = await audit(running.socket, eventOf('r-2', user), { 'runnel-stream': 'elsewhere' });
  assert.deepEqual([other.body.first, other.body.duplicate], [1, false], 'another stream has ids of its own');
});

test('a hundred thousand repeats of one id are one event', async () => {
  const first = await audit(running.socket, eventOf('repeated', user), { 'runnel-stream': 'repeats' });
  // On a few connections that stay, sent ahead: what is measured is what the agent makes of it.
  const body = eventOf('repeated', user);
  const request = `POST /v1/audit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nRunnel-Stream: repeats\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  let answered = 0;
  await Promise.all(
    Array.from(
      { length: 8 },
      () =>
        new Promise<void>((resolve, reject) => {
          const socket = connect(running.socket);
          let [text, sent, got] = ['', 0, 0];
          const send = () => {
            for (let i = 0; i < 100 && sent < 12_500; i++, sent++) socket.write(request);
          };
          socket
            .on('error', reject)
            .setEncoding('utf8')
            .on('data', (piece: string) => {
              text += piece;
              const parts = text.split('HTTP/1.1 ');
              text = `HTTP/1.1 ${parts.pop()}`;
              for (const part of parts)
                if (part !== '') {
                  assert.ok(part.startsWith('201') && part.includes('"duplicate":true'), part);
                  got++;
                }
              if (got >= 12_499) {
                answered += got + 1;
                socket.destroy();
                resolve();
              } else if (got >= sent - 50) send();
            });
          send();
        }),
    ),
  );
  assert.equal(answered, 100_000);
  const { streams } = (await running.agent.status()).audit;
  assert.equal(streams.find(({ stream }) => stream === 'repeats')?.sequence, 1);
  assert.equal(first.body.first, 1);
});

test('a producer begins at 1 and leaves nothing out; an older epoch is 409', async () => {
  const send = (from: number, ids: string[], epoch = 1, producer = 'box') =>
    audit(running.socket, linesOf(ids, user), {
      'runnel-stream': 'produced',
      'content-type': NDJSON,
      'runnel-producer': `${producer};epoch=${epoch};sequence=${from}`,
    });
  const gap = await send(2, ['p-2']);
  assert.deepEqual([gap.code, gap.body.expected], [409, 1]);
  const first = await send(1, ['p-1', 'p-2', 'p-3']);
  assert.deepEqual([first.code, first.body.first, first.body.last], [201, 1, 3]);
  assert.deepEqual((await send(1, ['p-1', 'p-2', 'p-3'])).body, { ...first.body, duplicate: true });
  const later = await send(5, ['p-5']);
  assert.deepEqual([later.code, later.body.expected], [409, 4]);
  // Sent again in another grouping: what is new of it is taken.
  const more = await send(3, ['p-3', 'p-4', 'p-5']);
  assert.deepEqual([more.code, more.body.first, more.body.last, more.body.duplicate], [201, 3, 5, false]);
  assert.equal((await send(6, ['p-6'], 2)).code, 201);
  const old = await send(7, ['p-7'], 1);
  assert.deepEqual([old.code, old.body.expected], [409, 7]);
  const changed = await audit(running.socket, eventOf('p-6', { ...user, changed: 1 }), {
    'runnel-stream': 'produced',
    'runnel-producer': 'box;epoch=2;sequence=6',
  });
  assert.equal(changed.code, 409);
  // Known by its id though another producer sends it: it is not taken twice, and the producer is past it.
  assert.deepEqual((await send(1, ['p-6', 'q-1'], 1, 'other')).body.last, 7);
  assert.deepEqual((await send(3, ['p-6'], 1, 'other')).body.duplicate, true);
  for (const header of [
    '',
    'box',
    'box;epoch=1',
    'box;epoch=1;sequence=0',
    'box;epoch=-1;sequence=1',
    'a b;epoch=1;sequence=1',
  ]) {
    await refused(400, eventOf('z', user), { field: 'Runnel-Producer' }, { ...ORDERS, 'runnel-producer': header });
  }
});

test('two relays at once, and one that was stopped and wakes up: each event once', async () => {
  let [next, epoch] = [1, 0];
  const acknowledged = new Set<number>();
  // Both work from one table, of which each row is gone when it is answered; the second one takes over now and then.
  const relay = async (name: string, rounds: number) => {
    let mine = ++epoch;
    for (let i = 0; i < rounds; i++) {
      const from = next;
      const ids = Array.from({ length: 5 }, (_, n) => `t-${from + n}`);
      const answer = await audit(running.socket, linesOf(ids, user), {
        'runnel-stream': 'relayed',
        'content-type': NDJSON,
        'runnel-producer': `table;epoch=${mine};sequence=${from}`,
      });
      if (answer.code === 409) {
        mine = ++epoch;
        continue;
      }
      assert.equal(answer.code, 201, `${name}: ${JSON.stringify(answer.body)}`);
      for (let n = 0; n < 5; n++) acknowledged.add(from + n);
      next = Math.max(next, from + 5);
    }
  };
  await Promise.all([relay('one', 20), relay('two', 20)]);
  await running.agent.until(
    ({ audit: { streams } }) => streams.find(({ stream }) => stream === 'relayed')?.sequence === acknowledged.size,
    'each once',
  );
});

test('a client that does not read its answer keeps nobody', async () => {
  const body = eventOf('unread', user);
  const socket = connect(running.socket);
  socket.pause();
  const request = `POST /v1/audit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nRunnel-Stream: unread\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  socket.on('error', () => undefined).write(request.repeat(1500));
  for (let i = 0; i < 5; i++)
    assert.equal((await audit(running.socket, eventOf(`beside-${i}`, user), ORDERS)).code, 201);
  socket.destroy();
});

test('of what was refused nothing is in the log', async () => {
  await running.agent.stop();
  const streams = [...checkedStreams(await auditOnDisk(home.dataDir)).values()];
  const ids = streams.flatMap(({ ids }) => ids);
  for (const id of ['l-1', 'r-0', 'r-4', 'r-8', 'r-9', 'n-0', 'a', 'b', 'deeper']) assert.ok(!ids.includes(id), id);
  const relayed = ids.filter((id) => id.startsWith('t-'));
  assert.equal(new Set(relayed).size, relayed.length);
});

test('who may not write a stream is 403, who writes too much 429, who says nothing 401', async () => {
  await using own = await makeHome();
  const token = 'a-good-token';
  const uid = String(process.getuid!());
  const streams = {
    orders: { allow: [{ uid }], rate: '5/s' },
    payroll: { allow: [{ uid: '65500' }, { token: 'payroll' }] },
  };
  const tokens = { payroll: createHash('sha256').update(token).digest('hex') };
  const { agent, socket } = await startAudit(own, {}, { streams, tokens });
  const send = (stream: string, ids: string[]) =>
    audit(socket, linesOf(ids), { 'runnel-stream': stream, 'content-type': NDJSON });
  assert.equal((await send('payroll', ['a'])).code, 403);
  assert.equal((await send('others', ['a'])).code, 403);
  assert.equal((await send('orders', ['a', 'b', 'c', 'd', 'e'])).code, 201);
  // At once: how long they take is the machine's.
  const more = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      send(
        'orders',
        [1, 2, 3, 4, 5].map((n) => `${i}-${n}`),
      ),
    ),
  );
  const late = more.filter(({ code }) => code === 429);
  assert.ok(late.length > 0 && late.every(({ headers }) => Number(headers['retry-after']) >= 1));
  assert.equal(more.filter(({ code }) => code === 201).length, more.length - late.length);
  const refused = 2 + late.length;
  const { audit: said } = await agent.until(({ audit }) => audit.listeners[0]!.refused === refused, 'all are counted');
  assert.deepEqual(said.listeners[0]!.reasons, { forbidden: 2, rate: late.length });
  await agent.stop();
});
