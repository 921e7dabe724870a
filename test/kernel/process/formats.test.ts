/** Formats of lines in the kernel: tables of what stands in them, and mutated lines against twins in TypeScript. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAIRS_ROOM, placeWords, quotesRoom, STRUCTURED_ROOM } from '../../../src/kernel/process/formats.ts';
import { placeSteps } from '../../../src/kernel/process/time.ts';
import { placeWordTable } from '../../../src/kernel/process/words.ts';
import { timeSteps } from '../../../src/transforms/time-pattern.ts';
import { arena, clock, mutated, type Values } from '../../support/format-lab.ts';
import { parserOf } from '../../support/format-parser.ts';
import { accessTwin } from '../../support/format-twin.ts';
import { csvTwin, klogTwin, logfmtTwin, syslogTwin } from '../../support/syslog-twin.ts';

const NOW = Date.UTC(2026, 10, 30, 22);
clock.useClock(NOW);
const LATEST = NOW + 3_600_000;
clock.useLatest(LATEST);

type Parser = ReturnType<typeof parserOf>;
const ACCESS = 'address ident user method url version status bytes referrer agent rest claimed domain port'.split(' ');
const [access, hosts] = [0, 1].map((vhost) =>
  [0, 1].map((combined) =>
    [0, 1].map((rest) => parserOf({ parser: 'access', options: [combined, rest, vhost, quotesRoom(arena)] }, ACCESS)),
  ),
) as [Parser[][], Parser[][]];

/** Mutated lines of each format; test/proof asks for more. */
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 4000);

function fuzz(
  seeds: readonly string[],
  signs: string,
  parse: (line: Buffer) => Values | null,
  twin: (line: string) => Values | null,
): void {
  let accepted = 0;
  clock.useLatest(Number.MAX_SAFE_INTEGER);
  for (let i = 0; i < ROUNDS; i++) {
    const line = mutated(seeds[i % seeds.length]!, signs);
    const wanted = twin(line);
    const plain = wanted && Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
    assert.deepEqual(parse(Buffer.from(line, 'latin1')), plain, JSON.stringify(line));
    if (wanted) accepted++;
  }
  clock.useLatest(LATEST);
  assert.ok(accepted > ROUNDS / 20 && accepted < ROUNDS * 0.9, `${accepted} of ${ROUNDS} are of the format`);
}

const COMMON = '127.0.0.1 - frank [10/Oct/2025:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326';
const COMBINED = `${COMMON} "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"`;

test('access logs: a line with all of its fields', () => {
  assert.deepEqual(access[1]![0]!(COMBINED), {
    '@timestamp': '2025-10-10T20:55:36.000Z',
    address: '127.0.0.1',
    user: 'frank',
    method: 'GET',
    url: '/apache_pb.gif',
    version: '1.0',
    status: 200,
    bytes: 2326,
    referrer: 'http://www.example.com/start.html',
    agent: 'Mozilla/4.08 [en] (Win98; I ;Nav)',
  });
  assert.equal(access[0]![0]!(COMBINED), null);
  assert.equal(access[1]![0]!(COMMON), null);
  // A clock that is wrong.
  const ahead = COMMON.replace('2025', '2099');
  assert.deepEqual(access[0]![0]!(ahead)?.claimed, '10/Oct/2099:13:55:36 -0700');
  assert.equal(access[0]![0]!(ahead)?.['@timestamp'], undefined);
});

test('access logs: any line is read as its twin reads it', () => {
  const seeds = [
    COMBINED,
    COMMON,
    '::1 - - [01/Jan/2026:00:00:00 +0000] "-" 400 - "-" ""',
    `1.2.3.4 id John Doe [29/Feb/2024:23:59:60 +0530] "POST /a b?c=\\"d\\" HTTP/2" 204 0 "\\\\" "a \\"b\\" \\x16"`,
    `${COMBINED} "10.0.0.1" 0.005`,
    '1.2.3.4 - - [21/Sep/2026:14:13:20 +0000] "\\x16\\x03\\x01" 400 150',
    `a"b - - [21/Sep/2026:14:13:20 +0000] "GET /${'a'.repeat(120)} HTTP/1.1" 200 123456789012 "-" "${'x'.repeat(70)}"`,
    `1.2.3.4 - - [21/Sep/2026:14:13:20 +0000] "GET /${'b'.repeat(1100)} HTTP/1.1" 200 5 "-" "é"`,
  ];
  const behind = (...words: string[]) => seeds.map((seed, i) => `${words[i % words.length]} ${seed}`);
  const plain = [...seeds, ...behind('10.0.0.2,', 'shop.example')];
  const withHosts = [...behind('shop.example:443'), ...behind('shop.example', 'db:08'), ...behind('a:1 10.0.0.2,')];
  const signs = '"\\ []-/:+,0129aH';
  for (const combined of [0, 1]) {
    for (const rest of [0, 1]) {
      const read = [access, hosts].map((parsers) => parsers[combined]![rest]!) as [Parser, Parser];
      fuzz(plain, signs, read[0], (line) => accessTwin(line, combined === 1, rest === 1));
      fuzz(withHosts, signs, read[1], (line) => accessTwin(line, combined === 1, rest === 1, true));
    }
  }
});

const SYSLOG = 'message priority facility severity version host app pid msgid structured level claimed'.split(' ');
const levels = placeWords(
  arena,
  [0, 1, 2, 3, 4, 5, 6, 7].map((i) => `level${i}`),
);
const syslog = parserOf({ parser: 'syslog', options: [levels, arena.reserve(STRUCTURED_ROOM)] }, SYSLOG);

test('syslog: what programs and files write', () => {
  const check = (line: string, wanted: Values | null) => assert.deepEqual(syslog(line), wanted, line);
  const sep = '2026-09-21T14:13:20.000Z';
  check("<34>Sep 21 14:13:20 mymachine su: 'su root' failed for lonvick on /dev/pts/8", {
    ...{ '@timestamp': sep, priority: 34, facility: 4, severity: 2, level: 'level2', host: 'mymachine', app: 'su' },
    message: "'su root' failed for lonvick on /dev/pts/8",
  });
  check('Sep 21 14:13:20 web-1 sshd[4242]: Accepted publickey for ops from 10.0.0.7 port 52144 ssh2', {
    ...{ '@timestamp': sep, host: 'web-1', app: 'sshd', pid: '4242' },
    message: 'Accepted publickey for ops from 10.0.0.7 port 52144 ssh2',
  });
  check('Sep  1 04:02:11 web-1 su(pam_unix)[99]: session opened', {
    ...{ '@timestamp': '2026-09-01T04:02:11.000Z', host: 'web-1', app: 'su(pam_unix)', pid: '99' },
    message: 'session opened',
  });
  check('Dec 10 06:55:46 web-1 kernel:  BIOS-e820: 0000 (usable)', {
    ...{ '@timestamp': '2025-12-10T06:55:46.000Z', host: 'web-1', app: 'kernel', message: ' BIOS-e820: 0000 (usable)' },
  });
  check('Sep 21 14:13:20 web-1 syslogd 1.4.1: restart.', {
    '@timestamp': sep,
    host: 'web-1',
    app: 'syslogd 1.4.1',
    message: 'restart.',
  });
  check('Sep 21 14:13:20 web-1 last message repeated 2 times', {
    '@timestamp': sep,
    host: 'web-1',
    message: 'last message repeated 2 times',
  });
  check('Sep 21 14:13:20 web-1 -- MARK --', { '@timestamp': sep, host: 'web-1', message: '-- MARK --' });
  check('Sep 21 14:13:20 mac com.apple.xpc.launchd[1] (com.apple.x[38]): gone', {
    ...{ '@timestamp': sep, host: 'mac', app: 'com.apple.xpc.launchd', pid: '1', message: '(com.apple.x[38]): gone' },
  });
  check('Sep 21 14:13:20 mac Some App He[7]: x', {
    '@timestamp': sep,
    host: 'mac',
    app: 'Some App He',
    pid: '7',
    message: 'x',
  });
  check('<13>Sep 21 14:13:20 logger: no host', {
    ...{
      '@timestamp': sep,
      priority: 13,
      facility: 1,
      severity: 5,
      level: 'level5',
      app: 'logger',
      message: 'no host',
    },
  });
  check('2026-09-21T16:13:20.123456+02:00 web-1 systemd[1]: Started x.', {
    ...{ '@timestamp': '2026-09-21T14:13:20.123Z', host: 'web-1', app: 'systemd', pid: '1', message: 'Started x.' },
  });
  const ietf = '1 2026-09-21T14:13:20Z host app 7 ID47 [a@1 b="c" d="\\"\\]\\\\\\n"][e][a@1 b="f"] \ufeffall';
  const found = {
    ...{ '@timestamp': sep, version: '1', host: 'host', app: 'app', pid: '7', msgid: 'ID47', message: 'all' },
    structured: { 'a@1': { b: ['c', 'f'], d: '"]\\\\n' }, e: {} },
  };
  check(ietf, found);
  check(`83 <191>${ietf}`, { ...found, priority: 191, facility: 23, severity: 7, level: 'level7' });
  check('<0>1 - - - - - -', { priority: 0, facility: 0, severity: 0, level: 'level0', version: '1', message: '' });
  for (const line of [
    '',
    '<34>',
    '<192>Sep 21 14:13:20 a b',
    '<34>hello',
    'Sep 31 14:13:20 a b',
    '1 - - - - - [a b="c] x',
    '1 x - - - - -',
    '<1>0 - - - - - -',
    '1 - - - - - [a b="c"]x',
  ]) {
    check(line, null);
  }
});

test('syslog: any line is read as its twin reads it', () => {
  const seeds = [
    '<34>Sep 21 14:13:20 mymachine su[12]: failed',
    'Dec  1 04:02:11 web-1 Some App[99] (x): session opened',
    'Feb 29 2024 04:02:11.123456 web-1 syslogd 1.4.1: restart',
    '2026-09-21T16:13:20.123456+02:00 web-1 systemd[1]: Started x.',
    '83 <165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [x@3 iut="3" eve="App\\"l" iut="4"][y] an event',
    '1 - host app 1 - - \xef\xbb\xbfm',
  ];
  fuzz(
    seeds,
    '<>[]"\\=: -()0129.',
    (line) => syslog(line),
    (line) => syslogTwin(line, NOW),
  );
});

const KLOG = ['level', 'pid', 'file', 'line', 'message', 'claimed'];
const klog = parserOf({ parser: 'klog', options: [placeSteps(arena, timeSteps('%m%d %H:%M:%S%?f')), levels] }, KLOG);

test('klog: any line is read as its twin reads it', () => {
  assert.deepEqual(klog('E0921 14:13:20.123456   12345 server.go:123] "Failed" err="x"'), {
    ...{ '@timestamp': '2026-09-21T14:13:20.123Z', level: 'level2', pid: 12345, file: 'server.go', line: 123 },
    message: '"Failed" err="x"',
  });
  const seeds = ['I0921 14:13:20.123456   12345 file.go:123] message', 'F1130 00:00:00.000001 1 a/b.cc:7] '];
  fuzz(seeds, 'IWEFX:.] 0129', klog, (line) => klogTwin(line, NOW));
});

test('csv: any line is read as its twin reads it', () => {
  for (const separator of [',', ';', '\t']) {
    const names = ['a', 'b', 'c'];
    const csv = parserOf({ parser: 'csv', options: [separator.charCodeAt(0)] }, names);
    assert.deepEqual(csv(['1', '"x ""y"""', ''].join(separator)), { a: '1', b: 'x "y"', c: '' });
    for (const line of ['1', '1,2', '1,2,3,4', '1,2,"3', '1,"2"x,3', '1,2"2,3'].map((text) =>
      text.replaceAll(',', separator),
    )) {
      assert.equal(csv(line), null, line);
    }
    const seeds = ['one,two,three', '"o,ne","t""wo",', ',,"three and more than sixteen ""bytes"" of it"'];
    fuzz(
      seeds.map((seed) => seed.replaceAll(',', separator)),
      `"${separator} a`,
      csv,
      (line) => csvTwin(line, names, separator),
    );
  }
});

test('logfmt: any line is read as its twin reads it', () => {
  const names = ['level', 'a_name_that_is_long'];
  const known = names.map((name, i): [string, [number, number]] => [name, [i + 2, 0]]);
  const table = placeWordTable(arena, new Map([...known, ['host', [0, 1]]]));
  const room = arena.reserve(PAIRS_ROOM);
  const parser = (pair: string, assign: string) =>
    parserOf({ parser: 'logfmt', options: [pair.charCodeAt(0), assign.charCodeAt(0), table, room] }, [
      'pairs',
      'conflicts',
      ...names,
    ]);
  const logfmt = parser(' ', '=');
  assert.deepEqual(logfmt('ts=1 level=info msg="a \\"b\\" \\u00e4\\n" word x= level=warn ts=2'), {
    level: 'warn',
    pairs: { ts: '2', msg: 'a "b" \xc3\xa4\n', word: true, x: '' },
  });
  assert.deepEqual(parser(';', ':')('a: 1 ; b c : "d;e";level:x y;; f '), {
    level: 'x y',
    pairs: { a: '1', 'b c': 'd;e', f: true },
  });
  for (const line of ['', 'no pairs', 'a="open', '=x', '"a"=b', 'a="b"c']) assert.equal(logfmt(line), null, line);
  const most = Array.from({ length: 512 }, (_, i) => `key${i}=${i}`);
  assert.equal(Object.keys(logfmt(most.join(' '))?.pairs as object).length, 512);
  assert.equal(logfmt([...most, 'one_more=1'].join(' ')), null);
  const seeds = [
    'host=a time=2026-09-21T14:13:20Z level=info msg="started \\"x\\"" a_name_that_is_long=1 a=b a=c host=b',
    'word level a= b=c=d "x" \tkey="\\x41\\101\\u20ac\\ud83d\\ude00\\U0001F600\\q"',
  ];
  fuzz(seeds, '=" \\\tauUx012', logfmt, (line) => logfmtTwin(line, names));
});
