/** `parse: {regex: ...}` and `parse: {grok: ...}`: what lines become, and what is said of a pattern that is wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processed } from '../../support/processed.ts';
import { writtenConfig } from '../../support/written-config.ts';

const becomes = (step: object, line: string | Buffer, record: unknown) =>
  assert.deepEqual(processed([{ parse: step }], [line])[0], record, String(line));
const isNone = (step: object, line: string) => becomes(step, line, { message: line, error: { type: 'parse' } });

test('named groups become fields, dotted ones nested, and the message stays unless a group is called so', () => {
  const regex = '^(?<http.request.method>[A-Z]+) (?<url.path>\\S+)(?: (?<user.name>\\w+))?';
  becomes({ regex }, 'GET /a/"b" jane', {
    message: 'GET /a/"b" jane',
    http: { request: { method: 'GET' } },
    url: { path: '/a/"b"' },
    user: { name: 'jane' },
  });
  becomes({ regex }, 'GET /é', { message: 'GET /é', http: { request: { method: 'GET' } }, url: { path: '/é' } });
  isNone({ regex }, 'get /a');
  becomes({ regex: '(?<level>\\w+): (?<message>.*)' }, 'warn: disk\tfull', { level: 'warn', message: 'disk\tfull' });
  becomes({ regex: { pattern: '(?<a>\\w*)-', keep_message: 'true' } }, '-x', {
    a: '',
    message: '-x',
    event: { original: '-x' },
  });
  // From the beginning, unless it is searched.
  isNone({ regex: 'id=(?<id>\\d+)' }, 'x id=7');
  becomes({ regex: { pattern: 'id=(?<id>\\d+)', search: true } }, 'x id=7', { message: 'x id=7', id: '7' });
  becomes({ regex: '(?i)ERROR (?<what>.*)' }, 'error x', { message: 'error x', what: 'x' });
});

test('a field, and the path of the file', () => {
  const [record] = processed(
    [{ parse: 'json' }, { parse: { regex: { pattern: '^(?<first>\\w+)=(?<rest>.*)', field: 'kv' } } }],
    ['{"kv":"a=\\"b\\u00e9\\""}'],
  );
  assert.deepEqual(record, { kv: 'a="bé"', first: 'a', rest: '"bé"' });
  becomes({ regex: { pattern: '/log/(?<service.name>[^/]+)/', field: 'log.file.path', search: true } }, 'x', {
    message: 'x',
    service: { name: 'app' },
  });
});

test('grok takes texts, numbers and nested names, and leaves out what is empty', () => {
  const grok = '%{WORD:[user][name]} %{NUMBER:took:float} %{INT:count:int} "%{DATA:note}"';
  const has = (took: string, count: string, expected: object) =>
    becomes({ grok }, `jane ${took} ${count} ""`, {
      message: `jane ${took} ${count} ""`,
      user: { name: 'jane' },
      ...expected,
    });
  has('1.50', '7', { took: 1.5, count: 7 });
  has('.5', '007', { took: 0.5, count: 7 });
  has('-0.25', '+3', { took: -0.25, count: 3 });
  has('-007.5', '-08', { took: -7.5, count: -8 });
  const own = { pattern: '%{ORDER:order}', definitions: { ORDER: '%{WORD}-%{POSINT:number:int}' } };
  becomes({ grok: own }, 'ab-12', { message: 'ab-12', order: 'ab-12', number: 12 });
  isNone({ grok }, 'jane');
  becomes([{ grok: '%{IP:ip} %{GREEDYDATA:message}' }, { regex: '(?<word>\\w+)' }] as never, 'abc', {
    message: 'abc',
    word: 'abc',
  });
});

test('access logs by grok', () => {
  const line = '10.2.3.4 - - [24/Feb/2026:23:13:42 +0000] "GET /cart HTTP/1.1" 200 20302 "-" "Mozilla/5.0 (X11)"';
  becomes({ grok: '%{COMBINEDAPACHELOG}' }, line, {
    message: line,
    timestamp: '24/Feb/2026:23:13:42 +0000',
    source: { address: '10.2.3.4' },
    http: { request: { method: 'GET' }, version: '1.1', response: { status_code: 200, body: { bytes: 20302 } } },
    url: { original: '/cart' },
    user_agent: { original: 'Mozilla/5.0 (X11)' },
  });
});

test('lines that are hostile, binary or cut are texts, or none', () => {
  const regex = '^(?<a>[^ ]+) (?<b>.*)$';
  becomes({ regex }, Buffer.from('61ff2062e9', 'hex'), { message: 'a\ufffd b\ufffd', a: 'a\ufffd', b: 'b\ufffd' });
  const [long] = processed([{ parse: { regex: '^(?:(?<w>\\w+)\\s?)*$' } }], [`${'a'.repeat(60_000)}!`]);
  assert.deepEqual(long!.error, { type: 'parse' });
  becomes({ regex: '(?<a>.)' }, '\u0000', { message: '\u0000', a: '\u0000' });
});

test('what is wrong has its place: file, line and column of the character', async () => {
  const wrong = async (step: string, ...expected: string[]) =>
    assert.deepEqual(await writtenConfig(`logs:\n  - include: /a\n    process:\n      - {parse: ${step}}\n`), expected);
  await wrong(
    "{regex: '^(?<a>x)(?<b>y*)*'}",
    '4:34: logs[0].process[0].parse[0].regex repeats what may match nothing: let it match at least one character, and write * or ? behind it',
  );
  await wrong(
    "{grok: {pattern: '%{IP:ip} %{NUMBR:n:int}'}}",
    "4:44: logs[0].process[0].parse[0].grok.pattern has %{NUMBR}, which is no pattern's name: did you mean %{NUMBER}?",
  );
  await wrong(
    "{regex: '(?<host.name>x)'}",
    '4:29: logs[0].process[0].parse[0].regex has the field host.name, which is of the envelope (host), which says where and when a record was read: no step has it',
  );
  await wrong(
    "{regex: 'x'}",
    '4:26: logs[0].process[0].parse[0].regex names no group: write (?<name>...) around what is to become a field',
  );
  await wrong(
    '{regex: {patern: x}}',
    '4:34: logs[0].process[0].parse[0].regex.patern is not known: did you mean pattern?',
  );
});
