/**
 * Presets on lines in the shape of logs that are public (LogHub's): what servers write has a preset. There is none for
 * supercomputers, Windows, Android, phones' health and desktop proxies, where this agent does not run: such a line goes out
 * as it is, whatever preset stands there by mistake.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PRESETS } from '../../src/transforms/presets/all.ts';
import { processed } from '../support/processed.ts';
import { said } from '../support/tail.ts';

// Local time is that of the machine.
process.env.TZ = 'UTC';

const CREATED = '2026-11-22T14:00:00.123Z';

test('what a line is none of is said once for each format', async () => {
  const [line] = await said(async () => {
    processed(['java'], ['no such line']);
  });
  assert.match(line!, /a\.log has lines that are not regex: they go out as they are/);
});

test('what servers write is taken apart', () => {
  const check = (preset: string, line: string, time: string, wanted: object) => {
    const { event, ...fields } = processed([preset], [line])[0] as Record<string, unknown>;
    assert.deepEqual(event, { created: CREATED }, line);
    assert.deepEqual(fields, { '@timestamp': `2026-${time}Z`, ...wanted }, line);
  };
  const thread = (name: string) => ({ process: { thread: { name } } });
  // HDFS, Hadoop, Spark, ZooKeeper.
  check('java', '261108 203615 148 INFO dfs.Store$Receiver: Receiver 1 for chunk 77 ends', '11-08T20:36:15.000', {
    ...{ message: 'Receiver 1 for chunk 77 ends', process: { pid: '148' } },
    log: { level: 'info', logger: 'dfs.Store$Receiver' },
  });
  check('java', '2026-10-18 18:01:47,978 WARN [main] org.example.Launcher: no queue', '10-18T18:01:47.978', {
    ...{ message: 'no queue', ...thread('main'), log: { level: 'warn', logger: 'org.example.Launcher' } },
  });
  check('java', '26/10/09 20:10:40 INFO storage.BlockKeeper: Keeps chunk 2_1', '10-09T20:10:40.000', {
    ...{ message: 'Keeps chunk 2_1', log: { level: 'info', logger: 'storage.BlockKeeper' } },
  });
  check('java', '2026-07-29 19:04:12,394 - WARN  [Sender:188978:Quorum$Sender@688] - Stops', '07-29T19:04:12.394', {
    ...{ message: 'Stops', ...thread('Sender:188978') },
    log: { level: 'warn', logger: 'Quorum$Sender', origin: { file: { line: '688' } } },
  });
  // Linux, OpenSSH, Mac.
  check('syslog', 'Jun  9 06:06:20 combo kernel: Memory: 125000k free', '06-09T06:06:20.000', {
    ...{ message: 'Memory: 125000k free', log: { syslog: { hostname: 'combo', appname: 'kernel' } } },
  });
  check('syslog', 'Oct 10 06:55:46 web sshd[24200]: Invalid user bob from 192.0.2.7', '10-10T06:55:46.000', {
    message: 'Invalid user bob from 192.0.2.7',
    log: { syslog: { hostname: 'web', appname: 'sshd', procid: '24200' } },
  });
  check('syslog', 'Jul  1 09:00:55 laptop com.example.d[1] (com.example.a[43]): exited', '07-01T09:00:55.000', {
    message: '(com.example.a[43]): exited',
    log: { syslog: { hostname: 'laptop', appname: 'com.example.d', procid: '1' } },
  });
  check('apache', '[Sun Oct 04 04:47:44 2026] [notice] child ready', '10-04T04:47:44.000', {
    ...{ message: 'child ready', log: { level: 'notice' } },
  });
  // OpenStack.
  check('python', '2026-10-16 00:00:00.008 25746 INFO shop.server [req-38 113] served', '10-16T00:00:00.008', {
    ...{ message: 'served', process: { pid: '25746' }, openstack: { context: 'req-38 113' } },
    log: { level: 'info', logger: 'shop.server' },
  });
});

test('what has no preset goes out as it is', () => {
  const lines = [
    // Thunderbird and BGL, as they are published: with a label before the line.
    '- 1791566461 2026.10.09 dn228 Oct 9 12:01:01 dn228/dn228 crond[2915]: session closed',
    '- 1780501370 2026.06.03 R02-M1 2026-06-03-15.42.50.363779 R02-M1 RAS KERNEL INFO parity error',
    // HPC, Windows, Android, HealthApp, Proxifier.
    '134681 node-246 unix.hw state_change.unavailable 1780501742 1 Component has changed',
    '2026-09-28 04:30:30, Info                  CBS    Loaded the stack',
    '10-17 16:13:38.811  1702  2395 D Window: ratio 1',
    '20261023-22:15:29:606|Step_X|30002312|onStep 3579',
    '[10.30 16:49:06] a.exe - proxy.example.org:5070 open through proxy',
  ];
  // It is about the path.
  for (const preset of Object.keys(PRESETS).filter((name) => name !== 'kubernetes')) {
    for (const line of lines) {
      const [record] = processed([preset], [line]) as [Record<string, unknown>];
      assert.deepEqual(record, { message: line, error: { type: 'parse' } }, `${preset}: ${line}`);
    }
  }
});
