/** `runnel migrate filebeat`: what it makes is valid and does the same; what it cannot map is said, with its place. */
// Slow: starts programs.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fromFilebeat } from '../../src/cli/migrate/filebeat.ts';
import { durationOf, patternOf, sizeOf } from '../../src/cli/migrate/foreign-options.ts';
import type { Fault } from '../../src/config/errors.ts';
import { readForeign, yamlOf } from '../../src/config/foreign.ts';
import { loadConfig } from '../../src/options.ts';
import { runnel } from '../support/agent.ts';

const dir = mkdtempSync(join(tmpdir(), 'runnel-migrate-test-'));
after(() => rmSync(dir, { recursive: true }));
const FILE = join(dir, 'filebeat.yml');

/** What it makes of a file, and what it says, as `line name`. */
async function migrated(text: string) {
  writeFileSync(FILE, text);
  const faults: Fault[] = [];
  const tree = await readForeign(FILE, faults);
  assert.deepEqual(faults, []);
  const unmapped: string[] = [];
  const notes: string[] = [];
  const { config } = fromFilebeat(tree!, {
    unmapped: (name, { line }) => unmapped.push(`${line} ${name}`),
    note: (name, { line }) => notes.push(`${line} ${name}`),
  });
  return { config, unmapped, notes };
}

const INPUT = 'filebeat.inputs:\n- type: filestream\n  paths: [/var/log/a.log]\n';

/** Of one input with these options: what it is besides its paths. It must be valid. */
async function input(...options: string[]) {
  const { config, unmapped } = await migrated(`${INPUT}${options.map((option) => `  ${option}\n`).join('')}`);
  const path = join(dir, 'runnel.yaml');
  writeFileSync(path, await yamlOf(config));
  await loadConfig(path);
  const [{ include: _, ...rest }] = config.logs as [Record<string, unknown>];
  return { ...rest, ...(unmapped.length > 0 && { unmapped }) };
}

test('options of inputs become options of logs', async () => {
  const cases: [string[], Record<string, unknown>][] = [
    [[], {}],
    [['id: nginx'], { name: 'nginx' }],
    [['type: log', 'tail_files: true'].slice(1), { start_at: 'end' }],
    [['ignore_older: 1h30m'], { ignore_older: '90m' }],
    [["exclude_files: ['\\.gz$', '-old$']"], { exclude: ['*.gz', '*-old'] }],
    [["prospector.scanner.exclude_files: ['\\.gz$']"], { exclude: ['*.gz'] }],
    [['encoding: utf-16le-bom'], { encoding_in: 'utf-16le' }],
    [['max_bytes: 10000'], { max_line: '10000B' }],
    [['tags: [nginx, access]', 'fields: {env: prod}'], { tags: { tags: 'nginx,access', env: 'prod' } }],
    [['fields: {env: prod, deep: {er: 1}}'], { tags: { env: 'prod', 'deep.er': '1' } }],
    [
      ['fields: {env: prod}', 'fields_under_root: true', 'json.keys_under_root: true'],
      { process: [{ parse: 'json' }, { add: { env: 'prod' } }] },
    ],
    [["exclude_lines: ['^DBG']"], { process: [{ drop: { line: { matches: ['^DBG'] } } }] }],
    [["include_lines: ['^ERR', '^WARN']"], { process: [{ keep: { line: { matches: ['^ERR', '^WARN'] } } }] }],
    [["multiline: {pattern: '^\\[', negate: true, match: after}"], { multiline: { start: '^\\[' } }],
    [["multiline.pattern: '^[[:space:]]+at'", 'multiline.match: after'], { multiline: { continue: '^\\s+at' } }],
    [
      ["multiline: {pattern: ';$', negate: true, match: before, max_lines: 20, timeout: 3s}"],
      { multiline: { end: ';$', max_lines: 20, timeout: '3s' } },
    ],
    [
      ["parsers: [{multiline: {type: pattern, pattern: '^\\d', negate: true}}, {ndjson: {target: ''}}]"],
      { multiline: { start: '^\\d' }, process: [{ parse: 'json' }] },
    ],
    [['parsers: [{ndjson: {target: app}}]'], { process: [{ parse: { json: { into: 'app' } } }] }],
    [['parsers: [{container: {format: docker}}]'], { format: 'docker' }],
    [
      ['json: {keys_under_root: true, message_key: msg, add_error_key: true}'],
      { process: [{ parse: 'json' }, { rename: { msg: 'message' } }] },
    ],
    [['close_inactive: 5m', 'scan_frequency: 1s', 'harvester_limit: 7', 'clean_removed: true'], {}],
  ];
  for (const [options, expected] of cases) assert.deepEqual(await input(...options), expected, options.join(', '));
});

test('the journal is read in place of files', async () => {
  const text =
    'filebeat.inputs:\n- {type: journald, id: j, units: [nginx.service], seek: tail, syslog_identifiers: [sshd], fields: {a: b}}\n';
  const { config, unmapped } = await migrated(text);
  assert.deepEqual(unmapped, []);
  assert.deepEqual(config.logs, [
    {
      name: 'j',
      start_at: 'end',
      tags: { a: 'b' },
      journald: { units: ['nginx.service'], match: ['SYSLOG_IDENTIFIER=sshd'] },
    },
  ]);
  const path = join(dir, 'runnel.yaml');
  writeFileSync(path, await yamlOf(config));
  await loadConfig(path);
});

test('processors become steps, and their conditions ours', async () => {
  const steps = async (...processors: string[]) => {
    const { process } = (await input('json.keys_under_root: true', `processors: [${processors.join(', ')}]`)) as {
      process?: unknown[];
    };
    return process?.slice(1);
  };
  const cases: [string, unknown[]][] = [
    ['drop_fields: {fields: [a, b.c], ignore_missing: true}', [{ remove: ['a', 'b.c'] }]],
    ['drop_fields: {fields: [agent.version, ecs, a]}', [{ remove: ['a'] }]],
    ['include_fields: {fields: [a]}', [{ only: ['a'] }]],
    [
      'rename: {fields: [{from: a, to: b}, {from: c.d, to: e}], ignore_missing: true}',
      [{ rename: { a: 'b', 'c.d': 'e' } }],
    ],
    ['add_fields: {target: "", fields: {service.name: shop}}', [{ add: { 'service.name': 'shop' } }]],
    ['add_fields: {fields: {x: y}}', [{ add: { 'fields.x': 'y' } }]],
    ['decode_json_fields: {fields: [inner], target: deep}', [{ parse: { json: { field: 'inner', into: 'deep' } } }]],
    [
      'timestamp: {field: ts, layouts: ["2006-01-02"], timezone: Europe/Berlin}',
      [{ time: { field: 'ts', zone: 'Europe/Berlin' } }],
    ],
    ['drop_event: {when: {equals: {level: debug}}}', [{ drop: { level: 'debug' } }]],
    ['drop_event: {when: {contains: {message: kube-probe}}}', [{ drop: { line: { contains: 'kube-probe' } } }]],
    ['drop_event: {when: {not: {has_fields: [a]}}}', [{ drop: { not: { a: { exists: true } } } }]],
    [
      'drop_event: {when: {range: {http.code.gte: 200, http.code.lt: 300}}}',
      [{ drop: { 'http.code': { gte: 200, lt: 300 } } }],
    ],
    [
      'drop_event: {when: {or: [{equals: {a: 1}}, {regexp: {b: "^x"}}]}}',
      [{ drop: [{ a: '1' }, { b: { matches: '^x' } }] }],
    ],
    ['drop_event: {when: {and: [{equals: {a: 1}}, {equals: {b: 2}}]}}', [{ drop: { a: '1', b: '2' } }]],
    [
      'drop_event: {when: {and: [{regexp: {a: x}}, {regexp: {a: y}}]}}',
      [{ drop: { not: [{ not: { a: { matches: 'x' } } }, { not: { a: { matches: 'y' } } }] } }],
    ],
    ['drop_fields: {fields: [a], when: {equals: {b: c}}}', [{ remove: ['a'], when: { b: 'c' } }]],
  ];
  for (const [processor, expected] of cases) assert.deepEqual(await steps(`{${processor}}`), expected, processor);
});

test('output.kafka becomes kafka, and topics made of fields are those of the inputs', async () => {
  const two =
    'filebeat.inputs:\n- {type: log, paths: [/a], fields: {t: one}}\n- {type: log, paths: [/b], fields: {t: two}}\n';
  const kafka = async (...options: string[]) => {
    const { config, unmapped } = await migrated(
      `${two}output.kafka:\n  hosts: [k1:9092]\n${options.map((o) => `  ${o}\n`).join('')}`,
    );
    const logs = config.logs as { topic?: string; encoding?: string }[];
    return { ...(config.kafka as object), topics: logs.map(({ topic }) => topic), unmapped, raw: logs[0]!.encoding };
  };
  const plain = { brokers: ['k1:9092'], topics: [undefined, undefined], unmapped: [], raw: undefined };
  assert.deepEqual(await kafka(), plain);
  assert.deepEqual(
    await kafka('topic: logs', 'required_acks: -1', 'partition.round_robin: {reachable_only: false}', 'version: 2.0.0'),
    { ...plain, topics: ['logs', 'logs'] },
  );
  assert.deepEqual((await kafka("topic: 'logs-%{[fields.t]}'")).topics, ['logs-one', 'logs-two']);
  assert.deepEqual((await kafka("topic: 'logs-%{[host.name]}'")).unmapped, ['6 output.kafka.topic']);
  assert.deepEqual((await kafka("codec.format.string: '%{[message]}'")).raw, 'raw');
  assert.deepEqual(
    await kafka(
      'username: u',
      'password: p',
      'sasl.mechanism: SCRAM-SHA-512',
      'ssl: {certificate_authorities: [/ca.pem], certificate: /c.pem, key: /k.pem}',
      'compression: lz4',
    ),
    {
      ...plain,
      sasl: { mechanism: 'scram-sha-512', username: 'u', password: 'p' },
      tls: { ca_file: '/ca.pem', cert_file: '/c.pem', key_file: '/k.pem' },
      compression: 'lz4',
    },
  );
  assert.deepEqual((await kafka('ssl.verification_mode: none')) as object, { ...plain, tls: { insecure: true } });
});

test('what has no counterpart is said by name and line, also what nobody has heard of', async () => {
  const { unmapped } = await migrated(`filebeat.inputs:
- type: filestream
  paths: [/var/log/a.log]
  index: other
  frobnicate: 7
  multiline: {type: count, count_lines: 3}
  exclude_files: ['^/var/(a|b)']
- type: syslog
  protocol.udp: {host: ":514"}
- type: log
  enabled: false
  frobnicate: 7
filebeat.modules: [{module: nginx}]
processors:
- script: {lang: javascript, source: x}
- drop_event: {when: {network: {ip: private}}}
- add_cloud_metadata: ~
output.elasticsearch: {hosts: [a]}
setup.ilm.enabled: false
something: else
`);
  assert.deepEqual(
    unmapped.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)),
    [
      '4 filebeat.inputs[0].index',
      '5 filebeat.inputs[0].frobnicate',
      '6 filebeat.inputs[0].multiline.type',
      '7 filebeat.inputs[0].exclude_files',
      '8 filebeat.inputs[1].type',
      '13 filebeat.modules',
      '15 processors[0].script',
      '16 processors[1].drop_event.when.network',
      '17 processors[2].add_cloud_metadata',
      '18 output.elasticsearch',
      '19 setup',
      '20 something',
    ],
  );
});

test('the command prints what it made, and ends with 0, 1 or 2', async () => {
  writeFileSync(
    FILE,
    `${INPUT}  exclude_lines: ['^DBG']\n  close_inactive: 5m\noutput.kafka: {hosts: [k1:9092], password: '\${PW:x}', username: '\${USER:?no user}'}\n`,
  );
  const good = await runnel('migrate', 'filebeat', FILE);
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stderr, /^note: \S+filebeat\.yml:5:3: filebeat\.inputs\[0\]\.close_inactive: is not needed/);
  assert.match(good.stdout, /username: \$\{USER\}\n +password: \$\{PW:-x\}/);
  const path = join(dir, 'made.yaml');
  writeFileSync(path, good.stdout.replace('${USER}', 'u'));
  const explained = async (line: string) =>
    JSON.parse((await runnel('explain', 'log', '/var/log/a.log', line, '-c', path)).stdout);
  assert.equal((await explained('DBG x')).value, null);
  assert.equal((await explained('ERR x')).value.message, 'ERR x');

  writeFileSync(FILE, `${INPUT}  multiline: {pattern: '(?i)^x', negate: true}\n  nope: 1\n`);
  const partly = await runnel('migrate', 'filebeat', FILE);
  assert.equal(partly.code, 1);
  assert.match(
    partly.stderr,
    /^not mapped: \S+filebeat\.yml:2:3: in the result logs\[0\]\.multiline\.start is no regular expression/m,
  );
  assert.match(partly.stderr, /^not mapped: \S+filebeat\.yml:5:3: filebeat\.inputs\[0\]\.nope: has no counterpart/m);
  const json = JSON.parse((await runnel('migrate', 'filebeat', FILE, '--json')).stdout);
  assert.deepEqual(
    json.unmapped.map(({ line }: Fault) => line),
    [2, 5],
  );

  writeFileSync(FILE, 'a: [1');
  assert.equal((await runnel('migrate', 'filebeat', FILE)).code, 2);
  assert.equal((await runnel('migrate', 'filebeat', join(dir, 'none'))).code, 2);
});

test('durations, sizes and patterns of Go are written as ours', () => {
  const durations = {
    '5': '5s',
    '1h30m': '90m',
    '72h': '3d',
    '100ms': '100ms',
    '1.5h': '90m',
    x: undefined,
    '5 m': undefined,
  };
  for (const [theirs, ours] of Object.entries(durations)) assert.equal(durationOf(theirs), ours, theirs);
  const sizes = { '100': '100B', '10MiB': '10MiB', '10MB': '10MiB', '5 KB': '5KiB' };
  for (const [theirs, ours] of Object.entries(sizes)) assert.equal(sizeOf(theirs), ours, theirs);
  const patterns = {
    '[[:digit:]]+x': '\\d+x',
    '^[[:space:]]': '^\\s',
    '[[:alpha:]_]': '[A-Za-z_]',
    '\\Aa\\z': '^a$',
    '(?P<n>a)': '(?<n>a)',
    '\\[x]': '\\[x]',
  };
  for (const [theirs, ours] of Object.entries(patterns)) assert.equal(patternOf(theirs), ours, theirs);
});
