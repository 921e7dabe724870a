import assert from 'node:assert/strict';
import { test } from 'node:test';
import { produceAnswer } from '../../../src/kafka/wire/produce.ts';

/** A version 8 answer for one partition with these record errors. */
function answer(recordErrors: (string | null)[], general: string | null): Buffer {
  const string = (text: string | null) => {
    const length = Buffer.alloc(2);
    length.writeInt16BE(text === null ? -1 : Buffer.byteLength(text));
    return Buffer.concat([length, Buffer.from(text ?? '')]);
  };
  const int32 = (n: number) => {
    const b = Buffer.alloc(4);
    b.writeInt32BE(n);
    return b;
  };
  const fixed = Buffer.alloc(2 + 8 + 8 + 8);
  fixed.writeInt16BE(32);
  fixed.writeBigInt64BE(-1n, 2);
  return Buffer.concat([
    int32(1),
    string('topic'),
    int32(1),
    int32(0),
    fixed,
    int32(recordErrors.length),
    ...recordErrors.flatMap((text, i) => [int32(i), string(text)]),
    string(general),
    int32(250),
  ]);
}

for (const [what, errors, general, message] of [
  ['no word', [], null, null],
  ['a word about the batch', [], 'all of it', 'all of it'],
  ['a word about one record', ['the first'], 'all of it', 'the first'],
  ['a word about each of three records', [null, 'the second', 'the third'], 'all of it', 'the second'],
] as const) {
  test(`a refusal with ${what} is read to its end`, () => {
    const { errorCode, throttleTime, message: said } = produceAnswer(answer([...errors], general), 8);
    assert.deepEqual([errorCode, said, throttleTime], [32, message, 250]);
  });
}
