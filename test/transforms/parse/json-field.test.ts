/** `parse: {json: {field: ...}}`: JSON within a field, whose members come to those that there are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brief, made, processed, run } from '../../support/processed.ts';

const PROCESS = [{ parse: 'json' }, { parse: { json: { field: 'log' } } }];
const becomes = (line: object | string, record: object, process: object[] = PROCESS) =>
  assert.deepEqual(processed(process, [typeof line === 'string' ? line : JSON.stringify(line)])[0], record);

test('the members come to the others, and the field is gone', () => {
  becomes({ a: 1, log: '{"b":[2],"c":{"d":"é\\n"}}', e: 3 }, { a: 1, b: [2], c: { d: 'é\n' }, e: 3 });
  becomes({ log: '{}' }, {});
  becomes(
    { a: 1, log: ' {"message":"m","log.level":"info","event":{"action":"x"}} ' },
    {
      ...{ a: 1, message: 'm', log: { level: 'info' }, event: { action: 'x' } },
    },
  );
});

test('of equal names those of the field count', () => {
  becomes({ a: 1, b: { x: 1 }, log: '{"a":2,"c":3}' }, { a: 2, b: { x: 1 }, c: 3 });
  becomes({ a: 1, 'log.x': 1, log: '{"log":{"x":2},"a":{"y":1}}' }, { a: { y: 1 }, log: { x: 2 } });
  becomes({ '\u0061': 1, log: '{"\\u0061":2,"a":3}' }, { a: 3 });
  becomes({ user: { id: 1, name: 'a' }, log: '{"user":{"id":2}}' }, { user: { id: 2 } }, [
    ...PROCESS,
    { drop: { z: 1 } },
  ]);
});

test('what is under conflict stays, and gets what comes', () => {
  const steps = [{ parse: 'json' }, { parse: { json: { field: 'x' } } }];
  const both = (line: object, x: object, conflict: object) =>
    becomes({ ...line, x: JSON.stringify(x) }, { conflict }, steps);
  both({ 'log.offset': 5 }, { 'log.file': 1 }, { log: { offset: 5, file: 1 } });
  both({ 'log.offset': 5, host: 'a' }, { 'log.offset': 6, host: 'b' }, { log: { offset: 6 }, host: 'b' });
  // What has a cell of its own, and what has none, of one name.
  both({ log: 'text' }, { 'log.file': 1 }, { log: 'text', 'log.file': 1 });
  both({ 'log.file': 1 }, { log: 'text' }, { log: 'text', 'log.file': 1 });
  both({ event: 7 }, { 'event.dataset': 1 }, { event: 7, 'event.dataset': 1 });
  both({ host: { a: 1 } }, { 'host.name': 'b' }, { host: { a: 1, name: 'b' } });
  becomes(
    { 'log.offset': 5, x: 'log.file=1 log=text a=2' },
    {
      a: '2',
      conflict: { log: 'text', 'log.offset': 5, 'log.file': '1' },
    },
    [{ parse: 'json' }, { parse: { logfmt: { field: 'x' } } }],
  );
});

test('what is no JSON stays, and is marked where nothing else is', () => {
  becomes({ a: 1, log: 'text' }, { a: 1, conflict: { log: 'text' }, error: { type: 'parse' } });
  becomes({ a: 1 }, { a: 1, error: { type: 'parse' } });
  becomes({ log: 7, error: { type: 'own', code: 1 } }, { conflict: { log: 7 }, error: { type: 'own', code: 1 } });
  const all = made(PROCESS);
  assert.equal(run(all, ['{"log":"{}"}', '{"log":"{"}', '{"log":1}', 'text']).texts.length, 4);
  assert.deepEqual(
    all.steps.map(({ in: came, out, failed }) => [came, out, failed]),
    [
      [4, 4, 1],
      [4, 4, 2],
    ],
  );
  all.close();
});

test('a line without the field has nothing of those that have it, however they are parsed', () => {
  const all = made(PROCESS);
  run(all, ['{"log":"{\\"b\\":1}"}', '{"log":"{\\"c\\":2}"}']);
  // JavaScript sees to the second.
  const { texts } = run(all, ['{"a":1}', '{"a":2,"log":"{\\"a\\":3}"}']);
  assert.deepEqual(texts.map(brief), [{ a: 1, error: { type: 'parse' } }, { a: 3 }]);
  all.close();
});

test('as many members as a line may have, one beside the other', () => {
  const members = (name: string, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`${name}${i}`, i]));
  for (const count of [3, 300, 3000]) {
    const line = { ...members('a', count), log: JSON.stringify({ ...members('b', count), a1: 'new' }), z: 1 };
    becomes(line, { ...members('a', count), ...members('b', count), a1: 'new', z: 1 });
  }
});

test('under a name of its own it comes beside what is there', () => {
  becomes({ a: 1, app: { y: 2 }, body: '{"x":1}' }, { a: 1, app: { x: 1, y: 2 } }, [
    { parse: 'json' },
    { parse: { json: { field: 'body', into: 'app' } } },
  ]);
});
