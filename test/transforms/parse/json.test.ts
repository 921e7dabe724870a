/** `parse: json`: what lines become. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brief, made, processed, run } from '../../support/processed.ts';

const one = (line: string | Buffer, step: unknown = 'json') => processed([{ parse: step }], [line])[0];
const becomes = (line: string, record: object, step?: unknown) => assert.deepEqual(one(line, step), record, line);
const isNone = (line: string | Buffer) => {
  const { message, ...rest } = one(line)!;
  assert.equal(typeof message, 'string');
  assert.deepEqual(rest, { error: { type: 'parse' } }, line.toString());
};

test('members stand at the top, as they are in the line', () => {
  becomes('{"level":30,"msg":"hi","req":{"method":"GET","h":[1,{"a":null}]}}', {
    ...{ level: 30, msg: 'hi', req: { method: 'GET', h: [1, { a: null }] } },
  });
  becomes('{}', {});
  becomes(' { "a" : 1 ,\t"b":\r[ ] , "ü":"é\\u00e9" } ', { a: 1, b: [], ü: 'éé' });
  becomes('{"message":"m","":1,"a.b":{"c.d":true}}', { message: 'm', '': 1, 'a.b': { 'c.d': true } });
});

test('numbers and texts keep their bytes', () => {
  const line = '{"a":1.0,"b":1e400,"c":12345678901234567890,"d":-0,"e":"\\/\\u0041","f":0.10}';
  const steps = made([{ parse: 'json' }]);
  const [text] = run(steps, [line]).texts as [string];
  steps.close();
  assert.ok(text.includes(line.slice(1, -1)), text);
});

test('what a line has in common with the first one is all that it has of it', () => {
  const steps = made([{ parse: 'json' }, { drop: { pid: 'none', 'in.id': 'none' } }]);
  const lines = [
    '{"pid":4711,"host":"web-1","tags":["a"],"in":{"id":1,"of":"x"},"ok":true}',
    '{"pid":47112,"host":"web-12","tags":["a","b"],"in":{"id":10,"of":"xy"},"ok":true}',
    '{"pid":4711.5,"host":"web-1","tags":["a"],"in":{"id":1e3,"of":"x"},"ok":false}',
    '{"pid":4711 ,"host" :"web-1", "tags":["a"]\t,"in":{ "id":1 ,"of":"x" },"ok":true }',
    '{"pid":"4711","host":null,"tags":[],"in":{"id":{"a":1},"of":{}},"ok":{"a":2}}',
    '{"pid":4711,"host":"web-\\u0031","tags":["a"],"in":{"id":1,"of":"x"},"ok":true}',
    '{"pid":4711,"host":"web-1","tags":["a"],"in":{"id":1,"of":"x"},"ok":true,"more":1}',
    '{"pid":4711}',
  ];
  const wrong = ['{"pid":4711', '{"pid":4711,"host":"web-1', '{"pid":4711a}', '{"pid":4711,"host":"web-1"x}'];
  for (const joined of [lines, lines.toReversed(), lines.flatMap((line) => [line, line])]) {
    const { texts } = run(steps, [...joined, ...wrong]);
    for (const [i, line] of joined.entries()) {
      const { host, ...members } = JSON.parse(line);
      assert.deepEqual(brief(texts[i]!), { ...members, ...(host !== undefined && { conflict: { host } }) }, line);
    }
    for (const text of texts.slice(joined.length)) assert.deepEqual(brief(text).error, { type: 'parse' }, text);
  }
  steps.close();
});

test('what has the name of something of the envelope stands under conflict, and what is beside that is merged', () => {
  const host = { host: { name: 'other', ip: ['::1'] }, labels: 'x', '@timestamp': '2020-01-01' };
  becomes(JSON.stringify(host), { conflict: host });
  becomes('{"log":"text","event":[1]}', { conflict: { log: 'text', event: [1] } });
  becomes('{"log":{"level":"info","file":{"path":"/x"},"offset":1},"conflict":2}', {
    log: { level: 'info' },
    conflict: { log: { file: { path: '/x' }, offset: 1 }, conflict: 2 },
  });
  becomes('{"event":{"dataset":"x","action":"y"},"log":{}}', {
    event: { action: 'y' },
    conflict: { event: { dataset: 'x' }, log: {} },
  });
  becomes('{"conflict":{"a":1},"log.flags":[]}', { conflict: { conflict: { a: 1 }, log: { flags: [] } } });
});

test("host, labels and conflict are the envelope's, however they are written", () => {
  becomes('{"host.name":"h","hosts":1,"host.":2,"labels.a.b":3,"conflict.x":4}', {
    hosts: 1,
    'host.': 2,
    conflict: { host: { name: 'h' }, labels: { a: { b: 3 } }, conflict: { x: 4 } },
  });
  becomes('{"ho\\u0073t.name":"h"}', { conflict: { host: { name: 'h' } } });
  becomes('{"host":{"ip":1},"host.name":"h"}', { conflict: { host: { ip: 1, name: 'h' } } });
  // No name is twice: what is in the way of an object is not one.
  becomes('{"host.name":"h","host":"i"}', { conflict: { host: 'i', 'host.name': 'h' } });
  becomes('{"log":"text","log.file":"x"}', { conflict: { log: 'text', 'log.file': 'x' } });
  becomes('{"event":7,"event.dataset":"x"}', { conflict: { event: 7, 'event.dataset': 'x' } });
});

test('dotted names are nested below log and event, and elsewhere where a step has the field', () => {
  becomes('{"log.level":"info","log":{"logger":"a"},"event.action":"x","service.name":"s"}', {
    ...{ log: { level: 'info', logger: 'a' }, event: { action: 'x' }, 'service.name': 's' },
  });
  becomes('{"log.origin.file.name":"a.c","log.origin.file.line":3,"log.origin.function":"f"}', {
    log: { origin: { file: { name: 'a.c', line: 3 }, function: 'f' } },
  });
  becomes('{"log.file.path":"/x","event.dataset":"y","log.":1}', {
    conflict: { log: { file: { path: '/x' } }, event: { dataset: 'y' } },
    'log.': 1,
  });
});

test('of equal names the last wins, however they are written', () => {
  becomes('{"a":1,"b":2,"a":3.50}', { b: 2, a: 3.5 });
  becomes('{"log":{"x":1},"log":{"x":2,"y":3}}', { log: { x: 2, y: 3 } });
  becomes('{"log.x":1,"log":{"x":2}}', { log: { x: 2 } });
  becomes('{"\\u0068ost":"h","ho\\u0073t":"i"}', { conflict: { host: 'i' } });
  becomes('{"__proto__":1,"constructor":2}', JSON.parse('{"__proto__":1,"constructor":2}'));
});

test('under a name of its own nothing conflicts', () => {
  becomes(
    '{"host":1,"log.level":"x","a":{"b":1}}',
    { app: { host: 1, 'log.level': 'x', a: { b: 1 } } },
    {
      json: { into: 'app' },
    },
  );
  becomes('{"a":1,"a":2}', { x: { y: { a: 2 } } }, { json: { into: 'x.y' } });
});

test('what is no object goes out as it is, marked', () => {
  for (const line of ['text', '', '[1]', '"a"', 'null', '{', '{"a":1', '{"a":1}}', '{"a":01}', "{'a':1}", '{"a":1,}'])
    isNone(line);
  for (const line of ['{"a":tru}', '{"a":"\t"}', '{"a":"\\x"}', '{"a":"\\ud80"}', '{"a" 1}', '{"a":.5}', '{"a":1}\0'])
    isNone(line);
  isNone(Buffer.from('7b2261223a22ff227d', 'hex'));
  isNone(Buffer.from('7b2261223a22edafbf227d', 'hex'));
});

test('the first format of a list that a line is of is taken', () => {
  assert.deepEqual(processed([{ parse: ['json', 'none'] }], ['{"a":1}', 'text', '{"a":']), [
    { a: 1 },
    { message: 'text' },
    { message: '{"a":' },
  ]);
});

test('a line may be kept, and what fails may be dropped', () => {
  becomes('{"a":1}', { a: 1, event: { original: '{"a":1}' } }, { json: { keep_message: true } });
  becomes(
    '{"event":{"original":"x"},"a":1,"a":2}',
    {
      a: 2,
      event: { original: '{"event":{"original":"x"},"a":1,"a":2}' },
      conflict: { event: { original: 'x' } },
    },
    { json: { keep_message: true } },
  );
  const steps = made([{ parse: { json: { on_failure: 'drop' } } }]);
  assert.equal(run(steps, ['{"a":1}', 'text', '{"a":2}']).texts.length, 2);
  assert.deepEqual(
    steps.steps.map(({ in: came, out, failed }) => [came, out, failed]),
    [[3, 2, 1]],
  );
  steps.close();
});
