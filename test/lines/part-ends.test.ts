/** Lines that are split (`logs[].audit`): each part is masked by itself, and no secret lies in two of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch } from '../../src/core/batch.ts';
import { Pool } from '../../src/core/pool.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import type { MaskRule } from '../../src/kernel/process/mask-rules.ts';
import type { LineOptions } from '../../src/lines/envelope.ts';
import { Format } from '../../src/lines/format.ts';
import { Masking } from '../../src/lines/masking.ts';

const MAX_LINE = 1000;
const OPTIONS = { name: 'test', tags: {}, encoding: 'ecs', format: 'plain', encoding_in: 'utf-8', audit: true };
const BEFORE = 64;
const pool = new Pool(0);
const kernel = new Kernel(pool.memory, pool.arenas);
const slot = await pool.take(pool.share('test'), 'batch');
const NOTHING = new Uint8Array(4);

function formatWith(rules: readonly MaskRule[]): Format {
  const masking = Masking.of('test', rules, kernel, Buffer.alloc(32, 1));
  return new Format({ ...OPTIONS, max_line: MAX_LINE } as unknown as LineOptions, kernel, 1000, masking);
}

/** The records of the text, masked; each is read from where the one before ended. */
async function parts(format: Format, text: string, last = false): Promise<string[]> {
  const bytes = Buffer.from(text);
  const records: string[] = [];
  const file = { openKey: 0 as number | null };
  for (let position = 0; position < bytes.length; ) {
    const got = bytes.copy(slot.bytes, BEFORE, position);
    slot.bytes[BEFORE - 1] = 0x0a;
    const batch = { slot, from: position, end: position, count: 0, stream: {} } as unknown as Batch;
    const found = format.find(batch, BEFORE, BEFORE + got, BEFORE, last);
    if (found.count === 0) break;
    const { taken } = await format.shape(batch, found, found.taken, 'no', NOTHING);
    assert.ok(found.taken > 0 && taken === found.taken);
    await format.finish(batch, file);
    for (let i = 0; i < batch.count; i++) {
      records.push(slot.bytes.toString('utf8', slot.starts[i]! - slot.bytesAt, slot.ends[i]! - slot.bytesAt));
    }
    position += taken;
  }
  return records;
}

const CARD = '4111 1111 1111 1111';
const RULES: MaskRule[] = [
  { rule: 'card', with: null },
  { rule: 'bearer', with: null },
  { rule: 'password', with: null },
  { rule: 'pattern', pattern: 'order-(\\d+)-of', with: null },
];

async function check(rules: MaskRule[], before: string, secret: string, masked: string): Promise<void> {
  const format = formatWith(rules);
  for (let at = MAX_LINE - secret.length - 12; at < MAX_LINE + 12; at++) {
    const filled = before.repeat(Math.floor((at - 1) / Buffer.byteLength(before)));
    const line = (text: string) =>
      `${filled.padEnd(at - 1 - (Buffer.byteLength(filled) - filled.length), '.')} ${text} ${'y '.repeat(900)}`;
    const found = await parts(format, `${line(secret)}\nnext\n`);
    assert.equal(found.slice(0, -1).join(''), line(masked), `at ${at}`);
    assert.equal(found.at(-1), 'next');
    for (const part of found) assert.ok(Buffer.byteLength(part) <= MAX_LINE);
    assert.ok(Buffer.byteLength(found[0]!) > MAX_LINE - 2 * secret.length - 100, 'no more goes over than need be');
  }
}

test('a secret where a line is split is masked as a whole, wherever it lies', async () => {
  await check(RULES, 'x ', CARD, '**** **** **** 1111');
  await check(RULES, 'é', CARD, '**** **** **** 1111');
  await check(RULES, 'x', 'Bearer abcdefghijklmnopqrstuvwxyz', `Bearer ${'*'.repeat(26)}`);
  await check(RULES, 'x', 'password=hush-hush', 'password=*********');
  await check(RULES, 'x', 'order-123456-of', 'order-******-of');
});

test('texts in place of secrets', async () => {
  await check([{ rule: 'card', with: '[card]' }], 'x ', CARD, '[card]');
});

test('what comes behind the end of a part is waited for, but for that of a file that has ended', async () => {
  const format = formatWith(RULES);
  const text = `${'x '.repeat(496)}4111 1111 1111`;
  assert.deepEqual(await parts(format, text), []);
  const found = await parts(format, text, true);
  assert.equal(found.join(''), text);
  assert.ok(found.length > 1);
});

test('a pattern that matches anything does not keep a line from being split', async () => {
  const format = formatWith([{ rule: 'pattern', pattern: 'x.*y', with: null }]);
  const found = await parts(format, `x${'z'.repeat(9000)}y\n`);
  assert.equal(found.join('').length, 9002);
});
