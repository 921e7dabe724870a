/** Lines to records against a twin that knows all lines at once, while the file grows by random pieces. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../src/core/account.ts';
import { Batch, MULTILINE, STDERR, type Stream } from '../../src/core/batch.ts';
import { Pool } from '../../src/core/pool.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import type { LineOptions } from '../../src/lines/envelope.ts';
import { Format } from '../../src/lines/format.ts';
import { rawEnvelope } from '../../src/records/envelope.ts';

type Rules = NonNullable<LineOptions['multiline']>;

const pool = new Pool(8 << 20);
const share = pool.share('logs');
const kernel = new Kernel(pool.memory);
const stream: Stream = {
  name: 'a.log',
  topic: 'logs',
  key: 'k',
  account: new Account('logs.x'),
  envelope: () => rawEnvelope({ host: 'h', path: 'p', id: 'i', dataset: 'x', labels: {}, key: 'k' }),
  replayable: true,
};
const batch = new Batch(await pool.take(share, 'batch'), share, stream);
let seed = 99;

function below(limit: number): number {
  seed = (seed * 48271) % 2147483647;
  return seed % limit;
}

function pick<T>(values: readonly T[]): T {
  return values[below(values.length)]!;
}

interface Line {
  text: string;
  iostream: string;
  whole: boolean;
}

const TIME = '2026-01-01T00:00:00.000000000Z';

function written({ text, iostream, whole }: Line, cri: boolean, ending: string): string {
  return cri ? `${TIME} ${iostream} ${whole ? 'F' : 'P'} ${text}${ending}` : `${text}${ending}`;
}

/** The records of all lines: parts are put together, then lines are joined, each stream for itself. */
function twin(lines: Line[], rules: Rules | undefined): string[] {
  const merged: { text: string; iostream: string; at: number }[] = [];
  const parts = new Map<string, (typeof merged)[number]>();
  for (const [at, { text, iostream, whole }] of lines.entries()) {
    const part = parts.get(iostream);
    if (part) part.text += text;
    else {
      merged.push({ text, iostream, at });
      parts.set(iostream, merged.at(-1)!);
    }
    if (whole) parts.delete(iostream);
  }
  if (!rules) return merged.map((line) => `${line.iostream} ${line.text}`);
  const groups: { texts: string[]; iostream: string }[] = [];
  const open = new Map<string, (typeof groups)[number]>();
  const matches = (source: string | undefined, text: string) => source !== undefined && new RegExp(source).test(text);
  for (const { text, iostream } of merged) {
    const group = open.get(iostream);
    const begins = (inside: boolean) =>
      rules.start !== undefined
        ? matches(rules.start, text)
        : rules.continue !== undefined
          ? !matches(rules.continue, text)
          : !inside;
    const continues = rules.continue !== undefined ? matches(rules.continue, text) : !begins(true);
    const size = group ? group.texts.join('\n').length + 1 + text.length : 0;
    if (group && continues && size <= rules.max_bytes) {
      group.texts.push(text);
      if (group.texts.length === rules.max_lines || matches(rules.end, text)) open.delete(iostream);
      continue;
    }
    const next = { texts: [text], iostream };
    groups.push(next);
    open.delete(iostream);
    const alone = rules.continue !== undefined || rules.end !== undefined;
    if ((begins(false) || !alone) && !matches(rules.end, text)) open.set(iostream, next);
  }
  return groups.map((group) => `${group.iostream} ${group.texts.join('\n')}`);
}

const LINES: LineOptions = {
  name: 'test',
  tags: {},
  encoding: 'raw',
  format: 'plain',
  encoding_in: 'utf-8',
  max_line: 100_000,
};

async function run(input: Partial<LineOptions>, text: string): Promise<string[]> {
  const format = new Format({ ...LINES, ...input }, kernel);
  const bytes = Buffer.from(text);
  const swallowed = new Uint8Array(4);
  const records: string[] = [];
  let [position, size] = [0, 0];
  const { slot } = batch;
  while (position < bytes.length) {
    size = Math.min(bytes.length, size + below(below(4) === 0 ? 3000 : 100));
    const got = bytes.copy(slot.bytes, 64, position, size);
    const found = format.find(batch, 64, 64 + got, 64, false);
    if (found.count === 0) continue;
    const shaped = await format.shape(batch, found, found.taken, size === bytes.length ? 'silent' : 'no', swallowed);
    let end = 0;
    for (let i = 0; i < batch.count; i++) {
      const [from, to] = [slot.starts[i]! - slot.bytesAt, slot.ends[i]! - slot.bytesAt];
      const record = slot.bytes.toString('latin1', from, to);
      assert.ok(slot.source[i]! >= end, 'in order');
      end = slot.source[i]! + slot.length[i]!;
      assert.equal((slot.flags[i]! & MULTILINE) !== 0, record.includes('\n'));
      const iostream = input.format === 'cri' && slot.flags[i]! & STDERR ? 'stderr' : 'stdout';
      records.push(`${iostream} ${record}`);
    }
    assert.equal(end, shaped.taken, 'the records take all bytes');
    position += shaped.taken;
  }
  return records;
}

const RULES: Pick<Rules, 'start' | 'continue' | 'end'>[] = [
  { start: '^#', continue: undefined, end: undefined },
  { start: undefined, continue: '^ ', end: undefined },
  { start: undefined, continue: undefined, end: ';$' },
  { start: '^#', continue: '^ ', end: ';$' },
  { start: '#', continue: undefined, end: '^;' },
];

test('records are those of the twin: every rule, one stream and two, parts, line ends, growing files', async () => {
  for (let round = 0; round < 600; round++) {
    const cri = below(2) === 0;
    const rules =
      cri && below(3) === 0
        ? undefined
        : { ...pick(RULES), max_lines: pick([2, 5, 500]), max_bytes: pick([20, 1000]), timeout: 1 };
    const ending = pick(['\n', '\r\n']);
    const lines = Array.from({ length: below(150) }, (): Line => {
      const text = `${pick(['', '#', ' ', ';', 'a'])}${'x'.repeat(below(8))}${pick(['', '', ';'])}`;
      return { text, iostream: cri ? pick(['stdout', 'stdout', 'stderr']) : 'stdout', whole: !cri || below(4) > 0 };
    });
    const text = lines.map((line) => written(line, cri, ending)).join('');
    assert.deepEqual(
      await run({ format: cri ? 'cri' : 'plain', ...(rules ? { multiline: rules } : {}) }, text),
      twin(lines, rules),
      JSON.stringify({ rules, lines }),
    );
  }
});
