/** Files through the whole agent while Kafka is away, are rotated, are written to under no name: what users see of it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { appendFile, mkdir, open, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { canBind, makeHome } from '../support/agent.ts';
import { freshTopic, noKafka, type ProxiedKafka, sharedKafkaBehindProxy } from '../support/kafka.ts';
import { readRecords } from '../support/kcat.ts';
import { numbered } from '../support/lines.ts';

const skip = noKafka;
let kafka: ProxiedKafka;

before(async () => {
  if (!skip) kafka = await sharedKafkaBehindProxy();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

function rss(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

/** Files without a name that the process still has open. */
function deletedButOpen(pid: number, dir: string): string[] {
  const names = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return ''; // It was closed since the listing.
    }
  });
  return names.filter((name) => name.startsWith(dir) && name.endsWith(' (deleted)'));
}

/** Of each file: its lines in order, without a gap between their bytes. All lines, by writer: each once. */
async function assertAll(topic: string, wanted: ReadonlyMap<string, readonly string[]>): Promise<void> {
  const ends = new Map<string, number>();
  const got = new Map<string, string[]>([...wanted.keys()].map((writer) => [writer, []]));
  for (const { value, headers } of await readRecords(kafka.brokers, topic)) {
    const { file, offset, length } = headers;
    assert.equal(Number(offset), ends.get(file!) ?? 0, `${headers.path}: ${value}`);
    ends.set(file!, Number(offset) + Number(length));
    const text = String(value);
    got.get(text.slice(0, text.indexOf(' ')))!.push(text);
  }
  for (const [writer, lines] of wanted) {
    assert.deepEqual(got.get(writer)!.sort(), lines, `writer ${writer}`);
  }
}

test('Kafka away for half a minute, fifty files written, renamed and deleted meanwhile: all arrives, memory stays flat', {
  skip,
}, async () => {
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  const topic = await freshTopic(kafka.brokers, 'long-away');
  const agent = await home.start({
    kafka: { brokers: kafka.proxied },
    buffer_memory: '16MiB',
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic, encoding: 'raw', rotate_wait: '2s' }],
  });
  const written = new Map<string, string[]>(Array.from({ length: 50 }, (_, i) => [`w${i}`, []]));
  const write = async (count: number) => {
    for (const [writer, lines] of written) {
      const more = numbered(writer, lines.length, count);
      lines.push(...more);
      await appendFile(home.path('logs', `${writer}.log`), `${more.join('\n')}\n`);
    }
  };
  await write(20);
  await agent.settled(1000);
  kafka.proxy.refuse();
  const memory: number[] = [];
  const began = Date.now();
  for (let turn = 0; Date.now() - began < 30_000; turn++) {
    await write(200);
    await sleep(700);
    memory.push(rss(agent.pid));
    if (turn % 5 !== 4) continue;
    // Every file is renamed out of the glob, and what was renamed before is deleted. Each was seen long before.
    for (const writer of written.keys()) {
      const old = home.path('logs', `${writer}.old`);
      await rm(old, { force: true });
      await rename(home.path('logs', `${writer}.log`), old);
    }
  }
  const deleted = deletedButOpen(agent.pid, home.dir);
  assert.ok(deleted.length >= 50, `${deleted.length} files that were deleted are still to be read`);
  kafka.proxy.heal();
  const lines = [...written.values()].reduce((sum, { length }) => sum + length, 0);
  await agent.settled(lines, 90_000);
  // From a third of the outage on, nothing grows any more, however much is written.
  const third = Math.floor(memory.length / 3);
  const growth = Math.max(...memory.slice(third)) - memory[third]!;
  assert.ok(growth < 25e6, `memory grew by ${growth} bytes: ${memory}`);
  assert.ok(Math.max(...memory) < 180e6, `${Math.max(...memory)} bytes of memory`);
  // Read to their end and quiet, the deleted files are let go: the disk has its space back.
  await agent.until(() => deletedButOpen(agent.pid, home.dir).length === 0, 'deleted files are let go', 20_000);
  await agent.stop();
  await assertAll(topic, written);
});

test('a writer that goes on for five seconds after its file was renamed out of the directory loses no line', {
  skip,
}, async () => {
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  await mkdir(home.path('archive'));
  const topic = await freshTopic(kafka.brokers, 'late');
  const live = home.path('logs', 'a.log');
  const agent = await home.start({
    kafka: { brokers: kafka.brokers },
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic, encoding: 'raw' }],
  });
  const before = numbered('old', 0, 1000);
  await writeFile(live, `${before.join('\n')}\n`);
  await agent.settled(1000);
  await using writer = await open(live, 'a');
  await rename(live, home.path('archive', 'a.log.1'));
  const old = [...before];
  const fresh: string[] = [];
  const began = Date.now();
  while (Date.now() - began < 5000) {
    const late = numbered('old', old.length, 50);
    const first = numbered('new', fresh.length, 50);
    await writer.appendFile(`${late.join('\n')}\n`);
    await appendFile(live, `${first.join('\n')}\n`);
    old.push(...late);
    fresh.push(...first);
    await sleep(50);
  }
  await agent.settled(old.length + fresh.length);
  await agent.stop();
  const wanted = new Map([
    ['old', old],
    ['new', fresh],
  ]);
  await assertAll(topic, wanted);
});

test('status has of each file its size, position, bytes and seconds behind and error, and of what was lost the bytes', {
  skip: skip || !canBind,
}, async () => {
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  const topic = await freshTopic(kafka.brokers, 'status');
  const [a, b] = [home.path('logs', 'a.log'), home.path('logs', 'b.log')];
  const text = (from: number, count: number) => `${numbered('a', from, count).join('\n')}\n`;
  await writeFile(a, text(0, 1000));
  await writeFile(b, 'b\n');
  await writeFile(home.path('logs', 'secret.log'), 'c\n', { mode: 0 });
  const config = {
    kafka: { brokers: kafka.proxied },
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic, encoding: 'raw' }],
  };
  const agent = await home.start(config, { bound: true });
  const { logs } = await agent.settled(1001);
  const [input] = logs;
  const size = text(0, 1000).length;
  assert.equal(input!.files_total, 2);
  assert.equal(input!.unreadable, 1);
  assert.equal(input!.lines, 1001);
  assert.equal(input!.bytes, size + 2);
  const files = () => agent.status().then((s) => Object.fromEntries(s.logs[0]!.files.map((file) => [file.path, file])));
  const { [a]: read, [b]: other } = await files();
  const { id } = read!;
  assert.match(id, /^[0-9a-f]{16}$/);
  assert.notEqual(other!.id, id);
  const none = { lag_bytes: 0, lag_seconds: 0, truncated: 0, error: null, waiting: null, waits_for: null };
  assert.deepEqual(read, { path: a, id, size, position: size, committed: size, lines: 1000, ...none });
  assert.deepEqual(other, { path: b, id: other!.id, size: 2, position: 2, committed: 2, lines: 1, ...none });

  // Away: what is read is not safe, and gets older.
  kafka.proxy.refuse();
  await appendFile(a, text(1000, 500));
  const more = size + text(1000, 500).length;
  const isBehind = async () => (await files())[a]!.lag_seconds > 2;
  while (!(await isBehind())) await sleep(100);
  const behind = (await files())[a]!;
  const { size: all, position, committed, lag_bytes } = behind;
  assert.deepEqual(
    { all, position, committed, lag_bytes },
    { all: more, position: more, committed: size, lag_bytes: more - size },
  );
  assert.equal((await files())[b]!.lag_bytes, 0);
  kafka.proxy.heal();
  await agent.settled(1501);
  assert.equal((await files())[a]!.committed, more);

  // Truncated: another file under the same name.
  await truncate(a);
  await sleep(500);
  await appendFile(a, text(1500, 10));
  await agent.settled(1511);
  const anew = (await files())[a]!;
  assert.notEqual(anew.id, id);
  assert.equal(anew.size, text(1500, 10).length);
  assert.equal(anew.committed, anew.size);

  // What is truncated before it was read is a number: an unfinished line is not read.
  await appendFile(a, 'unfinished');
  while ((await files())[a]!.size !== anew.size + 10) await sleep(50);
  await truncate(a);
  await appendFile(a, 'x\n');
  const { lost } = await agent.until((s) => s.lost.length > 0, 'the loss is counted', 20_000);
  const [loss] = lost;
  assert.deepEqual([loss!.input, loss!.reason, loss!.records, loss!.bytes], ['logs.app', 'truncated', 0, 10]);
  await agent.until((s) => s.conservation.total.forwarded === 1512, 'the new line is sent');
  await agent.stop();
});
