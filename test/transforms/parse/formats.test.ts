/** Formats of `parse` that are no JSON, `time` and `level`: records as they go out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processed } from '../../support/processed.ts';

type Document = Record<string, unknown>;
const CREATED = { created: '2026-11-22T14:00:00.123Z' };

/** Lines one by one through these steps. */
function checkAll(steps: unknown[], cases: readonly [line: string, wanted: Document][]): void {
  const records = processed(
    steps,
    cases.map(([line]) => line),
  );
  for (const [i, [line, wanted]] of cases.entries()) assert.deepEqual(records[i], wanted, line);
}

test('combined', () => {
  const line = '10.0.0.1 - bob [30/Oct/2026:22:28:47 +0200] "GET /a?b=c HTTP/1.1" 200 529 "http://r/" "agent \\"x\\""';
  const fields = {
    '@timestamp': '2026-10-30T20:28:47.000Z',
    source: { address: '10.0.0.1' },
    user: { name: 'bob' },
    http: {
      request: { method: 'GET', referrer: 'http://r/' },
      version: '1.1',
      response: { status_code: 200, body: { bytes: 529 } },
    },
    url: { original: '/a?b=c' },
    user_agent: { original: 'agent "x"' },
  };
  const none = { source: { address: '::1' }, http: { response: { status_code: 400, body: { bytes: 0 } } } };
  checkAll(
    [{ parse: 'combined' }],
    [
      [line, { ...fields, event: CREATED }],
      [
        '::1 - - [01/Nov/2026:00:00:00 +0000] "-" 400 0 "" "-"',
        { ...none, '@timestamp': '2026-11-01T00:00:00.000Z', event: CREATED },
      ],
      // A clock that is ahead is not believed, and what it says is kept.
      [
        '::1 - - [23/Nov/2026:00:00:00 +0000] "-" 400 0 "-" "-"',
        { ...none, conflict: { '@timestamp': '23/Nov/2026:00:00:00 +0000' } },
      ],
      [`${line} more`, { message: `${line} more`, error: { type: 'parse' } }],
    ],
  );
  checkAll(
    [{ parse: { combined: { rest: 'more', vhost: true, keep_message: true } } }],
    [
      [
        `shop.example:443 ${line} "10.0.0.2" 0.01`,
        {
          ...fields,
          url: { original: '/a?b=c', domain: 'shop.example', port: 443 },
          more: '"10.0.0.2" 0.01',
          event: { ...CREATED, original: `shop.example:443 ${line} "10.0.0.2" 0.01` },
        },
      ],
    ],
  );
});

test('logfmt', () => {
  checkAll(
    [{ parse: 'logfmt' }, { level: 'level' }, { time: 'ts' }],
    [
      [
        'ts=2026-01-01T00:00:00Z level=INFO msg="a \\"b\\"" word a=1 a=2',
        {
          '@timestamp': '2026-01-01T00:00:00.000Z',
          msg: 'a "b"',
          word: true,
          a: '2',
          log: { level: 'info' },
          event: CREATED,
        },
      ],
      // What has the name of something of the envelope.
      [
        'host=x labels=q log=5 event=3 log.offset=4 @timestamp=1 message=m',
        {
          message: 'm',
          conflict: { host: 'x', labels: 'q', log: '5', event: '3', 'log.offset': '4', '@timestamp': '1' },
        },
      ],
      [
        'log.logger=a log.origin.line=7 event.kind="x y" host.name=h labels.env=q level=INFO b=1',
        {
          b: '1',
          log: { level: 'info', logger: 'a', origin: { line: '7' } },
          event: { kind: 'x y' },
          conflict: { host: { name: 'h' }, labels: { env: 'q' } },
        },
      ],
      [
        'log.logger=a log=5 event.dataset=x event=6 host=y',
        {
          log: { logger: 'a' },
          conflict: { host: 'y', log: '5', event: '6', 'event.dataset': 'x' },
        },
      ],
      ['logs.a=1 hosts.b=2 host.=3', { 'logs.a': '1', 'hosts.b': '2', 'host.': '3' }],
      ['log.logger="open a=1', { message: 'log.logger="open a=1', error: { type: 'parse' } }],
      ['level=99 ts=soon', { level: '99', ts: 'soon' }],
      ['nothing', { message: 'nothing', error: { type: 'parse' } }],
    ],
  );
  checkAll(
    [{ parse: { logfmt: { into: 'app', pair: ';', assign: ':' } } }, { level: 'app.level' }],
    [['level: INFO; msg: a b; host: b', { app: { msg: 'a b', host: 'b' }, log: { level: 'info' } }]],
  );
  // Beside members that there are.
  checkAll(
    [{ parse: 'json' }, { parse: { logfmt: { field: 'msg' } } }],
    [
      ['{"msg":"a=1 b=\\"x \\u00e4\\" c","c":3,"d":4}', { a: '1', b: 'x ä', c: true, d: 4 }],
      ['{"msg":"zz","c":3}', { msg: 'zz', c: 3, error: { type: 'parse' } }],
      ['{"c":3}', { c: 3, error: { type: 'parse' } }],
    ],
  );
});

test('syslog, klog, csv', () => {
  checkAll(
    [{ parse: { syslog: { zone: 'Europe/Berlin' } } }],
    [
      [
        '<34>1 2026-10-11T22:14:15.003Z h app 1 ID [a b="c"] hi',
        {
          '@timestamp': '2026-10-11T22:14:15.003Z',
          message: 'hi',
          log: {
            syslog: {
              ...{
                priority: 34,
                facility: { code: 4 },
                severity: { code: 2 },
                version: '1',
                hostname: 'h',
                appname: 'app',
              },
              ...{ procid: '1', msgid: 'ID', structured_data: { a: { b: 'c' } } },
            },
            level: 'critical',
          },
          event: CREATED,
        },
      ],
      [
        'Oct 11 22:14:15 web-1 sshd[4242]: Accepted publickey for ops',
        {
          '@timestamp': '2026-10-11T20:14:15.000Z',
          message: 'Accepted publickey for ops',
          log: { syslog: { hostname: 'web-1', appname: 'sshd', procid: '4242' } },
          event: CREATED,
        },
      ],
    ],
  );
  checkAll(
    [{ parse: { klog: { zone: 'UTC' } } }],
    [
      [
        'E1011 14:13:20.123456   12345 file.go:123] "Failed" err="x"',
        {
          '@timestamp': '2026-10-11T14:13:20.123Z',
          message: '"Failed" err="x"',
          process: { thread: { id: 12345 } },
          log: { level: 'error', origin: { file: { name: 'file.go', line: 123 } } },
          event: CREATED,
        },
      ],
    ],
  );
  checkAll(
    [{ parse: { csv: { columns: ['ts', 'user.name', 'x'], separator: ';' } } }, { time: 'ts' }],
    [
      [
        '1790000000;"a ""b""";',
        { '@timestamp': '2026-09-21T14:13:20.000Z', user: { name: 'a "b"' }, x: '', event: CREATED },
      ],
      ['1;2', { message: '1;2', error: { type: 'parse' } }],
    ],
  );
});

test('time and level of JSON', () => {
  checkAll(
    [{ parse: 'json' }, { time: '@timestamp' }, { level: { field: 'level', map: { W: 'warning' } } }],
    [
      [
        '{"@timestamp":"2026-01-02T03:04:05.678Z","level":"ERROR"}',
        { '@timestamp': '2026-01-02T03:04:05.678Z', log: { level: 'error' }, event: CREATED },
      ],
      [
        '{"@timestamp":"21\\/Sep\\/2026:14:13:20 +0000","level":" Odd\\u0020"}',
        { '@timestamp': '2026-09-21T14:13:20.000Z', log: { level: 'odd' }, event: CREATED },
      ],
      [
        '{"@timestamp":1767225600.123456,"level":30}',
        { '@timestamp': '2026-01-01T00:00:00.123Z', log: { level: 'info' }, event: CREATED },
      ],
      ['{"@timestamp":"nope","level":"W"}', { conflict: { '@timestamp': 'nope' }, log: { level: 'warning' } }],
      ['{"@timestamp":true,"level":{"a":1}}', { conflict: { '@timestamp': true }, level: { a: 1 } }],
      ['{"@timestamp":-1,"level":35}', { conflict: { '@timestamp': -1 }, level: 35 }],
      ['{"a":1}', { a: 1 }],
    ],
  );
  checkAll(
    [{ parse: 'json' }, { time: { field: 't', format: ['%d.%m.%Y %H:%M', 'iso'], zone: 'Europe/Berlin' } }],
    [
      ['{"t":"1.7.2026 14:00"}', { '@timestamp': '2026-07-01T12:00:00.000Z', event: CREATED }],
      ['{"t":"2026-07-01 14:00:00"}', { '@timestamp': '2026-07-01T12:00:00.000Z', event: CREATED }],
      ['{"t":"1790000000"}', { t: '1790000000' }],
      // More than an hour ahead.
      ['{"t":"2026-11-22T15:00:01Z"}', { t: '2026-11-22T15:00:01Z' }],
    ],
  );
});
