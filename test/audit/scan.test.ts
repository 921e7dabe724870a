/** Records that are read one after the other: what was read before changes nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditRecord, recordHash, ZEROS } from '../../src/audit/record.ts';
import { RecordScan } from '../../src/audit/scan.ts';

const STREAMS = ['0123456789abcdef', 'fedcba9876543210'];
const time = '2026-12-01T07:00:00.000Z';

/** Records of two streams, from this number on; some of one stream behind each other. */
function chained(from: number, count: number): Buffer[] {
  const heads = STREAMS.map(() => ({ sequence: from, hash: ZEROS }));
  return Array.from({ length: count }, (_, i) => {
    const which = i % 37 < 30 ? 0 : 1;
    const head = heads[which]!;
    const client = Buffer.from(`{"n":${i},"text":"${'x'.repeat(i % 50)}"}`);
    const link = { stream: STREAMS[which]!, sequence: head.sequence, time };
    const hash = recordHash(head.hash, link, client);
    const value = auditRecord(client, { ...link, previous: head.hash, hash });
    heads[which] = { sequence: head.sequence + 1, hash };
    return value;
  });
}

function said(scan: RecordScan, value: Buffer): unknown {
  // It lies somewhere in what was read.
  const bytes = Buffer.concat([Buffer.from('{}'), value, Buffer.from('"}}')]);
  if (!scan.read(bytes, 2, 2 + value.length)) return null;
  const { stream, sequence, previous, claimed, computed, intact } = scan;
  return { stream, sequence, previous, claimed, computed, intact };
}

for (const from of [1, 99_999_990, Number.MAX_SAFE_INTEGER - 20]) {
  test(`from ${from} on`, () => {
    const values = chained(from, from > 1e9 ? 20 : 300);
    const scan = new RecordScan();
    for (const value of values) {
      const alone = said(new RecordScan(), value);
      assert.ok((alone as RecordScan).intact);
      assert.deepEqual(said(scan, value), alone);
    }
  });
}

test('where any byte of a record was changed, and behind it', () => {
  const values = chained(1, 30);
  const length = values[20]!.length;
  for (let at = 0; at < length; at++) {
    const scan = new RecordScan();
    for (const [i, value] of values.entries()) {
      const bytes = Buffer.from(value);
      if (i === 20) bytes[at]! ^= 1;
      const found = said(scan, bytes);
      assert.deepEqual(found, said(new RecordScan(), bytes), `byte ${at} of record 20, at ${i}`);
    }
  }
});

test('what is left out, comes again, or is no record', () => {
  const [a, b, c, d] = chained(1, 4) as [Buffer, Buffer, Buffer, Buffer];
  const scan = new RecordScan();
  for (const value of [a, c, b, b, c, Buffer.from('{}'), d, a, b]) {
    assert.deepEqual(said(scan, value), said(new RecordScan(), value));
  }
});
