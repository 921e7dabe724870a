/** A configuration that may be shown: none of its secrets is in it, wherever the schema has one. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { maskedConfig, maskForms } from '../../src/config/masked.ts';
import { type Shape, shapeOf } from '../../src/config/shape.ts';
import { optionsOf } from '../../src/options.ts';
import { INPUTS } from '../../src/sources/all.ts';

const { schema } = optionsOf(INPUTS);
const dir = mkdtempSync(join(tmpdir(), 'runnel-masked-'));
after(() => rmSync(dir, { recursive: true }));

async function masked(text: string, env: Record<string, string> = {}) {
  const path = join(dir, 'runnel.yaml');
  writeFileSync(path, text);
  const { files, secrets } = await maskedConfig(path, schema, env);
  return { text: files.map((file) => file.text ?? '-').join('\n'), secrets };
}

/** Each place with what the schema says of it, and a configuration that has a value there. */
function* places(
  shape: Shape,
  name = '',
  whole = (value: unknown) => value,
): Iterable<{
  name: string;
  shape: Shape;
  whole: (value: unknown) => unknown;
}> {
  yield { name, shape, whole };
  if (shape.kind === 'list') yield* places(shape.item, `${name}[]`, (value) => whole([value]));
  if (shape.kind === 'dictionary') yield* places(shape.value, `${name}.*`, (value) => whole({ key: value }));
  if (shape.kind !== 'map' && shape.kind !== 'choice') return;
  const beside = shape.kind === 'choice' ? shape.beside : [];
  for (const [key, field] of [...shape.fields, ...beside]) {
    yield* places(field.shape, name === '' ? key : `${name}.${key}`, (value) => whole({ [key]: value }));
  }
}

const ALL = [...places(shapeOf(schema))];

test('what the schema calls secret is in no place of the text, and known', async () => {
  let secret = 0;
  for (const { name, shape, whole } of ALL) {
    if (shape.secret === undefined) continue;
    const text = `hunter-${++secret}`;
    const value: Record<string, unknown> = {
      leaf: text,
      dictionary: { 'X-Key': text },
      grammar: { deep: [{ er: text }] },
      list: ['/usr/bin/known', text, `--key=${text}`],
    };
    const { text: shown, secrets } = await masked(JSON.stringify(whole(value[shape.kind])));
    assert.ok(!shown.includes('hunter'), `${name}: ${shown}`);
    assert.ok(shown.includes('***') && secrets.has(text), `${name}: ${shown}`);
    assert.equal(shown.includes('/usr/bin/known'), shape.kind === 'list', name);
  }
  assert.ok(secret >= 13, `${secret}`);
});

test('an option that has the name of a secret is one in the schema, or says where one is', () => {
  const names = ALL.filter(({ name }) => /pass(word)?$|secret$|token$|api_key$|headers$|credentials?$/.test(name));
  assert.deepEqual(
    names.filter(({ shape }) => shape.secret === undefined).map(({ name }) => name),
    [],
  );
});

test('what others would be shown of it else is masked, too', async () => {
  const cases: [string, RegExp][] = [
    ['# hunter\nhost: a', /^host: a\n$/],
    ['kafka: {sasl: {password: "${KAFKA}"}}', /password: \$\{KAFKA\}/],
    ['kafka: {sasl: {password: "${file:/run/secrets/kafka}"}}', /password: \$\{file:\/run\/secrets\/kafka\}/],
    ['kafka: {sasl: {password: "${KAFKA:-hunter}"}}', /password: "\*\*\*"/],
    ['host: "${HOST:-hunter}"', /host: \$\{HOST:-\*\*\*\}/],
    ['kafka: {sasl: {pasword: hunter}}', /pasword: "\*\*\*"/],
    ['kafka: {sasl: hunter}', /sasl: "\*\*\*"/],
    ['kafka: {client_id: {a: hunter}}', /a: "\*\*\*"/],
    ['nope: [{deep: hunter}]', /deep: "\*\*\*"/],
    ['tags: {api_token: hunter, env: prod}', /api_token: "\*\*\*"\n {2}env: prod/],
    ['sink: {topk: {redis: {url: "redis://u:hunter@r:6379"}}}', /url: redis:\/\/\*\*\*@r:6379/],
    ['metrics: {checks: [{url: "http://a/x?key=hunter"}]}', /url: http:\/\/a\/x\?\*\*\*/],
    [
      'logs: [{process: [{add: {service.token: hunter, service.name: shop}}]}]',
      /service\.token: "\*\*\*"\n +service\.name: shop/,
    ],
    ['a: &x {password: hunter}\nkafka: {sasl: *x}', /password: "\*\*\*"/],
  ];
  for (const [text, expected] of cases) {
    const { text: shown } = await masked(text, { KAFKA: 'hunter' });
    assert.ok(!shown.includes('hunter'), `${text}: ${shown}`);
    assert.match(shown, expected, text);
  }
  // What it brings in is known: it is looked for in everything else.
  assert.ok((await masked('kafka: {sasl: {password: "${KAFKA}"}}', { KAFKA: 'hunter' })).secrets.has('hunter'));
});

test('conf.d is read, too; what is no YAML is left out whole', async () => {
  mkdirSync(join(dir, 'conf.d'), { recursive: true });
  writeFileSync(join(dir, 'conf.d/a.yaml'), 'kafka: {sasl: {password: hunter-d}}');
  writeFileSync(join(dir, 'conf.d/b.yaml'), 'password: [hunter');
  const path = join(dir, 'runnel.yaml');
  writeFileSync(path, 'host: a');
  const { files, secrets } = await maskedConfig(path, schema, {});
  assert.deepEqual(
    files.map((file) => file.text),
    ['host: a\n', 'kafka:\n  sasl:\n    password: "***"\n', null],
  );
  assert.ok(secrets.has('hunter-d'));
  rmSync(join(dir, 'conf.d'), { recursive: true });
  const none = await maskedConfig(join(dir, 'none.yaml'), schema, {});
  assert.deepEqual(
    none.files.map((file) => file.text),
    [null],
  );
});

test('forms of secrets are masked in any text, and JSON stays JSON', () => {
  const cases: [string, string][] = [
    ['at http://u:hunter@host/x', 'at http://***@host/x'],
    ['GET https://h/x?sig=hunter&b=1 failed', 'GET https://h/x?*** failed'],
    ['Authorization: Bearer hunter2hunter2', 'Authorization: Bearer ***'],
    ['eyJhbGciOi.eyJzdWIiOj.hunter', '***'],
    ['password=hunter user=u', 'password=*** user=u'],
    ['{"db_password":"hunter","n":1}', '{"db_password":"***","n":1}'],
    ['{"token":12,"secret":null,"api_key":{"a":1}}', '{"token":12,"secret":null,"api_key":{"a":1}}'],
    ['-----BEGIN RSA PRIVATE KEY-----\nhunter\n-----END RSA PRIVATE KEY-----', '***'],
    ['udp://127.0.0.1:8125', 'udp://127.0.0.1:8125'],
  ];
  for (const [text, expected] of cases) assert.equal(maskForms(text), expected);
});
