/** Grok: the lines that each pattern is for, and what is said of one that is written wrongly. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pattern } from '../../src/kernel/process/regex.ts';
import { expandGrok } from '../../src/transforms/grok/expand.ts';
import { GROK_PATTERNS } from '../../src/transforms/grok/names.ts';
import { regexBench } from '../support/regex-fuzz.ts';

const { regex, room, bytes, at } = regexBench();

/** The fields, as texts, or null. As Logstash leaves them out, those that are empty are not there. */
function grok(text: string, line: string, search = false, definitions?: ReadonlyMap<string, string>) {
  const { source, fields } = expandGrok(text, definitions);
  const pattern = new Pattern(source, { search, captures: 'named' });
  room.clear();
  const program = pattern.place(room);
  const found = regex.match(program, pattern.groups.length, at, at + bytes.write(line, at));
  assert.equal(regex.takeGaveUp(), 0, line);
  if (!found) return null;
  const of: Record<string, string> = {};
  for (const [i, { name }] of fields.entries()) {
    const span = found[i + 1];
    if (span && span[1] > span[0]) of[name] ??= bytes.toString('utf8', ...span);
  }
  return of;
}

test('every pattern can be compiled, and none is large', () => {
  for (const name of GROK_PATTERNS.keys()) {
    const { source } = expandGrok(`%{${name}}`);
    const { plan } = new Pattern(source, { search: true, captures: 'named' });
    assert.ok(plan.nodes.length < 1000, name);
  }
  room.clear();
  new Pattern(expandGrok('%{COMBINEDAPACHELOG}').source, { captures: 'named' }).place(room);
  assert.ok(room.used < 60_000, `${room.used} bytes`);
});

test('a pattern matches all of what it is for, and not what is like it', () => {
  const whole = (name: string, yes: readonly string[], no: readonly string[]) => {
    for (const text of yes) assert.notEqual(grok(`%{${name}}$`, text), null, `${name} on ${text}`);
    for (const text of no) assert.equal(grok(`%{${name}}$`, text), null, `${name} on ${text}`);
  };
  whole('IPV4', ['127.0.0.1', '10.0.0.1', '255.255.255.255'], ['192.300.300.300', '1.2.3', '1.2.3.4.5']);
  whole(
    'IPV6',
    [
      '::',
      '::1',
      'fe80::1%eth0',
      '2001:db8::8a2e:370:7334',
      '1:2:3:4:5:6:7:8',
      '::ffff:10.0.0.1',
      '1:2:3:4:5:6:7::',
      '1::3:4:5:6:7:8',
      '1:2:3:4:5:6:10.1.2.3',
      '2000:6a0:b:315:10:23:4:13',
    ],
    ['1', '1:2', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', ':::', '12345::', '1::2::3', '::256.1.1.1'],
  );
  whole('IPORHOST', ['127.0.0.1', 'example.org', '::1', 'db-7'], ['-x', 'a b']);
  whole('MAC', ['00:1b:63:84:45:e6', '00-1B-63-84-45-E6', '001b.6384.45e6'], ['00:1b:63:84:45', '00:1b-63:84:45:e6']);
  whole('UUID', ['0d7a1c0e-77b8-4e7f-9c7a-3f2b1d0c9a8e'], ['0d7a1c0e77b84e7f9c7a3f2b1d0c9a8e']);
  whole(
    'URN',
    ['urn:example:foo', 'urn:example:/#?', 'urn:isbn:%25a%2Fb', "urn:a:()+,-.::=@;$_!*'"],
    [
      'URN:example:foo',
      'urn::foo',
      'urn:-a:b',
      'urn:a.b:c',
      'urn:example:',
      'urn:example:%',
      'urn:example:%a',
      'urn:example:%ax',
      `urn:${'n'.repeat(33)}:foo`,
    ],
  );
  whole('UNIXPATH', ['/foo/bar', '/', '/a-b/c.d@2x'], ['foo', '']);
  whole('WINPATH', ['C:\\Windows\\x.log'], ['C:']);
  whole('URIPATH', ['/foo', '/foo/', '/foo/bar', "/aA1$.+!*'(){},~:;=@#%&|-"], ['foo', '/`']);
  whole('URIPROTO', ['http', 'android-app', 'h2c'], ['1x', 'h']);
  whole('URI', ['https://user:pw@example.com:8443/a/b?c=d&e=[f]', 'http://10.0.0.1/', 'ftp://x'], ['//x', 'http:/x']);
  whole('EMAILADDRESS', ['a.b+c@example.com'], ['a.b', '@x']);
  whole('NUMBER', ['1', '-1.5', '+.5', '0'], ['1.', 'x']);
  whole('BASE16NUM', ['0xdeadbeef', 'CAFE'], ['xyz']);
  whole('QS', ['"a \\"b\\" c"', "'x'", '""'], ['"a', 'a"']);
  whole('LOGLEVEL', ['ERROR', 'Error', 'error', 'warning', 'WARN', 'INFO', 'emerg'], ['ERRO', 'loud']);
  whole(
    'HTTPDATE',
    ['04/Mai/2015:13:17:15 +0200', '04/March/2015:13:17:15 +0200', '24/Feb/2015:23:13:42 +0000'],
    ['04/Map/2015:13:17:15 +0200', '32/Mar/2015:13:17:15 +0200'],
  );
  whole(
    'TIMESTAMP_ISO8601',
    ['2026-11-30T09:32:44+01:00', '2026-11-30 09:32:44,123', '2026-11-30T09:32:44.123456Z', '2026-11-30T09:32'],
    ['2026-13-30T09:32:44', '2026-11-30T25:32:44'],
  );
  whole('SYSLOGTIMESTAMP', ['Mar 16 00:01:25', 'Mar  6 00:01:25'], ['Mar 16 0:1:2', '16 Mar 00:01:25']);
  whole('MONTH', ['Jan', 'january', 'März', 'Sept', 'Dezember', 'okt'], ['Foo', 'Janu']);
  whole('DATESTAMP_RFC2822', ['Mon, 30 Nov 2026 10:00:00 +0100'], ['Mon 30 Nov 2026 10:00:00 +0100']);
  whole('REDISTIMESTAMP', ['14 Nov 07:01:22.119', '14 Nov 2026 07:01:22.119'], ['Nov 14 07:01:22']);
  whole('JAVACLASS', ['hudson.node_monitors.AbstractNode$1', 'Main'], ['a..b', '1a']);
  whole('JAVAFILE', ['Native Method', 'Shop.java'], ['a(b']);
});

const ACCESS =
  '10.2.3.4 - frank [24/Feb/2026:23:13:42 +0000] "GET /shop/cart?id=7 HTTP/1.1" 200 20302 "https://example.com/start" "Mozilla/5.0 (X11)"';

test('lines of web servers', () => {
  assert.deepEqual(grok('%{COMBINEDAPACHELOG}', ACCESS), {
    'source.address': '10.2.3.4',
    'user.name': 'frank',
    timestamp: '24/Feb/2026:23:13:42 +0000',
    'http.request.method': 'GET',
    'url.original': '/shop/cart?id=7',
    'http.version': '1.1',
    'http.response.status_code': '200',
    'http.response.body.bytes': '20302',
    'http.request.referrer': 'https://example.com/start',
    'user_agent.original': 'Mozilla/5.0 (X11)',
  });
  const mail = grok(
    '%{HTTPD_COMBINEDLOG}',
    '2001:db8::1 - jane@example.com [07/Apr/2026:18:42:24 +0000] "OPTIONS /r.php/ HTTP/1.1" - 75 "" "curl/8 (x)"',
  );
  assert.deepEqual(
    [mail!['user.name'], mail!['source.address'], mail!['http.response.status_code'], mail!['http.request.referrer']],
    ['jane@example.com', '2001:db8::1', undefined, undefined],
  );
  assert.equal(grok('%{COMMONAPACHELOG}', `a.example - - [x] ${ACCESS}`), null);
  assert.equal(grok('%{COMMONAPACHELOG}', `proxy: ${ACCESS}`, true)!['user.name'], 'frank');
  const error =
    '[Mon Aug 31 09:30:48.958285 2026] [proxy_fcgi:error] [pid 28787:tid 140169587934976] (70008)Partial results are valid: [client 58.13.45.166:59307] AH01075: Error dispatching request to : (reading), referer: http://example.com/';
  assert.deepEqual(grok('%{HTTPD_ERRORLOG}', error), {
    timestamp: 'Mon Aug 31 09:30:48.958285 2026',
    'apache.error.module': 'proxy_fcgi',
    'log.level': 'error',
    'process.pid': '28787',
    'process.thread.id': '140169587934976',
    'apache.error.proxy.error.code': '70008',
    'apache.error.proxy.error.message': 'Partial results are valid',
    'source.address': '58.13.45.166',
    'source.port': '59307',
    'error.code': 'AH01075',
    message: 'Error dispatching request to : (reading), referer: http://example.com/',
  });
  const old = grok(
    '%{HTTPD_ERRORLOG}',
    '[Mon Aug 31 16:27:04 2026] [error] [client 10.17.42.3] Premature end of script headers: example.com',
  );
  assert.deepEqual(
    [old!['source.address'], old!.message],
    ['10.17.42.3', 'Premature end of script headers: example.com'],
  );
  const bare = grok(
    '%{HTTPD_ERRORLOG}',
    "[Tue Apr 14 14:27:52.605084 2026] [:error] [pid 5688] [client 192.168.10.110:8196] script '/x.php' not found",
  );
  assert.deepEqual(
    [bare!['log.level'], bare!['apache.error.module'], bare!['process.pid']],
    ['error', undefined, '5688'],
  );
});

test('lines of syslog, Java, Redis, HAProxy and others', () => {
  const has = (name: string, line: string, expected: Record<string, string>) => {
    const found = grok(`%{${name}}`, line);
    assert.ok(found, `${name} on ${line}`);
    for (const [field, value] of Object.entries(expected)) assert.equal(found[field], value, `${name}: ${field}`);
  };
  has('SYSLOGLINE', 'Mar 16 00:01:25 evita postfix/smtpd[1713]: connect from mx.example.net[168.100.1.3]', {
    'process.name': 'postfix/smtpd',
    'process.pid': '1713',
    'log.syslog.hostname': 'evita',
    message: 'connect from mx.example.net[168.100.1.3]',
  });
  has('SYSLOGLINE', 'May 11 15:40:51 web.example ansible-<stdin>: Invoked with filter=*', {
    'process.name': 'ansible-<stdin>',
  });
  has('SYSLOGLINE', '<14>Jun 24 10:32:02 files WinFileService Event: read, Path: /.DS_Store', {
    timestamp: 'Jun 24 10:32:02',
    'log.syslog.priority': '14',
  });
  has(
    'SYSLOG5424LINE',
    '<174>1 2026-11-14T09:49:23+01:00 2000:6a0:b:315:10:23:4:13 named 2255 - -  info: client 10.23.56.9',
    {
      'process.name': 'named',
      'process.pid': '2255',
      'log.syslog.hostname': '2000:6a0:b:315:10:23:4:13',
      message: 'info: client 10.23.56.9',
    },
  );
  has('SYSLOG5424LINE', '<34>1 2026-10-11T22:14:15.003Z web su - ID47 [a@1 b="c"][d@2 e="f"] failed', {
    'event.code': 'ID47',
    'log.syslog.structured_data': '[a@1 b="c"][d@2 e="f"]',
  });
  has('CRONLOG', 'May 11 15:17:02 box CRON[10973]: (root) CMD (run-parts /etc/cron.hourly)', {
    'user.name': 'root',
    'system.cron.action': 'CMD',
    message: 'run-parts /etc/cron.hourly',
  });
  has('SYSLOGPAMSESSION', 'May 11 15:17:02 box su[1]: pam_unix(su:session): session opened for user root by (uid=0)', {
    'user.name': 'root',
    'system.auth.pam.session_state': 'opened',
  });
  has(
    'TOMCATLOG',
    '2026-01-09 20:03:28,269 -0800 | ERROR | com.example.service.ExampleService - something unexpected happened',
    { message: 'something unexpected happened', 'log.level': 'ERROR' },
  );
  has(
    'CATALINALOG',
    '31-Jul-2026 13:40:04.123 INFO [main] org.apache.catalina.core.StandardEngine.startInternal Starting Servlet engine',
    {
      'java.log.origin.class.name': 'org.apache.catalina.core.StandardEngine',
      'log.origin.function': 'startInternal',
      message: 'Starting Servlet engine',
    },
  );
  has('JAVASTACKTRACEPART', '    at com.acme.Shop$1.<init>(Shop.java:17)', {
    'log.origin.function': '<init>',
    'log.origin.file.line': '17',
  });
  has('REDISLOG', '[4018] 14 Nov 07:01:22.119 * Background saving terminated with success', { 'process.pid': '4018' });
  has('REDISLOG', '4018:M 14 Nov 2026 07:01:22.119 # Server initialized', { message: 'Server initialized' });
  has('REDISMONLOG', '1470637875.777457 [15 195.168.1.1:52500] "rpush" "my:key" "{\\"a\\":1}"', {
    'redis.database.id': '15',
    'client.port': '52500',
    'redis.command.name': 'rpush',
    'redis.command.args': '"my:key" "{\\"a\\":1}"',
  });
  const haproxy =
    '127.0.0.1:39759 [09/Dec/2026:12:59:46.633] lb default/instance8 0/51536/1/48082/99627 200 83285 - - ---- 87/87/87/1/0 0/67 {77.24.148.74} "GET /path/to/image HTTP/1.1"';
  has('HAPROXYHTTP', `Dec  9 13:01:26 localhost haproxy[28029]: ${haproxy}`, {
    'process.name': 'haproxy',
    'haproxy.server_name': 'instance8',
    'http.version': '1.1',
    'haproxy.http.request.captured_headers': '77.24.148.74',
  });
  has('HAPROXYHTTPBASE', haproxy.replace(/ HTTP.*/, 'x'.repeat(900)), {
    'http.request.method': 'GET',
    'url.original': `/path/to/image${'x'.repeat(900)}`,
  });
  has('MONGO3_LOG', '2026-02-08T02:39:21.412+0000 I NETWORK  [conn1] end connection', {
    'mongodb.component': 'NETWORK',
    'mongodb.context': 'conn1',
  });
  has('POSTGRESQL', '03-30-2026 11:22:33 UTC app 5f3a.1 812', { 'user.name': 'app', 'process.pid': '812' });
  has('RUBY_LOGGER', 'W, [2026-08-26T10:11:12.123456 #93182]  WARN -- worker: slow', {
    'process.name': 'worker',
    message: 'slow',
  });
  has(
    'SQUID3',
    '1525334330.556      3 120.65.1.1 TCP_REFRESH_MISS/200 2014 GET http://www.sample.com/hello.txt jane DIRECT/www.sample.com text/plain',
    { 'user.name': 'jane', 'destination.address': 'www.sample.com' },
  );
});

test('names of fields may be nested, and own names may be defined', () => {
  assert.deepEqual(grok('%{WORD:[user][name]} %{NUMBER:took:float} (?<queue.id>[A-F]+)', 'jane 1.5 AF'), {
    'user.name': 'jane',
    took: '1.5',
    'queue.id': 'AF',
  });
  assert.deepEqual(
    expandGrok('%{INT:a:int}%{INT:b:float}').fields.map(({ type }) => type),
    ['int', 'float'],
  );
  const own = new Map([
    ['ORDER', '[A-Z]{2}-%{POSINT:order.number:int}'],
    ['WORD', '[a-z]+'],
  ]);
  assert.deepEqual(grok('%{ORDER:order.id} %{WORD:word}', 'AB-12 xY', false, own), {
    'order.id': 'AB-12',
    'order.number': '12',
    word: 'x',
  });
  // As Oniguruma writes it.
  assert.deepEqual(grok('\\A(?>[[:alpha:]]+)-(?<id>[\\h-]++)\\Z', 'XY-af-09'), { id: 'af-09' });
});

test('what is wrong is said with its place', () => {
  const wrong = (text: string, index: number, why: RegExp, definitions?: ReadonlyMap<string, string>) =>
    assert.throws(
      () => expandGrok(text, definitions),
      (error: Error & { index: number }) => {
        assert.match(error.message, why);
        assert.equal(error.index, index);
        return true;
      },
    );
  wrong('a %{NUMBR:x}', 2, /did you mean %\{NUMBER\}\?/);
  wrong('%{my_thing}', 0, /which is no pattern's name; definitions/);
  wrong('%{INT:a:integr}', 0, /type integr/);
  wrong('%{INT:a b}', 0, /the field a b/);
  wrong('x%{}', 1, /is written %\{NAME\}/);
  wrong(
    '%{A}',
    0,
    /A is made of B is made of A/,
    new Map([
      ['A', '%{B}'],
      ['B', '%{A}'],
    ]),
  );
  wrong('%{A}', 0, /%\{INTT\} \(in A\)/, new Map([['A', '%{INTT}']]));
  const { source, placeOf } = expandGrok('%{INT:a} (?<b>x) \\h(c)\\1');
  assert.equal(placeOf(source.indexOf('\\1')), 22);
  assert.equal(placeOf(3), 0);
});
