/** Entries as journalctl writes them, whatever pieces they come in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExportParser, MOST_OF_FIELD } from '../../../../src/sources/tail/journald/export-format.ts';

interface Told {
  fields: Record<string, string>;
  bytes: number;
}

/** As journald decides which form a value has. */
function written(entries: readonly (readonly [string, Buffer])[][]): Buffer {
  const parts = entries.flatMap((fields) => [
    ...fields.flatMap(([name, value]) => {
      const isText = value.every((byte) => byte >= 0x20 && byte < 0x7f);
      if (isText) return [Buffer.from(`${name}=`), value, Buffer.from('\n')];
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(value.length));
      return [Buffer.from(`${name}\n`), length, value, Buffer.from('\n')];
    }),
    Buffer.from('\n'),
  ]);
  return Buffer.concat(parts);
}

function read(bytes: Buffer, sizes: () => number, wanted: string[], most: number): Told[] {
  const parser = new ExportParser(wanted, most);
  const told: Told[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = sizes();
    parser.push(bytes.subarray(at, at + size));
    at += size;
    for (let entry = parser.next(); entry; entry = parser.next()) {
      const fields = Object.fromEntries([...entry.fields].map(([name, value]) => [name, value.toString('latin1')]));
      told.push({ fields, bytes: entry.messageBytes });
    }
  }
  return told;
}

test('an entry is its fields, text or not', () => {
  const bytes = written([
    [
      ['__CURSOR', Buffer.from('s=1;i=1')],
      ['PRIORITY', Buffer.from('6')],
      ['MESSAGE', Buffer.from('a=b')],
      ['UNWANTED', Buffer.from('x')],
    ],
    [
      ['__CURSOR', Buffer.from('s=1;i=2')],
      ['MESSAGE', Buffer.from('two\n\nlines\n')],
      ['MESSAGE', Buffer.from('the first one counts')],
    ],
    [['__CURSOR', Buffer.from('s=1;i=3')]],
  ]);
  assert.deepEqual(
    read(bytes, () => bytes.length, ['__CURSOR', 'PRIORITY'], 100),
    [
      { fields: { __CURSOR: 's=1;i=1', PRIORITY: '6', MESSAGE: 'a=b' }, bytes: 3 },
      { fields: { __CURSOR: 's=1;i=2', MESSAGE: 'two\n\nlines\n' }, bytes: 11 },
      { fields: { __CURSOR: 's=1;i=3' }, bytes: 0 },
    ],
  );
});

test('whatever pieces they come in they are the same, and of long values the beginning is kept', () => {
  // A linear congruence: the same at each run, and said where it fails.
  let state = 1;
  const below = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const value = (longest: number) => {
    const alphabet = below(2) === 0 ? 'abc=;' : 'a\n=\n\u00e9';
    return Buffer.from(Array.from({ length: below(longest) }, () => alphabet[below(alphabet.length)]!).join(''));
  };
  for (let round = 0; round < 300; round++) {
    const most = 1 + below(50);
    const entries = Array.from({ length: 1 + below(5) }, (_, i) => {
      const cursor: [string, Buffer] = ['__CURSOR', Buffer.from(`i=${i}`)];
      const names = ['PRIORITY', 'OTHER', 'MESSAGE', '_PID'].filter(() => below(3) > 0);
      return [cursor, ...names.map((name): [string, Buffer] => [name, value(name === 'MESSAGE' ? 300 : 30)])];
    });
    const bytes = written(entries);
    const expected = entries.map((fields): Told => {
      const message = fields.find(([name]) => name === 'MESSAGE')?.[1];
      const kept = fields.filter(([name]) => name !== 'OTHER');
      const texts = kept.map(([name, one]) => [
        name,
        one.subarray(0, name === 'MESSAGE' ? most : MOST_OF_FIELD).toString('latin1'),
      ]);
      return { fields: Object.fromEntries(texts), bytes: message?.length ?? 0 };
    });
    const largest = 1 + below(40);
    const told = read(bytes, () => 1 + below(largest), ['__CURSOR', 'PRIORITY', '_PID'], most);
    assert.deepEqual(told, expected, `round ${round}`);
  }
});

test('what is something else is said', () => {
  const parser = new ExportParser([], 10);
  parser.push(Buffer.from('x'.repeat(1000)));
  assert.throws(() => parser.next(), /not the export format/);
});

test('a value of many megabytes takes no more than what is kept of it', () => {
  const parser = new ExportParser(['__CURSOR'], 1000);
  parser.push(Buffer.from('__CURSOR=a\nMESSAGE='));
  const piece = Buffer.alloc(1 << 16, 'x');
  for (let i = 0; i < 1024; i++) {
    parser.push(piece);
    assert.equal(parser.next(), null);
  }
  parser.push(Buffer.from('\n\n'));
  const entry = parser.next()!;
  assert.deepEqual([entry.message.length, entry.messageBytes], [1000, 1024 << 16]);
});
