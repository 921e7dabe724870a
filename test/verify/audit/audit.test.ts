/** What `audit verify` says of every way in which an export can be tampered with. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { twentyDigits } from '../../../src/audit/record.ts';
import { type AuditReport, verifyAudit } from '../../../src/verify/audit/audit.ts';
import type { AuditSource } from '../../../src/verify/audit/entry.ts';
import { ExportFile } from '../../../src/verify/audit/export-file.ts';
import { type MadeRecord, MadeStream, madeKey, writeMade } from '../../support/audit-records.ts';

const dir = mkdtempSync(join(tmpdir(), 'runnel-audit-'));
after(() => rmSync(dir, { recursive: true }));
const path = join(dir, 'export.ndjson');

interface How {
  pinned?: string[];
  stream?: string;
  anyStart?: boolean;
  unsealedFor?: number;
}

function verifyFile(how: How = {}): Promise<AuditReport> {
  const { pinned = [], stream = null, anyStart = false, unsealedFor = 0 } = how;
  return verifyAudit({ source: new ExportFile(path), pinned, stream, anyStart, unsealedFor });
}

/** What is found in the records, as `kind from-to`; a stream that is complete is ''. */
async function found(records: readonly MadeRecord[], how: How = {}): Promise<string> {
  writeMade(path, records);
  const { streams, foreign, reasons } = await verifyFile(how);
  assert.ok(streams.length > 0, reasons.join());
  const all = streams.flatMap(({ stream, findings }) =>
    findings.map(({ kind, from, to }) => `${streams.length > 1 ? `${stream} ` : ''}${kind} ${from}-${to}`),
  );
  return [...all, ...(foreign > 0 ? [`foreign ${foreign}`] : [])].join(', ');
}

/** Events stand at 0 to 9, a seal at 10, events at 11 to 20, a seal at 21, ... */
const orders = (events = 30) => new MadeStream('orders').run(events);
const change = (record: MadeRecord, how: (text: string) => string): MadeRecord => ({
  ...record,
  value: Buffer.from(how(record.value.toString('latin1')), 'latin1'),
});
const flip = (record: MadeRecord, at: number): MadeRecord => {
  const value = Buffer.from(record.value);
  value[at < 0 ? value.length + at : at]! ^= 1;
  return { ...record, value };
};

/** The same export, each record looked at alone. */
function aloneIn(path: string): AuditSource {
  const file = new ExportFile(path);
  return { name: file.name, deleted: false, read: (each) => file.read(each) };
}

test('a stream that is complete is complete', async () => {
  writeMade(path, orders());
  const report = await verifyFile();
  assert.equal(report.result, 'complete');
  assert.equal(report.records, 33);
  const [stream] = report.streams;
  const { from, to, count, sealed_to, seals, findings } = stream!;
  assert.deepEqual(
    { from, to, count, sealed_to, seals, findings },
    {
      from: 1,
      to: 30,
      count: 30,
      sealed_to: 30,
      seals: 3,
      findings: [],
    },
  );
});

test('a byte that was changed is found wherever it stands', async () => {
  const whole = orders();
  const length = whole[14]!.value.length;
  // Every byte of the value of record 14, by which it stands at 14 behind one seal.
  for (let at = 0; at < length; at++) {
    const records = whole.with(14, flip(whole[14]!, at));
    assert.equal(await found(records), 'changed 14-14', `byte ${at} of ${length}`);
  }
});

test('a byte of a seal that was changed leaves its records unsealed', async () => {
  const whole = orders();
  const length = whole[21]!.value.length;
  for (let at = 0; at < length; at += 7) {
    const said = await found(whole.with(21, flip(whole[21]!, at)));
    assert.match(said, /^unsealed 11-20(, foreign 1)?$|^foreign 1$/, `byte ${at} of ${length}`);
  }
});

test('what was cut, dropped, swapped, inserted, carried away', async () => {
  const check = async (records: readonly MadeRecord[], expected: string) =>
    assert.equal(await found(records), expected);
  const whole = orders();
  await check(whole.with(4, { ...whole[4]!, value: whole[4]!.value.subarray(0, 100) }), 'changed 5-5');
  await check(
    whole.with(4, { ...whole[4]!, value: whole[4]!.value.subarray(0, 100), headers: {} }),
    'missing 5-5, foreign 1',
  );
  await check(whole.toSpliced(4, 1), 'missing 5-5');
  await check(whole.toSpliced(4, 3), 'missing 5-7');
  await check(whole.slice(3), 'missing 1-3');
  await check(whole.toSpliced(29, 3), 'missing 28-30');
  // A seal beyond them is gone, too: then nothing says that there were more, but the agent.
  await check(whole.slice(0, 11), '');
  await check(whole.with(3, whole[4]!).with(4, whole[3]!), 'moved 4-5');
  await check(whole.with(3, whole[7]!).with(7, whole[3]!), 'moved 4-4, moved 8-8');
  await check([...whole.toSpliced(3, 1), whole[3]!], 'moved 4-4');
  await check(whole.toSpliced(20, 0, whole[3]!), 'repeated 4-4');
  await check([...whole, ...whole], 'repeated 1-30');
  await check([whole[3]!, ...whole], 'repeated 4-4');
});

test('repeats that are identical are named, and are no fault', async () => {
  const whole = orders();
  writeMade(path, [...whole, ...whole.slice(11, 22)]);
  const report = await verifyFile();
  assert.equal(report.result, 'complete');
  assert.deepEqual(report.streams[0]!.findings, [{ kind: 'repeated', from: 11, to: 20 }]);
  assert.equal(report.streams[0]!.count, 30);
});

test('a record that was changed, with its hash made new', async () => {
  const whole = orders();
  const other = new MadeStream('orders');
  for (let i = 0; i < 4; i++) other.event();
  assert.equal(await found(whole.with(4, other.event('another'))), 'changed 5-5');
  // With the whole chain behind it made new, seals say so.
  const forged = new MadeStream('orders');
  const events = Array.from({ length: 30 }, (_, i) => forged.event(i === 14 ? 'another' : undefined));
  const seals = [whole[10]!, whole[21]!, whole[32]!];
  const records = [0, 1, 2].flatMap((i) => [...events.slice(i * 10, i * 10 + 10), seals[i]!]);
  assert.equal(await found(records), 'changed 11-30');
});

test('a number in other digits, and an event in another stream', async () => {
  const whole = orders();
  const zero = (n: number) => twentyDigits(n);
  assert.equal(
    await found(
      whole.with(
        4,
        change(whole[4]!, (t) => t.replace(zero(5), zero(7))),
      ),
    ),
    'changed 5-5',
  );
  assert.equal(
    await found(
      whole.with(
        4,
        change(whole[4]!, (t) => t.replace(zero(5), `${zero(5).slice(2)}.0`)),
      ),
    ),
    'changed 5-5',
  );
  assert.equal(
    await found(
      whole.with(
        4,
        change(whole[4]!, (t) => t.replace('0123456789abcdef', '1123456789abcdef')),
      ),
    ),
    'changed 5-5',
  );
});

test('a backup of the agent that was restored is a fork', async () => {
  const stream = new MadeStream('orders');
  const first = stream.run(15);
  const backup = stream.copy();
  const lived = stream.run(20);
  const restored = Array.from({ length: 25 }, (_, i) => backup.event(`restored ${i}`));
  assert.equal(await found([...first, ...lived, ...restored, backup.seal()]), 'forked 16-40');
  // Two that write side by side.
  const both = lived.flatMap((record, i) => [record, restored[i]!]);
  assert.match(await found([...first, ...both]), /^forked 16-3\d/);
});

test('a stream that goes on behind repeats', async () => {
  const stream = new MadeStream('orders');
  const first = stream.run(30);
  assert.equal(await found([...first, ...first.slice(12), ...stream.run(20)]), 'repeated 12-30');
  assert.equal(await found([...first, ...first.slice(12), ...stream.run(10)]), 'missing 31-50, repeated 12-30');
});

test('a seal that is gone', async () => {
  const whole = orders();
  assert.equal(await found(whole.toSpliced(21, 1)), 'unsealed 11-20');
  assert.equal(await found(whole.slice(0, -1)), 'unsealed 21-30');
  const stream = new MadeStream('orders');
  const idle = [...stream.run(10), stream.seal(), stream.seal()];
  assert.equal(await found(idle), '');
  assert.equal(await found(idle.toSpliced(11, 1)), 'unsealed 10-10');
  assert.equal(await found(whole.filter(({ value }) => !value.includes('"seal":'))), 'unsealed 1-30');
});

test('seals that change places, or come again', async () => {
  const whole = orders();
  assert.match(await found(whole.with(21, whole[32]!).with(32, whole[21]!)), /^moved /);
  assert.equal(await found([...whole, whole[21]!]), '');
});

test('the end of a stream that goes on may wait for its seal', async () => {
  writeMade(path, orders().slice(0, -1));
  const age = Date.now() - Date.parse('2026-12-01T07:00:00.000Z');
  assert.equal((await verifyFile({ unsealedFor: age + 3_600_000 })).result, 'complete');
  assert.equal((await verifyFile({ unsealedFor: 1 })).result, 'incomplete');
});

test('so may a stream that has just begun, or goes on after a pause', async () => {
  const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
  const check = async (records: readonly MadeRecord[], expected: string, note = '') => {
    assert.equal(await found(records, { unsealedFor: 120_000 }), expected);
    const [stream] = (await verifyFile({ unsealedFor: 120_000 })).streams;
    assert.equal(
      stream!.reasons.some((reason) => /wait for their seal, since/.test(reason)),
      note !== '',
    );
    if (note) assert.match(stream!.reasons.join(), new RegExp(note));
  };
  const events = (stream: MadeStream, count: number) => Array.from({ length: count }, () => stream.event());
  await check(events(new MadeStream('orders', { begins: ago(10_000) }), 5), '', 'from 1 on .* since 20');
  // Whoever cuts off all seals cuts them off from older records, too.
  await check(events(new MadeStream('orders', { begins: ago(121_000) }), 5), 'unsealed 1-5');
  await check(events(new MadeStream('orders', { begins: ago(-3_600_000) }), 5), 'unsealed 1-5');
  const paused = new MadeStream('orders', { begins: ago(3_600_000) });
  const before = paused.run(10);
  paused.pause(3_590_000);
  await check([...before, ...events(paused, 5)], '', 'from 11 on .* since 20');
  const cut = new MadeStream('orders', { begins: ago(3_600_000) });
  const sealed = [...cut.run(10), ...events(cut, 5)];
  cut.pause(3_590_000);
  await check([...sealed, ...events(cut, 5)], 'unsealed 11-20');
});

test('keys follow each other from the pinned one', async () => {
  const stream = new MadeStream('orders');
  const records = [...stream.run(10)];
  const rotate = (next: number) => {
    records.push(stream.event(), stream.seal({ next }), ...stream.run(10));
  };
  rotate(2);
  rotate(3);
  const [first, second, third, other] = [1, 2, 3, 9].map((n) => madeKey(n).key);
  assert.equal(await found(records), '');
  assert.equal(await found(records, { pinned: [first!] }), '');
  // A later key proves the seals before it, for its own says what they were.
  assert.equal(await found(records, { pinned: [second!] }), '');
  assert.equal(await found(records, { pinned: [third!] }), '');
  assert.equal(await found(records, { pinned: [other!] }), 'unsealed 1-32');
  // Another stream of the agent may have said which key follows.
  const late = new MadeStream('late', { id: '00000000000000aa', key: 3 });
  const others = late.run(5);
  assert.equal(await found([...records, ...others], { pinned: [first!] }), '');
  assert.equal(await found(others, { pinned: [first!] }), 'unsealed 1-5');
});

test('a later key of another agent, whose first one is pinned too, seals nothing of a stream', async () => {
  const other = new MadeStream('payments', { id: 'fedcba9876543210', key: 8 });
  const others = [...other.run(10), other.event(), other.seal({ next: 9 }), ...other.run(10)];
  const stream = new MadeStream('orders');
  const good = stream.run(10);
  const pinned = [1, 8].map((n) => madeKey(n).key);
  assert.equal(await found([...others, ...good, ...stream.copy().run(10)], { pinned }), '');
  // Who has the other machine now has its present key, and goes on with that.
  stream.keyNumber = 9;
  const forged = [...stream.run(10), stream.event(), stream.seal({ next: 10 }), ...stream.run(10)];
  assert.equal(await found([...others, ...good, ...forged], { pinned }), 'orders unsealed 11-31');
  // An agent whose keys were lost: the new one is pinned by itself.
  assert.equal(await found([...others, ...good, ...forged], { pinned: [...pinned, madeKey(9).key] }), '');
});

test('a seal by somebody else seals nothing', async () => {
  const stream = new MadeStream('orders');
  const records = [...stream.run(10), stream.event(), stream.seal({ key: 9 })];
  assert.equal(await found(records), 'unsealed 11-11');
  // All of it made new by somebody else: only who has pinned the key sees that.
  const forged = new MadeStream('orders', { key: 9 }).run(10);
  assert.equal(await found(forged), '');
  assert.equal(await found(forged, { pinned: [madeKey(1).key] }), 'unsealed 1-10');
});

test('what Kafka has deleted, and what an export lacks', async () => {
  const whole = orders();
  writeMade(path, whole.slice(11));
  assert.equal((await verifyFile()).result, 'incomplete');
  const late = await verifyFile({ anyStart: true });
  assert.equal(late.result, 'complete', late.streams[0]!.reasons.join());
});

test('the last seal is named: its key leads on where those before it are not there any more', async () => {
  const stream = new MadeStream('orders');
  const deleted = [...stream.run(10), stream.event(), stream.seal({ next: 2 })];
  const [first] = [1].map((n) => madeKey(n).key);
  writeMade(path, [...deleted, ...stream.run(10)]);
  const [then] = (await verifyFile({ pinned: [first!] })).streams;
  assert.deepEqual([then!.sealed_at, then!.sealed_by], ['2026-12-01T07:00:00.024Z', madeKey(2).key]);
  const left = [...stream.run(10), stream.event(), stream.seal({ next: 3 }), ...stream.run(10)];
  assert.equal(await found(left, { anyStart: true, pinned: [first!] }), 'unsealed 22-42');
  assert.equal(await found(left, { anyStart: true, pinned: [then!.sealed_by!] }), '');
});

test('a seal that is overdue is said, though nothing waits for it', async () => {
  const said = async (how: How) => (await verifyFile(how)).streams[0]!.reasons.join();
  writeMade(path, orders());
  const age = Date.now() - Date.parse('2026-12-01T07:00:00.000Z');
  assert.match(
    await said({ unsealedFor: 120_000 }),
    /^no seal has come since 2026-12-01T07:00:00\.033Z: the agent has/,
  );
  assert.equal(await said({ unsealedFor: age + 3_600_000 }), '');
  assert.equal(await said({}), '', 'an export does not go on');
});

test('streams are told apart, and one may be asked for', async () => {
  const payments = new MadeStream('payments', { id: 'fedcba9876543210', key: 2 }).run(20);
  const records = orders(20).flatMap((record, i) => [record, payments[i]!]);
  assert.equal(await found(records), '');
  const broken = records.filter((_, i) => i !== 5);
  assert.equal(await found(broken), 'payments missing 3-3');
  writeMade(path, broken);
  assert.equal((await verifyFile({ stream: 'orders' })).result, 'complete');
  assert.equal((await verifyFile({ stream: 'fedcba9876543210' })).result, 'incomplete');
  assert.equal((await verifyFile({ stream: 'nobody' })).result, 'undecided');
});

test('a file that is cut short, holds other things, or nothing', async () => {
  writeMade(path, orders());
  const { length } = readFileSync(path);
  truncateSync(path, length - 10);
  assert.equal((await verifyFile()).result, 'incomplete');
  writeMade(path, orders());
  appendFileSync(path, 'no JSON\n[1]\n{"value":7}\n\n');
  const other = await verifyFile();
  assert.equal(other.result, 'incomplete');
  assert.match(other.reasons.join(), /^3 records are neither .*line 34/);
  writeFileSync(path, '');
  assert.equal((await verifyFile()).result, 'undecided');
});

test('bytes that were changed are found, and the same is said where each record is looked at alone', async () => {
  const records = [...orders(20), ...new MadeStream('payments', { id: 'fedcba9876543210' }).run(12)];
  const how = { pinned: [], stream: null, anyStart: false, unsealedFor: 0 };
  const said = async (source: AuditSource) => ({ ...(await verifyAudit({ source, ...how })), seconds: 0 });
  for (const at of [7, 30]) {
    for (let byte = at % 4; byte < records[at]!.value.length; byte += 4) {
      writeMade(path, records.with(at, flip(records[at]!, byte)));
      const report = await said(new ExportFile(path));
      assert.notEqual(report.result, 'complete', `byte ${byte} of record ${at}`);
      assert.deepEqual(report, await said(aloneIn(path)), `byte ${byte} of record ${at}`);
    }
  }
});

test('what seals name as the last hash is at hand, also where another stream came between: it is read once', async () => {
  const [some, others] = [new MadeStream('orders'), new MadeStream('payments', { id: 'fedcba9876543210' })];
  const events = (stream: MadeStream, count: number) => Array.from({ length: count }, () => stream.event());
  writeMade(path, [...events(some, 700), ...events(others, 300), some.seal(), others.seal(), ...some.run(200, 200)]);
  const file = new ExportFile(path);
  let reads = 0;
  const source: AuditSource = {
    name: file.name,
    deleted: false,
    read: (each, more) => {
      reads++;
      return file.read(each, more);
    },
  };
  const report = await verifyAudit({ source, pinned: [], stream: null, anyStart: false, unsealedFor: 0 });
  assert.deepEqual([report.result, reads], ['complete', 1]);
});
