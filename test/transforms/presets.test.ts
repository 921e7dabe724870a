/** Presets on lines as the programs write them: what nginx, Apache, PostgreSQL, rsyslog, Python and others wrote, and such. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PRESETS } from '../../src/transforms/presets/all.ts';
import { made, processed } from '../support/processed.ts';

// Local time is that of the machine.
process.env.TZ = 'UTC';

type Document = Record<string, unknown>;
const CREATED = '2026-11-22T14:00:00.123Z';

/** Dotted names of all fields. */
function flat(value: unknown, path: string, into: Document = {}): Document {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) into[path] = value;
  else for (const [key, inner] of Object.entries(value)) flat(inner, path ? `${path}.${key}` : key, into);
  return into;
}

/** The line's fields, `event.created` where its time was read left out; a time is `@timestamp` without milliseconds that are 0. */
function check(preset: string, cases: readonly [line: string, wanted: Document][]): void {
  const lines = cases.map(([line]) => line);
  const records = lines.flatMap((line) => processed([preset], [line]));
  for (const [i, [line, wanted]] of cases.entries()) {
    const { 'event.created': created, ...fields } = flat(records[i], '');
    assert.equal(created, fields['@timestamp'] === undefined ? undefined : CREATED, line);
    assert.deepEqual(fields, wanted, line);
  }
}

const at = (time: string) => ({ '@timestamp': `${time.replace(' ', 'T')}${time.includes('.') ? '' : '.000'}Z` });

test('every preset can be used', () => {
  for (const name of Object.keys(PRESETS)) made([name]).close();
});

test('nginx', () => {
  const ok = {
    'source.address': '127.0.0.1',
    'http.request.method': 'GET',
    'http.version': '1.1',
    'http.response.status_code': 200,
    'http.response.body.bytes': 707,
    'url.original': '/nginx.conf',
    'user_agent.original': 'curl/7.88.1',
  };
  const line = '127.0.0.1 - - [30/Oct/2026:22:28:44 +0000] "GET /nginx.conf HTTP/1.1" 200 707 "-" "curl/7.88.1"';
  check('nginx', [
    [line, { ...at('2026-10-30 22:28:44'), ...ok }],
    [`${line} "-"`, { ...at('2026-10-30 22:28:44'), ...ok }],
    [`${line} "1.2.3.4"`, { ...at('2026-10-30 22:28:44'), ...ok, 'nginx.access.rest': '"1.2.3.4"' }],
    // With the host before, and with what a proxy has written in the place of the address.
    [`shop.example ${line}`, { ...at('2026-10-30 22:28:44'), ...ok, 'url.domain': 'shop.example' }],
    [`10.0.0.2, ${line}`, { ...at('2026-10-30 22:28:44'), ...ok, 'source.address': '10.0.0.2, 127.0.0.1' }],
    [
      `shop.example:80 10.0.0.2, ${line}`,
      {
        ...at('2026-10-30 22:28:44'),
        ...ok,
        ...{ 'source.address': '10.0.0.2, 127.0.0.1', 'url.domain': 'shop.example', 'url.port': 80 },
      },
    ],
    [
      line.replace('127.0.0.1', '-'),
      Object.fromEntries(
        Object.entries({ ...at('2026-10-30 22:28:44'), ...ok }).filter(([k]) => k !== 'source.address'),
      ),
    ],
    [
      '127.0.0.1 - - [30/Oct/2026:22:28:45 +0000] "\\x16\\x03\\x01bad" 400 157 "-" "-"',
      {
        ...at('2026-10-30 22:28:45'),
        ...{ 'source.address': '127.0.0.1', 'url.original': '\\x16\\x03\\x01bad' },
        ...{ 'http.response.status_code': 400, 'http.response.body.bytes': 157 },
      },
    ],
  ]);
  check('nginx', [
    [
      '2026/10/30 22:28:44 [error] 1989#1990: *2 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: , request: "GET /up HTTP/1.1"',
      {
        ...at('2026-10-30 22:28:44'),
        ...{
          'log.level': 'error',
          'process.pid': '1989',
          'process.thread.id': '1990',
          'nginx.error.connection_id': '2',
        },
        message:
          'connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: , request: "GET /up HTTP/1.1"',
      },
    ],
    [
      '2026/10/30 22:28:43 [notice] 1987#1987: using the "epoll" event method',
      {
        ...at('2026-10-30 22:28:43'),
        ...{ 'log.level': 'notice', 'process.pid': '1987', 'process.thread.id': '1987' },
        message: 'using the "epoll" event method',
      },
    ],
  ]);
});

test('apache', () => {
  const access = {
    ...at('2026-10-30 22:28:47'),
    ...{ 'source.address': '127.0.0.1', 'http.request.method': 'GET', 'http.version': '1.1', 'url.original': '/no' },
    ...{ 'http.response.status_code': 403, 'http.response.body.bytes': 400 },
  };
  const common = '127.0.0.1 - - [30/Oct/2026:22:28:47 +0000] "GET /no HTTP/1.1" 403 400';
  const agent = { 'user_agent.original': 'ag "q"' };
  check('apache', [
    [common, access],
    [`${common} "-" "ag \\"q\\""`, { ...access, ...agent }],
    [
      `shop.example:443 ${common} "-" "ag \\"q\\""`,
      { ...access, ...agent, 'url.domain': 'shop.example', 'url.port': 443 },
    ],
    [`shop.example ${common}`, { ...access, 'url.domain': 'shop.example' }],
    [common.replace('- -', 'id Ann Lee'), { ...access, 'client.user.name': 'id', 'user.name': 'Ann Lee' }],
    [
      '[Fri Oct 30 22:28:47.560349 2026] [:warn] [pid 2083] of no module',
      { ...at('2026-10-30 22:28:47.560'), 'log.level': 'warn', 'process.pid': '2083', message: 'of no module' },
    ],
    [
      '[Fri Oct 30 22:28:47.560349 2026] [authz_core:error] [pid 2083:tid 2089] [client 127.0.0.1:48864] AH01630: client denied: /no',
      {
        ...at('2026-10-30 22:28:47.560'),
        ...{
          'log.level': 'error',
          'process.pid': '2083',
          'process.thread.id': '2089',
          'apache.error.module': 'authz_core',
        },
        ...{ 'source.address': '127.0.0.1', 'source.port': '48864', message: 'AH01630: client denied: /no' },
      },
    ],
    [
      '[Fri Oct 30 22:28:45.957257 2026] [mpm_event:notice] [pid 2081:tid 2081] AH00489: Apache/2.4 configured',
      {
        ...at('2026-10-30 22:28:45.957'),
        ...{
          'log.level': 'notice',
          'process.pid': '2081',
          'process.thread.id': '2081',
          'apache.error.module': 'mpm_event',
        },
        message: 'AH00489: Apache/2.4 configured',
      },
    ],
    [
      '[Sun Dec 04 11:33:18 2011] [error] [client 192.0.2.88] Directory index forbidden by rule: /var/www/',
      {
        ...at('2011-12-04 11:33:18'),
        ...{ 'log.level': 'error', 'source.address': '192.0.2.88' },
        message: '[client 192.0.2.88] Directory index forbidden by rule: /var/www/',
      },
    ],
    [
      '[Sun Dec 04 11:33:19 2011] [notice] workerEnv.init() ok /etc/httpd/workers.properties',
      {
        ...at('2011-12-04 11:33:19'),
        'log.level': 'notice',
        message: 'workerEnv.init() ok /etc/httpd/workers.properties',
      },
    ],
  ]);
});

test('syslog and klog', () => {
  const sshd = { 'log.syslog.hostname': 'web-1', 'log.syslog.appname': 'sshd', 'log.syslog.procid': '24200' };
  check('syslog', [
    [
      'Oct  3 06:55:46 web-1 sshd[24200]: pam_unix(sshd:auth): authentication failure; rhost=192.0.2.1 ',
      {
        ...at('2026-10-03 06:55:46'),
        ...sshd,
        message: 'pam_unix(sshd:auth): authentication failure; rhost=192.0.2.1 ',
      },
    ],
    [
      '2026-10-30T22:29:59.052598+02:00 web-1 sshd[24200]: Connection closed by 192.0.2.1 [preauth]',
      { ...at('2026-10-30 20:29:59.052'), ...sshd, message: 'Connection closed by 192.0.2.1 [preauth]' },
    ],
    [
      '<13>1 2026-10-30T22:29:59.098702+00:00 vm udp5 - ID47 [timeQuality tzKnown="1"][x@1 a="b"] structured',
      {
        ...at('2026-10-30 22:29:59.098'),
        ...{
          'log.level': 'notice',
          'log.syslog.priority': 13,
          'log.syslog.facility.code': 1,
          'log.syslog.severity.code': 5,
        },
        ...{
          'log.syslog.version': '1',
          'log.syslog.hostname': 'vm',
          'log.syslog.appname': 'udp5',
          'log.syslog.msgid': 'ID47',
        },
        ...{ 'log.syslog.structured_data.timeQuality.tzKnown': '1', 'log.syslog.structured_data.x@1.a': 'b' },
        message: 'structured',
      },
    ],
  ]);
  check('klog', [
    [
      'W1011 14:13:20.123456    1 reflector.go:458] watch of *v1.Pod closed',
      {
        ...at('2026-10-11 14:13:20.123'),
        ...{
          'log.level': 'warning',
          'process.thread.id': 1,
          'log.origin.file.name': 'reflector.go',
          'log.origin.file.line': 458,
        },
        message: 'watch of *v1.Pod closed',
      },
    ],
  ]);
});

test('postgres', () => {
  check('postgres', [
    [
      '2026-10-30 22:28:53.276 UTC [2329] LOG:  database system is ready to accept connections',
      {
        ...at('2026-10-30 22:28:53.276'),
        'process.pid': '2329',
        'log.level': 'info',
        message: 'database system is ready to accept connections',
      },
    ],
    [
      '2026-10-30 22:28:55.400 CET [2370] bob@shop ERROR:  relation "y" does not exist at character 15',
      {
        ...at('2026-10-30 22:28:55.400'),
        ...{ 'process.pid': '2370', 'log.level': 'error', 'user.name': 'bob', 'postgresql.log.database': 'shop' },
        message: 'relation "y" does not exist at character 15',
      },
    ],
    ...[
      '2026-10-30 22:28:55 CET [2370-3] bob@shop ERROR:  no',
      '2026-10-30 22:28:55 UTC [2370]: [3-1] user=bob,db=shop ERROR:  no',
      '2026-10-30 22:28:55.000 UTC [2370]: [3-1] db=shop,user=bob ERROR:  no',
      '2026-10-30 22:28:55 UTC:[local]:bob@shop:[2370]:ERROR:  no',
    ].map((line): [string, Document] => [
      line,
      {
        ...at('2026-10-30 22:28:55'),
        ...{ 'process.pid': '2370', 'log.level': 'error', 'user.name': 'bob', 'postgresql.log.database': 'shop' },
        message: 'no',
      },
    ]),
    [
      '2026-10-30 22:28:55 UTC [2370]: [3-1] user=,db=,app=Shop - Main,client=10.0.0.9 FATAL:  no',
      {
        ...at('2026-10-30 22:28:55'),
        ...{ 'process.pid': '2370', 'log.level': 'fatal', 'source.address': '10.0.0.9' },
        ...{ 'postgresql.log.application_name': 'Shop - Main', message: 'no' },
      },
    ],
    [
      '2026-10-30 22:28:55 UTC:10.0.0.9(52834):@:[2370]:LOG:  no',
      {
        ...at('2026-10-30 22:28:55'),
        ...{ 'process.pid': '2370', 'log.level': 'info', 'source.address': '10.0.0.9', 'source.port': '52834' },
        message: 'no',
      },
    ],
  ]);
});

test('java', () => {
  const time = at('2026-10-18 18:01:47.978');
  const thread = { 'process.thread.name': 'main' };
  const said = (level: string, logger: string, message: string) => ({
    'log.level': level,
    'log.logger': logger,
    message,
  });
  check('java', [
    [
      '2026-10-18 18:01:47,978 INFO [IPC Server handler 12 on 62270] org.a.MRAppMaster: Created x: y',
      {
        ...time,
        'process.thread.name': 'IPC Server handler 12 on 62270',
        ...said('info', 'org.a.MRAppMaster', 'Created x: y'),
      },
    ],
    [
      '2026-10-18 18:01:47,978 INFO  namenode.FSEditLog (FSEditLog.java:printStatistics(716)) - Number of: 7',
      {
        ...time,
        ...{ 'log.origin.file.name': 'FSEditLog.java', 'log.origin.function': 'printStatistics' },
        ...{ 'log.origin.file.line': '716', ...said('info', 'namenode.FSEditLog', 'Number of: 7') },
      },
    ],
    [
      '2026-10-18 18:01:47,978 - WARN  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774] - Notification time out',
      {
        ...time,
        ...{ 'process.thread.name': 'QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181', 'log.origin.file.line': '774' },
        ...said('warn', 'FastLeaderElection', 'Notification time out'),
      },
    ],
    [
      '081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 terminating',
      {
        ...at('2008-11-09 20:36:15'),
        'process.pid': '148',
        ...said('info', 'dfs.DataNode$PacketResponder', 'PacketResponder 1 terminating'),
      },
    ],
    [
      '17/06/09 20:10:40 INFO executor.CoarseGrainedExecutorBackend: Registered signal handlers for [TERM, HUP]',
      {
        ...at('2017-06-09 20:10:40'),
        ...said('info', 'executor.CoarseGrainedExecutorBackend', 'Registered signal handlers for [TERM, HUP]'),
      },
    ],
    [
      '2026-10-18 18:01:47.978 [main] DEBUG o.a.App - started - now',
      { ...time, ...thread, ...said('debug', 'o.a.App', 'started - now') },
    ],
    [
      '2026-10-18T20:01:47.978+02:00  INFO 12345 --- [shop] [           main] com.example.App                  : Started App',
      {
        ...time,
        ...thread,
        'process.pid': '12345',
        'service.name': 'shop',
        ...said('info', 'com.example.App', 'Started App'),
      },
    ],
    ...['', '00f067aa0ba902b7'].map((span): [string, Document] => [
      `2026-10-18T18:01:47.978Z  INFO 7 --- [shop] [main] [${span ? `4bf92f3577b34da6-${span}` : '       '}] com.example.App : Started`,
      {
        ...time,
        ...thread,
        ...{ 'process.pid': '7', 'service.name': 'shop' },
        ...(span && { 'trace.id': '4bf92f3577b34da6', 'span.id': span }),
        ...said('info', 'com.example.App', 'Started'),
      },
    ]),
    [
      '[2026-10-18 18:01:47,978] INFO Started (and more) (kafka.server.KafkaServer)',
      { ...time, ...said('info', 'kafka.server.KafkaServer', 'Started (and more)') },
    ],
    [
      '18-Oct-2026 18:01:47.978 INFO [main] org.apache.catalina.startup.Catalina.start Server startup in [9] ms',
      { ...time, ...thread, ...said('info', 'org.apache.catalina.startup.Catalina.start', 'Server startup in [9] ms') },
    ],
    [
      '2026-10-18 18:01:47,978 INFO  [org.jboss.as] (MSC service thread 1-2) WFLYSRV0049: starting',
      {
        ...time,
        'process.thread.name': 'MSC service thread 1-2',
        ...said('info', 'org.jboss.as', 'WFLYSRV0049: starting'),
      },
    ],
    [
      '[2026-10-18T18:01:47,978][WARN ][o.e.n.Node               ] [node-1] stopping',
      { ...time, ...said('warn', 'o.e.n.Node', '[node-1] stopping') },
    ],
  ]);
  // Joined lines.
  const { steps } = PRESETS.java!;
  const patterns = (steps[0] as { parse: { regex: { pattern: string } }[] }).parse.map(({ regex }) => regex.pattern);
  const joined = (text: string) =>
    patterns.some((pattern) => new RegExp(plainGroups(pattern)).exec(text)?.groups?.message !== undefined);
  assert.ok(joined('Oct 30, 2026 10:30:03 PM J main\nINFO: started\n\tat x'));
  assert.ok(joined('2026-10-18 18:01:47,978 ERROR [main] a.B: failed\njava.lang.Error\n\tat x'));
});

/** Dots are no letters of names in ECMAScript. */
function plainGroups(pattern: string): string {
  return pattern.replace(/\(\?<([\w.]+)>/g, (_, name: string) => `(?<${name.replaceAll('.', '_')}>`);
}

test('python', () => {
  const time = at('2026-10-18 18:01:47.978');
  const said = (level: string, logger: string | null, message: string) => ({
    'log.level': level,
    ...(logger !== null && { 'log.logger': logger }),
    message,
  });
  const slow = 'slow: query took 12 ms';
  check('python', [
    [`2026-10-18 18:01:47,978 - app.db - WARNING - ${slow}`, { ...time, ...said('warning', 'app.db', slow) }],
    [`2026-10-18 18:01:47,978 WARNING app.db: ${slow}`, { ...time, ...said('warning', 'app.db', slow) }],
    [`2026-10-18 18:01:47,978 [WARNING] app.db: ${slow}`, { ...time, ...said('warning', 'app.db', slow) }],
    [`2026-10-18 18:01:47,978 WARNING  ${slow}`, { ...time, ...said('warning', null, slow) }],
    [`[2026-10-18 18:01:47,978] ERROR in views: ${slow}`, { ...time, ...said('error', 'views', slow) }],
    [
      '[2026-10-18 18:01:47 +0000] [77] [INFO] Booting worker',
      { ...at('2026-10-18 18:01:47'), 'process.pid': '77', ...said('info', null, 'Booting worker') },
    ],
    [
      `[2026-10-18 18:01:47,978: ERROR/MainProcess] ${slow}`,
      { ...time, 'process.name': 'MainProcess', ...said('error', null, slow) },
    ],
    [
      '[2026-10-18T18:01:47.978+0000] {dag.py:4} INFO - x',
      { ...time, 'log.origin.file.name': 'dag.py', 'log.origin.file.line': '4', ...said('info', null, 'x') },
    ],
    [
      'nova-api.log.1 2026-10-18 18:01:47.978 25746 INFO nova.wsgi.server [req-1 u1 - - -] 10.0.0.1 "GET / HTTP/1.1" status: 200',
      {
        ...time,
        ...{ 'process.pid': '25746', 'log.origin.file.name': 'nova-api.log.1', 'openstack.context': 'req-1 u1 - - -' },
        ...said('info', 'nova.wsgi.server', '10.0.0.1 "GET / HTTP/1.1" status: 200'),
      },
    ],
    [
      `2026-10-18 18:01:47.978 | INFO     | app.db:run:12 - ${slow}`,
      { ...time, 'log.origin.function': 'run', 'log.origin.file.line': '12', ...said('info', 'app.db', slow) },
    ],
    [
      `WARNING 2026-10-18 18:01:47,978 views 3432 1407 ${slow}`,
      { ...time, 'process.pid': '3432', 'process.thread.id': '1407', ...said('warning', 'views', slow) },
    ],
    [`WARNING:app.db:${slow}`, said('warning', 'app.db', slow)],
    [
      'INFO:     127.0.0.1:50000 - "GET / HTTP/1.1" 200 OK',
      said('info', null, '127.0.0.1:50000 - "GET / HTTP/1.1" 200 OK'),
    ],
  ]);
});

test('go-zap, pino and ecs', () => {
  const time = at('2026-09-21 14:13:20.123');
  const said = { 'log.level': 'info', message: 'm' };
  check('go-zap', [
    [
      '{"level":"info","ts":1790000000.1234567,"logger":"a","caller":"b/c.go:7","msg":"m","n":1}',
      { ...time, ...said, 'log.logger': 'a', caller: 'b/c.go:7', n: 1 },
    ],
    ['{"time":"2026-09-21T14:13:20.123456789Z","level":"INFO","msg":"m","id":2}', { ...time, ...said, id: 2 }],
  ]);
  check('pino', [
    [
      '{"level":50,"time":1790000000123,"pid":7,"hostname":"h","msg":"m","err":{"type":"Error","message":"x","stack":"s","code":3}}',
      {
        ...time,
        ...{
          ...said,
          'log.level': 'error',
          'process.pid': 7,
          hostname: 'h',
          'error.type': 'Error',
          'error.message': 'x',
        },
        ...{ 'error.stack_trace': 's', 'err.code': 3 },
      },
    ],
  ]);
  check('ecs', [
    [
      '{"@timestamp":"2026-09-21T14:13:20.123Z","log.level":"INFO","message":"m","ecs.version":"1.6.0"}',
      { ...time, ...said, 'ecs.version': '1.6.0' },
    ],
  ]);
});

test('kubernetes: from the path of the file, once a batch', () => {
  const lines = Array.from({ length: 3000 }, (_, i) => `line ${i}`);
  const of = (path: string) => processed(['kubernetes'], lines, path);
  const pod = { namespace: 'shop', pod: { name: 'cart-7f9c-x2', uid: '0a1b-22' }, container: { name: 'app' } };
  for (const [i, record] of of('/var/log/pods/shop_cart-7f9c-x2_0a1b-22/app/0.log').entries()) {
    assert.deepEqual(record, { message: `line ${i}`, kubernetes: pod });
  }
  const id = 'ab'.repeat(32);
  assert.deepEqual(of(`/var/log/containers/cart-7f9c-x2_shop_app-${id}.log`)[2999], {
    message: 'line 2999',
    kubernetes: { namespace: 'shop', pod: { name: 'cart-7f9c-x2' }, container: { name: 'app' } },
    container: { id },
  });
  // Elsewhere nothing is known, and the record says so.
  assert.deepEqual(of('/var/log/syslog')[7], { message: 'line 7', error: { type: 'parse' } });
});
