import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Env } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/errors.ts';
import { type Loaded, loadConfig } from '../../src/options.ts';

const root = mkdtempSync(join(tmpdir(), 'runnel-config-'));
after(() => rmSync(root, { recursive: true }));
let count = 0;

type Files = Record<string, string>;

/** Writes the files (a string: the main one) and loads them; the environment is only what is given. */
function load(files: string | Files, env: Env = {}): Promise<Loaded> {
  return loadConfig(write(files), { env });
}

function write(files: string | Files): string {
  const dir = join(root, String(++count));
  for (const [name, text] of Object.entries(typeof files === 'string' ? { 'runnel.yaml': files } : files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return join(dir, 'runnel.yaml');
}

/** The faults, without the directory. */
async function faults(files: string | Files, env: Env = {}): Promise<string[]> {
  try {
    await load(files, env);
  } catch (error) {
    assert(error instanceof ConfigError, String(error));
    return error.message.split('\n').map((line) => line.replaceAll(join(root, String(count), '/'), ''));
  }
  return [];
}

function check(what: string, files: string | Files, expected: string[], env: Env = {}): void {
  test(what, async () => assert.deepEqual(await faults(files, env), expected));
}

describe('values', () => {
  test('an empty file gives every default', async () => {
    const { config, warnings } = await load('', { RUNNEL_HOST: 'h' });
    assert.equal(config.host, 'h');
    assert.equal(config.data_dir, '/var/lib/runnel');
    assert.deepEqual(config.kafka.brokers, []);
    assert.equal(config.kafka.linger, 50);
    assert.deepEqual(config.statsd.listen, [
      { address: 'udp://127.0.0.1:8125', origin: false, dialect: 'dogstatsd', name_tags: [] },
    ]);
    assert.deepEqual(config.statsd.percentiles, [0.5, 0.95, 0.99]);
    assert.equal(config.spool.max_size, 2 ** 30);
    assert.equal(config.spool.sync, 1000);
    assert.equal(config.metrics.topic, 'runnel.metrics');
    assert.notEqual(config.metrics.host, false);
    assert.deepEqual(warnings, []);
  });

  test('keys with nothing behind them have their defaults', async () => {
    const { config } = await load('kafka:\n  linger:\nlogs:\nstatsd:\n');
    assert.equal(config.kafka.linger, 50);
    assert.deepEqual(config.logs, []);
  });

  test('one value does where a list is wanted, and brokers get port 9092', async () => {
    const { config } = await load('kafka: {brokers: "[::1]"}\nlogs: [{name: a, include: /x/*.log, exclude: "*.gz"}]');
    assert.deepEqual(config.kafka.brokers, ['[::1]:9092']);
    assert.deepEqual(config.logs[0]?.include, ['/x/*.log']);
    assert.deepEqual(config.logs[0]?.exclude, ['*.gz']);
  });

  test('brokers may be one text with commas', async () => {
    const { config } = await load('kafka: {brokers: "${B},c"}', { B: 'a:1, b:2' });
    assert.deepEqual(config.kafka.brokers, ['a:1', 'b:2', 'c:9092']);
  });

  test('durations and sizes become milliseconds and bytes, never becomes null', async () => {
    const { config } = await load(
      'kafka: {linger: 1.5s}\nlogs: [{include: /x, ignore_older: never, max_line: 1KiB, rotate_wait: 2m}]\nshutdown_timeout: 9s',
    );
    assert.equal(config.kafka.linger, 1500);
    assert.equal(config.shutdown_timeout, 9000);
    const [log] = config.logs;
    assert.deepEqual([log?.ignore_older, log?.max_line, log?.rotate_wait], [null, 1024, 120_000]);
  });

  test('text stays as it is written, whatever YAML would make of it', async () => {
    const { config } = await load('host: 0123\ntags: {version: 1.10, on: no, date: 2026-01-02}');
    assert.equal(config.host, '0123');
    assert.deepEqual(config.tags, { version: '1.10', on: 'no', date: '2026-01-02' });
  });

  test('topics follow the prefix unless they are given', async () => {
    const { config } = await load('kafka: {topic_prefix: acme}\nlogs: [{include: /a}, {include: /b, topic: t}]');
    assert.deepEqual([...config.logs.map((l) => l.topic), config.metrics.topic], ['acme.logs', 't', 'acme.metrics']);
  });

  test('inputs without a name get one from their path, each another', async () => {
    const { config } = await load(
      'logs: [{include: /var/log/nginx/*.log}, {include: /v/nginx/x.d/*}, {include: /nginx}, {include: /nginx}]',
    );
    assert.deepEqual(
      config.logs.map((l) => l.name),
      ['nginx', 'x', 'nginx-2', 'nginx-3'],
    );
  });

  test('metrics.host is false, true, or a map', async () => {
    assert.equal((await load('metrics: {host: false}')).config.metrics.host, false);
    assert.deepEqual((await load('metrics: {host: true}')).config.metrics.host, (await load('')).config.metrics.host);
    const { host } = (await load('metrics: {host: {cpu: false}}')).config.metrics;
    assert(host !== false && !host.cpu && host.memory);
  });

  test('the host comes from RUNNEL_HOST, then NODE_NAME', async () => {
    assert.equal((await load('', { NODE_NAME: 'n' })).config.host, 'n');
    assert.equal((await load('', { NODE_NAME: 'n', RUNNEL_HOST: 'r' })).config.host, 'r');
    assert.equal((await load('host: c', { RUNNEL_HOST: 'r' })).config.host, 'c');
  });

  test('aliases and merge keys are followed', async () => {
    const { config } = await load('logs:\n  - &a {name: a, include: /a, encoding: raw}\n  - {<<: *a, name: b}');
    assert.deepEqual(
      config.logs.map((l) => [l.name, l.encoding]),
      [
        ['a', 'raw'],
        ['b', 'raw'],
      ],
    );
  });
});

describe('excludes', () => {
  const said = async (exclude: string) => {
    const { warnings } = await load(`logs: [{include: [/a/*, /b/**/*.log], exclude: ${exclude}}]`);
    return warnings.map((text) => text.replaceAll(join(root, String(count), '/'), ''));
  };

  test('that may be meant otherwise, or can leave nothing out, are warnings with their place', async () => {
    assert.deepEqual(await said("['x\\.log$', /c/*.log]"), [
      'runnel.yaml:1:49: logs[0].exclude[0] looks like a regular expression: a glob names the whole, with * for any characters: *x.log',
      'runnel.yaml:1:60: logs[0].exclude[1] can match nothing that include names: a name is meant as a whole, with * for any characters',
    ]);
  });

  test('that are there in case are none', async () => {
    assert.deepEqual(await said('["*.gz", ".*", old, old/, "*/old/*", "./old/*.log", /b/old]'), []);
  });
});

describe('several files', () => {
  test('maps merge, lists append, in name order', async () => {
    const { config, files } = await load({
      'runnel.yaml': 'tags: {a: 1}\nlogs: [{name: one, include: /1}]\nkafka: {brokers: a}',
      'conf.d/20.yaml': 'logs: [{name: three, include: /3}]',
      'conf.d/10.yaml': 'tags: {b: 2}\nlogs: [{name: two, include: /2}]\nkafka: {brokers: [b]}',
      'conf.d/ignored.yml': 'not: read',
      'conf.d/.hidden.yaml': 'not: read',
    });
    assert.deepEqual(config.tags, { a: '1', b: '2' });
    assert.deepEqual(
      config.logs.map((l) => l.name),
      ['one', 'two', 'three'],
    );
    assert.deepEqual(config.kafka.brokers, ['a:9092', 'b:9092']);
    assert.equal(files.length, 3);
  });

  check(
    'a value set twice names both places, and faults of all files are told at once',
    { 'runnel.yaml': 'host: a\nkafka:\n  lingr: 1s\n', 'conf.d/a.yaml': 'host: b\nkafka: {linger: 5}\n' },
    [
      'runnel.yaml:3:3: unknown key lingr in kafka: did you mean linger?',
      'conf.d/a.yaml:1:7: host is set twice: here and at runnel.yaml:1:7',
      'conf.d/a.yaml:2:17: kafka.linger needs a unit, for example 5ms',
    ],
  );

  check(
    'a name that two files use is told where the second one stands',
    { 'runnel.yaml': 'logs: [{name: a, include: /1}]', 'conf.d/x.yaml': 'logs:\n  - name: a\n    include: /2\n' },
    ['conf.d/x.yaml:2:11: logs[1].name is that of logs[0] too: names are unique'],
  );
});

describe('what is replaced', () => {
  test('variables, defaults and files, also inside each other', async () => {
    const path = write({
      'runnel.yaml': [
        'host: ${H}-${N:-1}',
        'data_dir: ${UNSET:-${D}/x}',
        'kafka: {brokers: [a], create_topics: ${B}, compression_level: ${L}, linger: "${L}ms"}',
        'tags: {file: ${file:secret}, dir: "${file:${SUB}/s}", literal: $${H}, dollar: $H, empty: "${E:-e}"}',
      ].join('\n'),
      secret: 'line\n',
      'sub/s': 'other\r\n',
    });
    const env = { H: 'web', D: '/data', B: 'false', L: '7', SUB: 'sub', E: '' };
    const { config } = await loadConfig(path, { env });
    assert.equal(config.host, 'web-1');
    assert.equal(config.data_dir, '/data/x');
    assert.equal(config.kafka.create_topics, false);
    assert.equal(config.kafka.compression_level, 7);
    assert.equal(config.kafka.linger, 7);
    assert.deepEqual(config.tags, { file: 'line', dir: 'other', literal: '${H}', dollar: '$H', empty: 'e' });
  });

  test('a variable that holds YAML stays text', async () => {
    const { config } = await load('host: ${X}', { X: 'a: b #c' });
    assert.equal(config.host, 'a: b #c');
  });

  test('a plain value that becomes nothing is not set', async () => {
    const { config } = await load('kafka: \n  linger: ${X:-}\n');
    assert.equal(config.kafka.linger, 50);
  });

  check('what is unset is a fault', 'host: ${NOPE}', [
    'runnel.yaml:1:7: the environment variable NOPE is not set: set it, or write ${NOPE:-default}',
  ]);
  check('a file that is not there is a fault', 'host: ${file:/nowhere/x}', [
    'runnel.yaml:1:7: cannot read /nowhere/x: there is no such file',
  ]);
  check('a ${ that does not close is a fault', 'host: "a${B"', [
    'runnel.yaml:1:7: a ${ without its }: a literal ${ is written $${',
  ]);
  check('a device is not read', 'host: ${file:/dev/zero}', [
    'runnel.yaml:1:7: cannot read /dev/zero: it is no regular file',
  ]);
  check(
    'what the environment holds is never printed',
    'kafka:\n  compression: ${SECRET}\n',
    [
      'runnel.yaml:2:16: kafka.compression must be none, gzip, snappy, lz4 or zstd: what ${...} put here is not, and is not shown',
    ],
    { SECRET: 'hunter2' },
  );
});

describe('what is too much', () => {
  const deep = (open: string, close: string, times: number) => open.repeat(times) + close.repeat(times);

  check('substitutions within each other', `host: ${deep('${A:-', '}', 30_000)}`, [
    'runnel.yaml:1:107: too many ${ within each other',
  ]);
  check('substitutions within each other, over lines', `host: "${deep('${A:-\n  ', '}', 3000)}"`, [
    'runnel.yaml:1:7: more than 20 ${ within each other: write it with fewer',
  ]);
  check('some are fine', `host: ${'${A:-'.repeat(20)}h${'}'.repeat(20)}`, []);
  check('brackets', `host: ${deep('[', ']', 10_000)}`, [
    'runnel.yaml:1:207: too many brackets and braces within each other',
  ]);
  check('brackets in a text are none', `host: "${'['.repeat(250)}"`, []);
  test('blocks', async () => {
    const [fault, ...more] = await faults('- '.repeat(5000));
    assert.match(fault!, /^runnel\.yaml:1:\d+: is nested too deep$/);
    assert.deepEqual(more, []);
  });
  for (const [what, open, end] of [
    ['not', '{not: ', '}'],
    ['any', '[', ']'],
    ['a test of not', '{line: {not: ', '}}'],
  ] as const) {
    test(`conditions: ${what}`, async () => {
      for (const depth of [30, 60]) {
        const condition = deep(open, end, depth).replace(`${open}${end}`, `${open}{line: {contains: a}}${end}`);
        const [fault, ...more] = await faults(`logs: [{include: /a, process: [{drop: ${condition}}]}]`);
        assert.match(fault!, /^runnel\.yaml:1:\d+: is nested too deep/);
        assert.deepEqual(more, []);
      }
    });
  }
  check('groups of a pattern', `logs: [{include: /a, multiline: {start: '${deep('(', ')', 30_000)}'}}]`, [
    'runnel.yaml:1:41: logs[0].multiline.start has groups within groups, more than 100 deep',
  ]);

  test('faults', async () => {
    const found = await faults('x: 1\n'.repeat(3000).replace(/x/g, () => `x${Math.random()}`));
    assert.equal(found.length, 1001);
    assert.match(found.at(-1)!, /and more, which are not told$/);
  });

  test('what is brought in', async () => {
    const env = { BIG: 'x'.repeat(100_000) };
    const tags = Array.from({ length: 50 }, (_, i) => `t${i}: $\{BIG}`).join(', ');
    const [fault] = await faults(`tags: {${tags}}`.replaceAll('\\', ''), env);
    assert.match(fault!, /what \$\{\.\.\.\} brings in is more than 4 MiB together/);
  });

  test('many aliases take no longer than as many values', async () => {
    const list = Array.from({ length: 5000 }, (_, i) => `&a${i} x, *a${i}`).join(', ');
    const before = performance.now();
    await faults(`host: &h h\nlogs: [${list}]`);
    assert.ok(performance.now() - before < 10_000);
  });
});

describe('what is no file', () => {
  const pipe = (name: string) => assert.equal(spawnSync('mkfifo', [join(root, String(count), name)]).status, 0);

  test('is not waited for, in conf.d, in ${file:...}', async () => {
    const path = write({ 'runnel.yaml': 'host: ${file:pipe}\ntags: {a: "${file:/proc/kmsg}"}', 'conf.d/b.yaml': '' });
    pipe('pipe');
    pipe('conf.d/a.yaml');
    symlinkSync('/dev/zero', join(root, String(count), 'conf.d/c.yaml'));
    const error = (await loadConfig(path).catch((thrown) => thrown)) as ConfigError;
    assert.deepEqual(
      error.faults.map(({ message }) => message.replaceAll(join(root, String(count), '/'), '')).slice(0, 1),
      ['cannot read pipe: it is no regular file'],
    );
    const conf = error.faults.filter(({ message }) => message.startsWith('cannot read the configuration'));
    assert.deepEqual(
      conf.map(({ message }) => message),
      Array(2).fill('cannot read the configuration: it is no regular file'),
    );
  });

  test('is read to its end where it is named itself', async () => {
    const path = write({ 'x/y': '' }).replace(/runnel\.yaml$/, 'pipe');
    pipe('pipe');
    const [{ config }] = await Promise.all([loadConfig(path), writeFile(path, 'host: piped')]);
    assert.equal(config.host, 'piped');
    await assert.rejects(loadConfig('/dev/zero'), /larger than 4 MiB/);
  });

  test('files of /proc are read, which do not say how long they are', async () => {
    const { config } = await load('host: ${file:/proc/sys/kernel/ostype}');
    assert.equal(config.host, 'Linux');
  });
});

const asRoot = { skip: process.getuid?.() !== 0 && 'NOT TESTED: needs root, to be told from others' };

describe('what others may write is refused as root', asRoot, () => {
  const OTHER = 65_534;
  const place = (name: string) => join(root, String(count), name);
  const unsafe = (what: string, spoil: () => void, expected: string[]) => {
    test(what, async () => {
      const path = write({ 'runnel.yaml': 'host: ${file:secrets/host}', 'secrets/host': 'h', 'conf.d/a.yaml': '' });
      spoil();
      const error = await loadConfig(path).catch((thrown) => thrown);
      const found = error instanceof ConfigError ? error.message.replaceAll(`${root}/${count}`, '.').split('\n') : [];
      assert.deepEqual(found, expected);
    });
  };

  unsafe('nothing is', () => undefined, []);
  unsafe('the file', () => chmodSync(place('runnel.yaml'), 0o666), [
    './runnel.yaml:1:1: ./runnel.yaml may be written by everybody: chmod go-w ./runnel.yaml',
  ]);
  unsafe('a file of conf.d, by a group', () => spoilGroup(place('conf.d/a.yaml'), 0o664), [
    './conf.d/a.yaml:1:1: ./conf.d/a.yaml may be written by group 65534: chmod go-w ./conf.d/a.yaml',
  ]);
  unsafe('a file of conf.d, by its owner', () => chownSync(place('conf.d/a.yaml'), OTHER, OTHER), [
    './conf.d/a.yaml:1:1: ./conf.d/a.yaml belongs to user 65534, who may change it: chown root ./conf.d/a.yaml',
  ]);
  unsafe('conf.d, also where files in it cannot be replaced', () => chmodSync(place('conf.d'), 0o1777), [
    './conf.d:1:1: ./conf.d may be written by everybody: chmod go-w ./conf.d',
  ]);
  unsafe('conf.d of another user', () => chownSync(place('conf.d'), OTHER, OTHER), [
    './conf.d:1:1: ./conf.d belongs to user 65534, who may change it: chown root ./conf.d',
  ]);
  unsafe('what ${file:...} names', () => chmodSync(place('secrets/host'), 0o602), [
    './runnel.yaml:1:7: cannot read ./secrets/host: ./secrets/host may be written by everybody: chmod go-w ./secrets/host',
  ]);
  unsafe('the directory of it', () => chmodSync(place('secrets'), 0o777), [
    './runnel.yaml:1:7: cannot read ./secrets/host: ./secrets, in which it lies, may be written by everybody: chmod go-w ./secrets',
  ]);
  unsafe('where others may only add files', () => chmodSync(place('secrets'), 0o1777), []);
  unsafe('a group of root, and what others own above it', () => {
    chmodSync(place('runnel.yaml'), 0o664);
    chownSync(place('secrets'), OTHER, OTHER);
  }, []);

  function spoilGroup(path: string, mode: number): void {
    chownSync(path, 0, OTHER);
    chmodSync(path, mode);
  }
});

describe('faults of one value', () => {
  const wrong = (yaml: string, message: string) => check(yaml.replaceAll('\n', ' '), yaml, [message]);

  wrong('kafka:\n  linger: 50', 'runnel.yaml:2:11: kafka.linger needs a unit, for example 50ms');
  wrong('kafka: {linger: soon}', 'runnel.yaml:1:17: kafka.linger must be a duration, for example 50ms, not "soon"');
  wrong('kafka: {linger: 2m}', 'runnel.yaml:1:17: kafka.linger must be at most 1m, not "2m"');
  wrong('kafka: {linger: 5sec}', 'runnel.yaml:1:17: kafka.linger has an unknown unit sec: use ms, s, m, h or d');
  wrong('spool: {max_size: 20mib}', 'runnel.yaml:1:19: spool.max_size has an unknown unit mib: did you mean MiB?');
  wrong('spool: {max_size: 1024}', 'runnel.yaml:1:19: spool.max_size needs a unit, for example 1024KiB');
  wrong(
    'statsd: {max_contexts: 1e5}',
    'runnel.yaml:1:24: statsd.max_contexts must be a whole number from 1 to 2000000, not "1e5"',
  );
  wrong('statsd: {max_contexts: 0}', 'runnel.yaml:1:24: statsd.max_contexts must be from 1 to 2000000, not "0"');
  wrong(
    'statsd: {percentiles: 95}',
    'runnel.yaml:1:23: statsd.percentiles[0] must lie between 0 and 1, both excluded: write 0.95 for the 95th percentile',
  );
  wrong(
    'statsd: {listen: 127.0.0.1:8125}',
    'runnel.yaml:1:18: statsd.listen[0] needs udp:// and an address: write udp://127.0.0.1:8125',
  );
  wrong(
    'statsd: {listen: [upd://a:1]}',
    'runnel.yaml:1:19: statsd.listen[0] has an unknown scheme upd://: use udp, tcp, unixgram or unixstream; did you mean udp?',
  );
  wrong(
    'statsd: {listen: [udp://0.0.0.0]}',
    'runnel.yaml:1:19: statsd.listen[0] needs a port, for example udp://127.0.0.1:8125',
  );
  wrong('admin: {listen: 127.0.0.1}', 'runnel.yaml:1:17: admin.listen needs a port, for example 127.0.0.1:8687');
  wrong('kafka: {brokers: [a:99999]}', 'runnel.yaml:1:19: kafka.brokers[0] must have a port from 0 to 65535');
  wrong('kafka: {brokers: ["kafka://a"]}', 'runnel.yaml:1:19: kafka.brokers[0] must be host:port without kafka://');
  wrong('kafka: {create_topics: yes}', 'runnel.yaml:1:24: kafka.create_topics must be true or false, not "yes"');
  wrong(
    'kafka: {compression: zst}',
    'runnel.yaml:1:22: kafka.compression must be none, gzip, snappy, lz4 or zstd, not "zst"; did you mean zstd?',
  );
  wrong(
    'kafka: {topic_prefix: "a b"}',
    `runnel.yaml:1:23: kafka.topic_prefix must be 1 to 249 letters, digits, '.', '_' or '-', not "a b"`,
  );
  wrong('data_dir: data', 'runnel.yaml:1:11: data_dir must be an absolute path, beginning with /, not "data"');
  wrong(
    'logs: [{include: "/a/[b"}]',
    'runnel.yaml:1:18: logs[0].include[0] has a [ that is not closed; a literal one is written \\[',
  );
  wrong(
    'logs: [{include: "/a/{b"}]',
    'runnel.yaml:1:18: logs[0].include[0] has a { that is not closed; a literal one is written \\{',
  );
  wrong(
    'logs: [{include: "/a/[z-a].log"}]',
    'runnel.yaml:1:18: logs[0].include[0] has [z-a], which names no characters: from lower to higher, as [a-z]',
  );
  wrong(
    'logs: [{include: log/a}]',
    'runnel.yaml:1:18: logs[0].include[0] must be an absolute path or glob, beginning with /, not "log/a"',
  );
  wrong(
    'logs: [{include: ~/log/*}]',
    'runnel.yaml:1:18: logs[0].include[0] must be an absolute path or glob, beginning with /, not "~/log/*": it begins with ~, which is not replaced; write ${HOME}: ${HOME}/log/*',
  );
  wrong('logs: [{include: /a/b/..}]', 'runnel.yaml:1:18: logs[0].include[0] names no file: it ends in a directory');
  wrong('logs: [{include: /}]', 'runnel.yaml:1:18: logs[0].include[0] names no file: it ends in a directory');
  wrong(
    `logs: [{include: /a/${'x'.repeat(256)}}]`,
    'runnel.yaml:1:18: logs[0].include[0] has a name that is longer than 255 bytes, as no file has',
  );
  wrong(
    'logs: [{include: /a/*.log, exclude: "debug\\\\.log$"}]',
    'runnel.yaml:1:37: logs[0].exclude[0] can match nothing that include names: it looks like a regular expression; a glob names the whole, with * for any characters: *debug.log',
  );
  wrong(
    'logs: [{include: /a/*.log, exclude: [/a/]}]',
    'runnel.yaml:1:38: logs[0].exclude[0] leaves out all that logs[0].include[0] names: take out one of the two',
  );
  wrong('logs: [{include: /a, exclude: ./}]', 'runnel.yaml:1:31: logs[0].exclude[0] names nothing');
  wrong(
    `logs: [{include: "/a/${'{b,'.repeat(30)}${'}'.repeat(30)}"}]`,
    'runnel.yaml:1:18: logs[0].include[0] has braces within braces, more than 20 deep',
  );
  wrong(
    `logs: [{include: "/a/${'{b,c}'.repeat(30)}"}]`,
    'runnel.yaml:1:18: logs[0].include[0] stands for more than 4096 patterns: write fewer alternatives, or * and exclude the rest',
  );
  wrong(
    `logs: [{include: "/a/${'*b'.repeat(20_000)}"}]`,
    'runnel.yaml:1:18: logs[0].include[0] has a name that is longer than 255 bytes, as no file has',
  );
  wrong(
    'logs: [{include: /a, max_line: 1MiB}]',
    'runnel.yaml:1:32: logs[0].max_line must be at most 900000B, not "1MiB"',
  );
  wrong('host: ""', 'runnel.yaml:1:7: host must not be empty');
  wrong('metrics: {host: none}', 'runnel.yaml:1:17: metrics.host must be false or a map, not "none"');
  wrong('metrics: {host: {cpus: true}}', 'runnel.yaml:1:18: unknown key cpus in metrics.host: did you mean cpu?');
});

describe('faults of form', () => {
  const wrong = (yaml: string, ...messages: string[]) => check(yaml.replaceAll('\n', ' '), yaml, messages);

  wrong('kafak: {}', 'runnel.yaml:1:1: unknown key kafak: did you mean kafka?');
  wrong(
    'spool:\n  xyzzy: 1',
    'runnel.yaml:2:3: unknown key xyzzy in spool: known keys are max_size, when_full, sync, max_age',
  );
  wrong(
    'kafka: {brokers: a, sasl: {username: u, password:hunter2}}',
    'runnel.yaml:1:41: unknown key password:... in kafka.sasl: put a space after the colon',
  );
  wrong('tags: [a]', 'runnel.yaml:1:7: tags must be a map, for example {env: prod}, not a list');
  wrong('kafka: a:9092', 'runnel.yaml:1:8: kafka is a map: write kafka: {brokers: a:9092}');
  wrong('logs: {include: /a}', 'runnel.yaml:1:7: logs is a list: write logs: [{include: ...}]');
  wrong('logs: [/a]', 'runnel.yaml:1:8: logs[0] is a map: write {include: /a}');
  wrong(
    'logs: [{name: a}]',
    'runnel.yaml:1:8: logs[0] needs include: files to read: absolute paths or globs (*, ?, [a-z], {a,b}, and ** for any depth)',
  );
  wrong('logs:\n  -\n', 'runnel.yaml:2:4: logs[0] is empty');
  wrong('host: [a]', 'runnel.yaml:1:7: host must be a single value (text), for example web-1, not a list');
  wrong('just text', 'runnel.yaml:1:1: the file must be a map with keys such as host, not a single value');
  wrong('host: a\nhost: b', 'runnel.yaml:2:1: host is set twice: here and at runnel.yaml:1:1');
  wrong(
    'a: b: c',
    'runnel.yaml:1:4: a second key on this line: begin a new line for it, indented, or take quotes where it is a text with ": " in it',
  );
  wrong('kafka:\n\tlinger: 5ms', 'runnel.yaml:2:1: a tab indents this line: YAML wants spaces');
  wrong(
    'host: a\n---\nhost: b',
    'runnel.yaml:2:1: a second document begins here: one file holds one; put the rest into conf.d',
  );
  wrong('host: *x', 'runnel.yaml:1:7: this alias has no anchor: a text that begins with * needs quotes');
  wrong(
    'kafka: {tls: }',
    "runnel.yaml:1:9: kafka.tls is empty: write tls: {} for the system's certificates, or leave it out",
  );
});

describe('faults between options', () => {
  check('two inputs of one name', 'logs: [{name: a, include: /1}, {name: a, include: /2}]', [
    'runnel.yaml:1:39: logs[1].name is that of logs[0] too: names are unique',
  ]);
  check('half a certificate', 'kafka: {brokers: a, tls: {cert_file: /c}}', [
    'runnel.yaml:1:38: kafka.tls.cert_file needs kafka.tls.key_file beside it',
  ]);
  check('half a login', 'kafka: {brokers: a, sasl: {username: u}}', [
    'runnel.yaml:1:27: kafka.sasl needs password: the secret that goes with the name',
  ]);
  check('a login whose secret is not set is one fault', 'kafka: {brokers: a, sasl: {username: u, password: ${P}}}', [
    'runnel.yaml:1:51: the environment variable P is not set: set it, or write ${P:-default}',
  ]);
  check('a login without a mechanism', 'kafka: {brokers: a, sasl: {token_file: /t}}', [
    'runnel.yaml:1:27: kafka.sasl needs username: who the agent logs in as',
    'runnel.yaml:1:27: kafka.sasl needs password: the secret that goes with the name',
    'runnel.yaml:1:40: kafka.sasl.token_file is not for mechanism: scram-sha-512: leave it out, or name another mechanism',
  ]);
  const oauth = (more: string) => `kafka: {brokers: a, sasl: {mechanism: oauthbearer${more}}}`;
  check('no token', oauth(''), [
    'runnel.yaml:1:27: kafka.sasl needs token_file: a file that holds a token, or token_url: where one is had',
  ]);
  check('nobody who asks for a token', oauth(', token_url: https://a/b'), [
    'runnel.yaml:1:27: kafka.sasl needs client_id: who asks for the token',
    'runnel.yaml:1:27: kafka.sasl needs client_secret: the secret that goes with client_id',
  ]);
  check('two tokens', oauth(', token_url: https://a/b, client_id: c, client_secret: s, token_file: /t'), [
    'runnel.yaml:1:120: kafka.sasl.token_file contradicts token_url: a token is had from one of the two',
  ]);
  check('what is no URL', oauth(', token_url: a.example, client_id: c, client_secret: s'), [
    'runnel.yaml:1:63: kafka.sasl.token_url must be a URL, for example https://login.example.com/oauth2/token, not "a.example"',
  ]);
  check('AWS without a region', 'kafka: {brokers: a, tls: {}, sasl: {mechanism: aws-msk-iam}}', [
    "runnel.yaml:1:36: kafka.sasl needs region: the cluster's region, for example eu-central-1",
  ]);
  check('AWS without TLS', 'kafka: {brokers: a, sasl: {mechanism: aws-msk-iam, region: r}}', [
    'runnel.yaml:1:27: kafka.sasl with aws-msk-iam needs TLS: write tls: {} beside it',
  ]);
  check('TLS without brokers', 'kafka: {tls: {}}', [
    'runnel.yaml:1:14: kafka.tls is set, but kafka.brokers is empty: name the brokers',
  ]);
  check(
    'records where the positions are',
    'kafka: {delivery: exactly_once}\nlogs: [{include: /a, topic: runnel.positions}]\nmetrics: {topic: runnel.positions}',
    [
      'runnel.yaml:2:29: logs[0].topic is where exactly_once keeps the positions',
      'runnel.yaml:3:18: metrics.topic is where exactly_once keeps the positions',
    ],
  );
  check('more topics than memory', 'buffer_memory: 10MiB\nlogs: [{include: /1}, {include: /2, topic: t}]', [
    'runnel.yaml:1:16: buffer_memory must be at least 14MiB for 3 topics',
  ]);
  check(
    'fields that need more memory',
    'buffer_memory: 10MiB\nlogs: [{include: /1, process: [{parse: json}]}, {include: /2, process: [{parse: none}]}]',
    [
      'runnel.yaml:1:16: buffer_memory must be at least 13MiB for 2 topics, and 2 inputs with fields, patterns or mask: leave it out, and it is what is needed',
    ],
  );
  check(
    'they are told beside faults of single values',
    'buffer_memory: 9MiB\nkafka: {linger: 1, sasl: {}}\nlogs: [{include: [x, /y]}]',
    [
      'runnel.yaml:1:16: buffer_memory must be at least 10MiB for 2 topics',
      'runnel.yaml:2:17: kafka.linger needs a unit, for example 1ms',
      'runnel.yaml:2:26: kafka.sasl needs username: who the agent logs in as',
      'runnel.yaml:2:26: kafka.sasl needs password: the secret that goes with the name',
      'runnel.yaml:2:26: kafka.sasl is set, but kafka.brokers is empty: name the brokers',
      'runnel.yaml:3:19: logs[0].include[0] must be an absolute path or glob, beginning with /, not "x"',
    ],
  );
});

describe('lines', () => {
  check('multiline without a pattern', 'logs: [{include: /a, multiline: {max_lines: 3}}]', [
    "runnel.yaml:1:33: logs[0].multiline needs start, continue or end, for example start: '^\\d{4}-'",
  ]);
  check('a pattern that may explode', "logs:\n  - include: /a\n    multiline: {start: '(a+)+\\1'}", [
    'runnel.yaml:3:30: logs[0].multiline.start may take very long on some lines: with \\1 it cannot be matched in linear time; write it without, or so that it begins with ^ and repeats less',
  ]);
  check('a pattern that is none', 'logs:\n  - include: /a\n    multiline: {continue: "("}', [
    'runnel.yaml:3:29: logs[0].multiline.continue is no regular expression: Unterminated group',
  ]);
  for (const [written, where] of [
    ['"\\t\\x41\\u00e9("', '3:41'],
    ["'it''s('", '3:34'],
    ['ab(', '3:30'],
  ]) {
    check(`the place in ${written}`, `logs:\n  - include: /a\n    multiline: {continue: ${written}}`, [
      `runnel.yaml:${where}: logs[0].multiline.continue is no regular expression: Unterminated group`,
    ]);
  }
  check('and in a block', 'logs:\n  - include: /a\n    multiline:\n      continue: |-\n        ab\n        c(', [
    'runnel.yaml:6:11: logs[0].multiline.continue is no regular expression: Unterminated group',
  ]);
  check('a max_line that UTF-16 leaves no room for', 'logs: [{include: /a, encoding_in: utf-16le, max_line: 400KiB}]', [
    'runnel.yaml:1:55: logs[0].max_line must be at most 341KiB with encoding_in: utf-16le',
  ]);
  check('and a max_bytes', 'logs: [{include: /a, encoding_in: latin1, multiline: {end: x, max_bytes: 600KiB}}]', [
    'runnel.yaml:1:74: logs[0].multiline.max_bytes must be at most 511KiB with encoding_in: latin1',
  ]);

  test('formats, encodings and multiline are taken, with their defaults', async () => {
    const { config } = await load(
      'logs: [{include: /a, format: cri, encoding_in: utf-16be, multiline: {continue: "^ ", end: x}}]',
    );
    const [log] = config.logs;
    assert.deepEqual(log?.multiline, { continue: '^ ', end: 'x', max_lines: 500, max_bytes: 262_144, timeout: 2000 });
  });
});

describe('labels of raw records', () => {
  const taken = 'is a header of its own with encoding: raw: call the label otherwise than path';
  check('of an input', 'logs: [{include: /a, encoding: raw, tags: {path: x}}]', [
    `runnel.yaml:1:50: logs[0].tags.path ${taken}`,
  ]);
  check('of all records', 'tags: {path: x}\nlogs: [{include: /a, encoding: raw}]', [
    `runnel.yaml:1:14: tags.path ${taken}`,
  ]);
});

describe('statsd.listen', () => {
  const refused = (entry: string, said: string) =>
    check(entry, `statsd: {listen: [${entry}]}`, [`runnel.yaml:1:${said}`]);
  refused('{adress: udp://h:1}', '28: statsd.listen[0].adress is not known here: did you mean address?');
  refused(
    '{address: udp://h:1, dialect: statds}',
    '49: statsd.listen[0].dialect must be dogstatsd or statsd: did you mean statsd?',
  );
  refused(
    '{origin: true}',
    '19: statsd.listen[0] needs an address, for example {address: unixgram:///run/runnel/statsd.sock}',
  );
  refused(
    '{address: upd://h:1}',
    '29: statsd.listen[0].address has an unknown scheme upd://: use udp, tcp, unixgram or unixstream; did you mean udp?',
  );
  refused(
    '{address: udp://h:1, origin: true}',
    '48: statsd.listen[0].origin is known of paths only: use unixgram:///path or unixstream:///path',
  );
});

describe('files', () => {
  test('a file that is not there is one clear fault', async () => {
    await assert.rejects(loadConfig('/nowhere/runnel.yaml'), {
      message: '/nowhere/runnel.yaml:1:1: cannot read the configuration: there is no such file',
    });
  });

  test('a directory, and bytes that are no text, are refused', async () => {
    await assert.rejects(loadConfig(root), /cannot read the configuration: it is a directory/);
    const path = write('');
    writeFileSync(path, Buffer.from([0x68, 0xff, 0xfe]));
    await assert.rejects(loadConfig(path), /1:1: is not UTF-8 text/);
  });

  test('a bomb of aliases ends in a fault, soon', async () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 12; i++)
      lines.push(
        `a${i}: &a${i} [${Array(9)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      );
    const told = await faults(lines.join('\n'));
    assert(told.some((line) => line.includes('grows too large')));
    assert(told.length < 20);
  });

  test('an anchor that holds itself ends in a fault', async () => {
    assert.match((await faults('tags: &a {x: *a}')).join(), /nested too deep/);
  });

  test('the hash follows the files, not the environment', async () => {
    const path = write('host: ${X}');
    const one = await loadConfig(path, { env: { X: '1' } });
    const two = await loadConfig(path, { env: { X: '2' } });
    assert.equal(one.hash, two.hash);
    writeFileSync(path, 'host: x');
    assert.notEqual((await loadConfig(path)).hash, one.hash);
  });

  test('a password that everyone can read, and unchecked certificates, are warnings', async () => {
    const path = write('kafka: {brokers: a, tls: {insecure: true}, sasl: {username: u, password: hunter2}}');
    chmodSync(path, 0o644);
    const { warnings } = await loadConfig(path);
    assert.equal(warnings.length, 2);
    assert(!warnings.join().includes('hunter2'));
    chmodSync(path, 0o640);
    assert.equal((await loadConfig(path)).warnings.length, 1);
  });

  test('what the files set can be told from defaults', async () => {
    const { isSet } = await load('statsd: {listen: udp://127.0.0.1:1}\nadmin:\n  listen:\n');
    assert.equal(isSet('statsd.listen'), true);
    assert.equal(isSet('admin.listen'), false);
    assert.equal(isSet('spool.sync'), false);
  });
});
