// The expected values were made with Python's hashlib and cryptography, from the format's description alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditRecord, isIntact, LINK_BYTES, readAuditRecord, recordHash, ZEROS } from '../../src/audit/record.ts';
import { isSigned, keyPair, makeSeal, readSeal, sealHash, sealRecord } from '../../src/audit/seal.ts';

const stream = '0123456789abcdef';
const time = '2026-12-01T07:00:00.000Z';
const FIRST = '4f3e9aec70cd879ce0e211a17f70ed571396bb0a7aaebfc403203ee83d99211b';
const SECOND = '4ee37c22b349b61e3e6203e7b85e7bf9a6a057fff033c2ae2bc64464b8e5b530';
const KEY = '03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8';
const NEXT_KEY = '29acbae141bccaf0b22e1a94d34d0bc7361e526d0bfe12c89794bc9322966dd7';
const SIGNATURE =
  '1d1ec12d618345b3e36fa8bbbc9378df060fc1b8fbd05ed35212fff337819168e323348c523b1f1c0124cffec7543e8ef80b24ddbc3897b5f31297bafeaff601';
const SIGNED_HASH = '244c4d40a0a3f2f3e51ab6e3172e3bc7527731ace478c6600b0230ce478d574b';

const client = Buffer.from('{"@timestamp":"2026-12-01T06:59:59.999Z","event":{"id":"e-1"},"x":"é" }');
const previous = ZEROS;
const link = { stream, sequence: 1, time, previous, hash: FIRST };
const pair = keyPair(Uint8Array.from({ length: 32 }, (_, i) => i));
const unsealed = {
  time,
  stream,
  from: 1,
  to: 2,
  head: SECOND,
  previous_seal: previous,
  next_key: NEXT_KEY,
};

test('a record has the hash that others compute, and the next one has it before its own', () => {
  assert.equal(recordHash(ZEROS, link, client), FIRST);
  const next = recordHash(FIRST, { stream, sequence: 2, time }, Buffer.from('{"event":{"id":"e-2"}}'));
  assert.equal(next, SECOND);
});

test('a value is the bytes of the client with a link of fixed width in place of the last brace', () => {
  const value = auditRecord(client, link);
  assert.equal(
    value.toString(),
    `${client.toString().slice(0, -1)},"audit":{"stream":"${stream}","sequence":"00000000000000000001","time":"${time}","previous":"${previous}","hash":"${FIRST}"}}`,
  );
  assert.equal(value.length, client.length - 1 + LINK_BYTES);
  assert.equal(JSON.parse(value.toString()).audit.sequence, '00000000000000000001');
});

test('a value is taken apart into what it was made of, and a changed byte shows', () => {
  const value = auditRecord(client, link);
  const record = readAuditRecord(value)!;
  assert.deepEqual(record, { ...link, client });
  assert.ok(isIntact(record));
  for (let at = 0; at < value.length; at++) {
    const changed = Buffer.from(value);
    changed[at] = changed[at]! ^ 1;
    const read = readAuditRecord(changed);
    assert.ok(read === null || !isIntact(read), `byte ${at}`);
  }
});

test('what is no record of the audit stream is none', () => {
  const value = auditRecord(client, link).toString();
  for (const text of ['', '{}', 'null', client.toString(), `${value} `, ` ${value}`, value.slice(1), '['.repeat(400)]) {
    assert.equal(readAuditRecord(Buffer.from(text)), null, text.slice(0, 40));
  }
  // A number that cannot be counted on from.
  assert.equal(readAuditRecord(Buffer.from(value.replace('00000000000000000001', '99999999999999999999'))), null);
});

test('an event that is larger than most has its hash, too', () => {
  const large = Buffer.from(`{"event":{"id":"${'x'.repeat(900_000)}"}}`);
  const hash = recordHash(ZEROS, link, large);
  assert.ok(isIntact(readAuditRecord(auditRecord(large, { ...link, hash }))!));
  assert.equal(recordHash(ZEROS, link, client), FIRST);
});

test('a seal has the signature that others make, and its hash', () => {
  assert.equal(pair.key, KEY);
  const seal = makeSeal(unsealed, pair);
  assert.deepEqual(seal, { ...unsealed, count: 2, key: KEY, signature: SIGNATURE });
  assert.equal(sealHash(seal), SIGNED_HASH);
});

test('a seal is read as it was written, and a changed byte shows', () => {
  const value = sealRecord(makeSeal(unsealed, pair));
  const seal = readSeal(value)!;
  assert.deepEqual(seal, makeSeal(unsealed, pair));
  assert.ok(isSigned(seal));
  const { seal: fields } = JSON.parse(value.toString());
  assert.equal(fields.count, '00000000000000000002');
  const from = value.indexOf('"seal":{');
  for (let at = from; at < value.length; at++) {
    const changed = Buffer.from(value);
    changed[at] = changed[at]! ^ 1;
    const read = readSeal(changed);
    assert.ok(read === null || !isSigned(read), `byte ${at}`);
  }
});

test('a seal of a time in which nothing came spans nothing', () => {
  const idle = makeSeal({ ...unsealed, from: 3, to: 2 }, pair);
  assert.equal(idle.count, 0);
  assert.ok(isSigned(readSeal(sealRecord(idle))!));
  assert.ok(!isSigned({ ...idle, from: 5, count: -2 }));
  assert.equal(readAuditRecord(sealRecord(idle)), null);
  assert.equal(readSeal(auditRecord(client, link)), null);
});
