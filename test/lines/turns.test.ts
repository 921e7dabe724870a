/** Lines on which a pattern takes long: others have their turn in between, and what comes of the lines is the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../src/core/account.ts';
import { Batch } from '../../src/core/batch.ts';
import { Pool } from '../../src/core/pool.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { Format } from '../../src/lines/format.ts';
import { Masking } from '../../src/lines/masking.ts';
import { configFrom } from '../../src/options.ts';

const pool = new Pool(16 << 20);
const kernel = new Kernel(pool.memory, pool.arenas);
const share = pool.share('test');

/** A pattern that takes as many steps as it may, where a line is of these. */
const HARD = '(?:.*a){8}$';
const hardLine = (i: number) => `${'ab'.repeat(60)}${i}`;

async function batchOf(lines: readonly string[]) {
  const slot = await pool.take(share, 'batch');
  const stream = { name: 'a', topic: 'logs', key: 'h', account: new Account('logs.app'), replayable: true };
  const batch = new Batch(slot, share, { ...stream, envelope: () => assert.fail() });
  const size = slot.bytes.write(`${lines.join('\n')}\n`, 64);
  return { batch, slot, size };
}

function texts({ slot, count }: Batch): string[] {
  const { bytes, bytesAt, starts, ends } = slot;
  return Array.from({ length: count }, (_, i) => bytes.toString('utf8', starts[i]! - bytesAt, ends[i]! - bytesAt));
}

function inputOf(options: object) {
  return configFrom({ logs: [{ name: 'app', include: ['/a'], ...options }] }, {}).logs[0]!;
}

/** How often others had a turn while it was done. */
async function turnsOf(task: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await task();
  isOver = true;
  return turns;
}

test('lines that belong together, by a pattern that takes long', async () => {
  const lines = Array.from({ length: 3000 }, (_, i) => (i % 7 === 3 ? 'x' : hardLine(i)));
  const { batch, size } = await batchOf(lines);
  const format = new Format(inputOf({ multiline: { start: `^x|${HARD}` } }), kernel);
  const found = format.find(batch, 64, 64 + size, 64, false);
  let shaped: Awaited<ReturnType<Format['shape']>> | undefined;
  const turns = await turnsOf(async () => {
    shaped = await format.shape(batch, found, size, 'silent', new Uint8Array(4));
  });
  assert.ok(turns >= 4, `${turns} turns`);
  assert.equal(shaped?.taken, size);
  const wanted: string[] = [];
  for (const [i, line] of lines.entries()) {
    if (i === 0 || line === 'x') wanted.push(line);
    else wanted.push(`${wanted.pop()}\n${line}`);
  }
  assert.deepEqual(texts(batch), wanted);
  pool.give(share, 'batch', batch.slot);
});

test('secrets, by a pattern that takes long, of two inputs at once', async () => {
  const rules = ['card', 'private_key', { pattern: 'ssn=(\\d+)', with: '[ssn, so much longer than it was]' }];
  const { masks } = inputOf({ mask: [...rules, { pattern: `${HARD}|secret` }] });
  const key = ['-----BEGIN PRIVATE KEY-----', ...Array(40).fill('MIIEpAIBAAKCAQEA'), '-----END PRIVATE KEY-----'];
  const lines = (of: number) =>
    Array.from({ length: 4000 }, (_, i) => (i % 9 === of ? `${i} ssn=12345 4111111111111111 secret` : hardLine(i)));
  const both = [[...lines(1).slice(0, 200), ...key, ...lines(1)], lines(2)];
  const wanted = both.map((all) =>
    all.map((line) => {
      if (key.includes(line)) return '*'.repeat(line.length);
      // What takes too many steps is masked as a whole.
      if (line.startsWith('ab')) return '*'.repeat(line.length);
      return line
        .replace('12345', '[ssn, so much longer than it was]')
        .replace('411111111111', '************')
        .replace('secret', '******');
    }),
  );
  const maskings = both.map((_, i) => Masking.of(`app ${i}`, masks, kernel, null)!);
  const batches = await Promise.all(both.map(batchOf));
  const turns = await turnsOf(() =>
    Promise.all(
      batches.map(({ batch, slot, size }, i) => {
        batch.count = kernel.findLines(slot, slot.bytesAt + 64, slot.bytesAt + 64 + size, slot.bytesAt + 64, 0);
        return maskings[i]!.mask(batch, { openKey: 0 });
      }),
    ),
  );
  assert.ok(turns >= 4, `${turns} turns`);
  for (const [i, { batch, slot }] of batches.entries()) {
    assert.deepEqual(texts(batch), wanted[i]);
    const secrets = both[i]!.filter((line) => line.includes('ssn')).length;
    const hard = both[i]!.filter((line) => line.startsWith('ab')).length;
    assert.deepEqual(maskings[i]!.counts, { card: secrets, private_key: i === 0 ? 1 : 0, pattern: 2 * secrets + hard });
    maskings[i]!.close();
    pool.give(share, 'batch', slot);
  }
});
