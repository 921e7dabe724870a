/** `rename`, `remove`, `only`, `add`, `set`: what they make of records. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processed } from '../support/processed.ts';

const LINE = {
  ...{ level: 'INFO', msg: 'hi', n: '12', user: { name: 'A', id: 7, tags: ['x'] } },
  ...{ debug: { a: 1, b: { token: 't', c: 2 } }, api_token: 'z', 'debug.x': 5, 'http.url': '/a' },
};

function becomes(steps: object[], record: object, line: object | string = LINE): void {
  const text = typeof line === 'string' ? line : JSON.stringify(line);
  assert.deepEqual(processed([{ parse: 'json' }, ...steps], [text])[0], record, JSON.stringify(steps));
}

const without = (...names: string[]) =>
  Object.fromEntries(Object.entries(LINE).filter(([name]) => !names.includes(name)));

test('rename moves a field, an object with what is in it, and overwrites', () => {
  becomes([{ rename: { msg: 'message' } }], { ...without('msg'), message: 'hi' });
  becomes([{ rename: { user: 'person' } }], { ...without('user'), person: LINE.user });
  becomes([{ rename: { user: 'person' } }, { drop: { 'person.name': 'B' } }, { rename: { 'person.name': 'who' } }], {
    ...without('user'),
    ...{ person: { id: 7, tags: ['x'] }, who: 'A' },
  });
  becomes([{ rename: { user: 'n' } }], { ...without('user'), n: LINE.user });
  becomes([{ rename: { n: 'user' } }], { ...without('n'), user: '12' });
  becomes([{ rename: { n: 'user.name' } }], { ...without('n'), user: { ...LINE.user, name: '12' } });
  becomes([{ rename: { gone: 'msg' } }], LINE);
  becomes([{ rename: { 'http.url': 'url.full' } }], { ...without('http.url'), url: { full: '/a' } });
  becomes([{ rename: { msg: 'log.text', n: 'event.code' } }], {
    ...without('msg', 'n'),
    ...{ log: { text: 'hi' }, event: { code: '12' } },
  });
});

test('a name is the field of that name at its step', () => {
  becomes([{ rename: { msg: 'a' } }, { rename: { n: 'msg' } }, { rename: { a: 'n' } }], {
    ...LINE,
    msg: '12',
    n: 'hi',
  });
});

test('remove leaves out fields, also those that no step names', () => {
  becomes([{ remove: ['msg', 'user'] }], without('msg', 'user'));
  becomes([{ remove: 'debug.*' }], without('debug', 'debug.x'));
  becomes([{ remove: ['user.name', 'user.id'] }], { ...LINE, user: { tags: ['x'] } });
  becomes([{ remove: ['user.name', 'user.id', 'user.tags'] }], without('user'));
  becomes([{ remove: '*token' }], { ...without('api_token'), debug: { a: 1, b: { c: 2 } } });
  becomes([{ remove: '*' }], {});
  becomes([{ remove: ['d*g.b*', 'l*l'] }], { ...without('level'), debug: { a: 1 } });
});

test('only leaves what is named, and what the envelope says', () => {
  becomes([{ only: ['msg', 'user.name', 'debug.*'] }], {
    ...{ msg: 'hi', user: { name: 'A' } },
    debug: { a: 1, b: { token: 't', c: 2 }, x: 5 },
  });
  becomes([{ only: '*id' }], { user: { id: 7 } });
  becomes([{ only: 'msg' }, { rename: { msg: 'message' } }], { message: 'hi' });
  becomes([{ only: ['user'] }], { user: LINE.user });
});

test('add gives each record a text', () => {
  becomes([{ add: { 'service.name': 'sh"op\n', n: '1' } }], { ...LINE, n: '1', service: { name: 'sh"op\n' } });
  becomes([{ add: { user: 'x' } }], { ...LINE, user: 'x' });
  becomes([{ add: { 'msg.text': 'x' } }], { ...without('msg'), msg: { text: 'x' }, conflict: { msg: 'hi' } });
});

test('set makes fields of others, and changes them', () => {
  becomes([{ set: { level: { lower: true } } }], { ...LINE, level: 'info' });
  becomes([{ set: { n: { number: true } } }], { ...LINE, n: 12 });
  becomes([{ set: { copy: { from: 'msg' }, other: { from: 'gone', default: 'd' } } }], {
    ...LINE,
    copy: 'hi',
    other: 'd',
  });
  becomes([{ set: { n: { from: 'level', lower: true, number: true }, level: { default: 'x' } } }], {
    ...LINE,
    n: 'info',
  });
  for (const text of ['1.50', '-0', '1e5'])
    becomes([{ set: { n: { number: true } } }], { n: Number(text) }, { n: text });
  for (const text of ['', '01', '1.', '+1', '0x1', '1 ', 'NaN'])
    becomes([{ set: { n: { number: true } } }], { n: text }, { n: text });
});

test('steps with a condition change only the records that it holds for', () => {
  const lines = [LINE, { ...LINE, level: 'DEBUG' }].map((line) => JSON.stringify(line));
  const when = { level: 'DEBUG' };
  const changed = processed(
    [{ parse: 'json' }, { remove: ['debug.*', 'msg'], when }, { add: { x: '1' }, when }],
    lines,
  );
  const { 'debug.x': x, ...rest } = LINE;
  assert.deepEqual(changed, [
    { ...rest, debug: { ...LINE.debug, x } },
    { ...without('debug', 'debug.x', 'msg'), level: 'DEBUG', x: '1' },
  ]);
});

test('a record whose parse failed is left alone', () => {
  becomes(
    [{ add: { a: 'b' } }, { rename: { message: 'x' } }, { remove: '*' }],
    { message: 'text', error: { type: 'parse' } },
    'text',
  );
});

test('the message of a line that is not parsed is the line', () => {
  assert.deepEqual(processed([{ parse: 'none' }, { add: { a: 'b' } }, { rename: { message: 'x' } }], ['a "line"']), [
    { a: 'b', x: 'a "line"' },
  ]);
  assert.deepEqual(processed([{ add: { message: 'b' } }], ['a line']), [{ message: 'b' }]);
  assert.deepEqual(processed([{ parse: ['json', 'none'] }, { remove: 'message' }], ['a line', '{"message":1,"a":2}']), [
    {},
    { a: 2 },
  ]);
});

test('what a line has under dotted names is of the object that a step names', () => {
  const line = { user: { name: 'A' }, 'user.email': 'a@b', 'user.geo.city': 'C', users: 1, x: 1 };
  const rest = { users: 1, x: 1 };
  const user = { name: 'A', email: 'a@b', 'geo.city': 'C' };
  becomes([{ remove: 'user' }], rest, line);
  becomes([{ only: ['user'] }], { user }, line);
  becomes([{ rename: { user: 'client' } }], { ...rest, client: user }, line);
  becomes([{ add: { user: 'none' } }], { ...rest, user: 'none' }, line);
  becomes([{ set: { owner: { from: 'user' } } }], { ...rest, user, owner: user }, line);
  becomes([{ remove: ['user.geo', 'user.name'] }], { ...rest, 'user.email': 'a@b' }, line);
  becomes([{ rename: { a: 'b' } }], { b: { x: 1 } }, '{"a.x":1,"b.y":2,"b":{"z":3}}');
  becomes([{ keep: { user: { exists: true } } }], { user: { id: 1 } }, '{"user.id":1}');
  const logfmt = (step: object, line: string) => processed([{ parse: 'logfmt' }, step], [line])[0];
  assert.deepEqual(logfmt({ remove: 'a' }, 'a.x=1 b.y=2 c=3'), { 'b.y': '2', c: '3' });
  assert.deepEqual(logfmt({ rename: { a: 'b' } }, 'a.x=1 a.y.z=2 c.d=3 message.x=4'), {
    ...{ 'c.d': '3', 'message.x': '4' },
    b: { x: '1', 'y.z': '2' },
  });
  // Where the field is no object they are its neighbours.
  becomes([{ drop: { a: 'x' } }], { a: 5, 'a.y': 1 }, '{"a.y":1,"a":5}');
});
