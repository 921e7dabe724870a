/** The parsers of /proc, on text as kernels print it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCpuinfo, parseCpuStat, parseCpus } from '../../src/checks/cpu.ts';
import { parseDiskstats } from '../../src/checks/disk.ts';
import { parseFileNr } from '../../src/checks/file-handles.ts';
import { parseFilesystems } from '../../src/checks/filesystem.ts';
import { parseLoadavg } from '../../src/checks/load.ts';
import { parseMeminfo } from '../../src/checks/memory.ts';
import { parseNetDev } from '../../src/checks/network.ts';
import { parseSwaps } from '../../src/checks/paging.ts';
import { parsePressure } from '../../src/checks/pressure.ts';
import { parseProcessStat } from '../../src/checks/processes.ts';
import { parseSockstat, parseUdpQueues, SnmpTables } from '../../src/checks/sockets.ts';
import { numberAt } from '../../src/checks/text.ts';
import { parseUptime } from '../../src/checks/uptime.ts';
import { countLogind, parseUtmp } from '../../src/checks/users.ts';

const STAT = `cpu  5737 12 5234 1132339 1589 3 119 544 100 2
cpu0 2111 0 2208 567957 136 0 16 293 0 0
cpu1 3626 0 3025 564381 1452 0 102 251 0 0
intr 430687 0 0 12
ctxt 882679
btime 1795427763
processes 7072
procs_running 1
procs_blocked 4
softirq 307343 0 57406
`;

test('cpu time is seconds by mode, with both kinds of interrupts in one', () => {
  assert.deepEqual(parseCpuStat(STAT), {
    seconds: { user: 57.37, nice: 0.12, system: 52.34, idle: 11323.39, iowait: 15.89, interrupt: 1.22, steal: 5.44 },
    guest: { user: 1, nice: 0.02 },
    count: 2,
    contextSwitches: 882679,
    interrupts: 430687,
  });
});

test('a cpu line of an old kernel, without steal, has 0 there', () => {
  assert.equal(parseCpuStat('cpu  1 2 3 4 5 6 7\n').seconds.steal, 0);
});

test('a /proc/stat without its first line is an error', () => {
  assert.throws(() => parseCpuStat('intr 1\n'), /does not begin with the line cpu/);
});

test('processes are counted without looking at one', () => {
  assert.deepEqual(parseProcessStat(STAT), { created: 7072, running: 1, blocked: 4 });
});

test('meminfo is in bytes, hugepages in pages', () => {
  const of = parseMeminfo(
    'MemTotal:       24684096 kB\nActive:  3 kB\nActive(anon):      12 kB\nHugePages_Total:       7\n',
  );
  const cases: [string, number][] = [
    ['MemTotal', 24684096 * 1024],
    ['Active', 3072],
    ['Active(anon)', 12288],
    ['HugePages_Total', 7],
    ['MemFree', Number.NaN],
  ];
  for (const [name, expected] of cases) assert.equal(of(name), expected, name);
});

test('load averages and uptime', () => {
  assert.deepEqual(parseLoadavg('0.26 0.09 12.02 1/98 7069\n'), [0.26, 0.09, 12.02]);
  assert.equal(parseUptime('11543.21 22310.09\n'), 11543.21);
});

test('disks are listed without their partitions and without what lies in memory', () => {
  const line = (name: string) => `   8       0 ${name} 10 1 16 2000 20 2 32 4000 0 5000 6000 0 0 0 0\n`;
  const names = (...devices: string[]) => parseDiskstats(devices.map(line).join('')).map((d) => d.device);
  assert.deepEqual(names('sda', 'sda1', 'sda15', 'loop0', 'ram1', 'zram0', 'dm-0'), ['sda', 'dm-0']);
  assert.deepEqual(names('nvme0n1', 'nvme0n1p1', 'mmcblk0', 'mmcblk0p2', 'md127', 'sr0'), [
    'nvme0n1',
    'mmcblk0',
    'md127',
    'sr0',
  ]);
  assert.deepEqual(names('fioa', 'fioa1', 'rssda', 'rssda1', 'loop0', 'loop0p1', 'dm-0', 'dm-1'), [
    'fioa',
    'rssda',
    'dm-0',
    'dm-1',
  ]);
  // The paths of one disk (NVMe multipath): it counts what goes over each.
  assert.deepEqual(names('nvme0n1', 'nvme0c0n1', 'nvme0c1n1', 'nvme0n1p1'), ['nvme0n1']);
  // A partition whose disk the machine does not see, as on some virtual machines.
  assert.deepEqual(names('xvda1'), ['xvda1']);
});

test('a disk counts sectors of 512 bytes and milliseconds', () => {
  assert.deepEqual(parseDiskstats(' 8 0 sda 10 1 16 2000 20 2 32 4000 0 5000 6000\n'), [
    {
      device: 'sda',
      reads: 10,
      readsMerged: 1,
      bytesRead: 8192,
      readSeconds: 2,
      writes: 20,
      writesMerged: 2,
      bytesWritten: 16384,
      writeSeconds: 4,
      pending: 0,
      ioSeconds: 5,
      weightedSeconds: 6,
      discards: Number.NaN,
      flushes: Number.NaN,
    },
  ]);
});

test('network interfaces have two directions; those of containers are left out', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
  eth0:219369449    5657    1    2    0     0          0         0   345365    3474    3    4    0     0       0          0
eth0:1: 5 6 7 8 0 0 0 0 9 10 11 12 0 0 0 0
veth1a2b: 5 6 7 8 0 0 0 0 9 10 11 12 0 0 0 0
cali0123456789a: 5 6 7 8 0 0 0 0 9 10 11 12 0 0 0 0
lxc0123456789ab: 5 6 7 8 0 0 0 0 9 10 11 12 0 0 0 0
lxcbr0: 5 6 7 8 0 0 0 0 9 10 11 12 0 0 0 0
`;
  assert.deepEqual(parseNetDev(text), [
    {
      name: 'eth0',
      receive: { bytes: 219369449, packets: 5657, errors: 1, dropped: 2 },
      transmit: { bytes: 345365, packets: 3474, errors: 3, dropped: 4 },
    },
    {
      name: 'eth0:1',
      receive: { bytes: 5, packets: 6, errors: 7, dropped: 8 },
      transmit: { bytes: 9, packets: 10, errors: 11, dropped: 12 },
    },
    {
      name: 'lxcbr0',
      receive: { bytes: 5, packets: 6, errors: 7, dropped: 8 },
      transmit: { bytes: 9, packets: 10, errors: 11, dropped: 12 },
    },
  ]);
});

function mounts(...lines: string[]): string[] {
  return parseFilesystems(`${lines.join('\n')}\n`).map((m) => m.mountpoint);
}

test('only real, local file systems are asked', () => {
  const cases: [string, string[]][] = [
    ['27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw', ['/']],
    ['22 27 0:21 / /proc rw - proc proc rw', []],
    ['24 27 0:6 / /dev rw - devtmpfs devtmpfs rw', []],
    ['25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw', []],
    ['25 24 0:23 / /tmp rw - tmpfs tmpfs rw', ['/tmp']],
    ['31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup rw', []],
    ['40 27 0:40 / /mnt/a rw - nfs4 server:/export rw', []],
    ['40 27 0:40 / /mnt/b rw - cifs //server/share rw', []],
    ['40 27 0:40 / /mnt/c rw - fuse.sshfs user@host: rw', []],
    ['40 27 7:1 / /snap/x/1 ro - squashfs /dev/loop1 ro', []],
    ['40 27 0:41 / /pool rw - zfs pool rw', ['/pool']],
    ['40 27 0:42 / / rw - overlay overlay rw', ['/']],
    ['40 27 0:42 / /var/lib/docker/overlay2/a/merged rw - overlay overlay rw', []],
    ['40 27 8:1 / /mnt/two\\040words rw - xfs /dev/sda1 rw', ['/mnt/two words']],
    ['garbage', []],
  ];
  for (const [line, expected] of cases) assert.deepEqual(mounts(line), expected, line);
});

test('remote file systems are asked where that is wanted', () => {
  const types = (remote: boolean) =>
    parseFilesystems(
      ['nfs4 server:/export', 'cifs //server/share', 'fuse.sshfs a@b:', 'fuse.portal portal', 'ext4 /dev/sda1']
        .map((source, i) => `${i + 1} 0 0:${i + 40} / /mnt/${i} rw - ${source} rw`)
        .join('\n'),
      false,
      remote,
    ).map((m) => m.type);
  assert.deepEqual(types(false), ['ext4']);
  assert.deepEqual(types(true), ['nfs4', 'cifs', 'fuse.sshfs', 'ext4']);
});

test('a file system that is mounted twice is asked once, at its shortest mount point', () => {
  const bind = '50 27 254:0 /home/a /srv/jail rw - ext4 /dev/vda rw';
  assert.deepEqual(mounts(bind, '27 1 254:0 / / rw - ext4 /dev/vda rw', bind), ['/']);
});

test('a mount is read-only by its own options or by its super block', () => {
  const flags = (mount: string, block: string) =>
    parseFilesystems(`1 0 8:1 / /a ${mount} - ext4 /dev/sda1 ${block}`)[0]?.readonly;
  assert.equal(flags('rw,noatime', 'rw,errors=remount-ro'), false);
  assert.equal(flags('ro,noatime', 'rw'), true);
  assert.equal(flags('rw', 'ro'), true);
});

test('a mount to which no path leads any more is not asked, one on its mount point is', () => {
  const root = '27 1 254:0 / / rw - ext4 /dev/vda rw';
  const below = '40 27 8:1 / /mnt/a rw - ext4 /dev/sda1 rw';
  // Mounted on /, over /mnt with all that was below it.
  assert.deepEqual(mounts(root, below, '41 27 8:2 / /mnt rw - ext4 /dev/sdb1 rw'), ['/', '/mnt']);
  assert.deepEqual(mounts(root, below, '41 40 8:2 / /mnt/a rw - ext4 /dev/sdb1 rw'), ['/', '/mnt/a']);
  // The list need not be in the order in which it was mounted: what lies on another is not hidden by it.
  assert.deepEqual(
    mounts(root, '42 41 8:1 / /mnt/a rw - ext4 /dev/sda1 rw', '41 27 8:2 / /mnt rw - ext4 /dev/sdb1 rw'),
    ['/', '/mnt/a', '/mnt'],
  );
  // Also mounted elsewhere, where it is seen.
  const elsewhere = '44 27 8:1 / /srv/long/name rw - ext4 /dev/sda1 rw';
  assert.deepEqual(mounts(root, below, '41 27 8:2 / /mnt rw - ext4 /dev/sdb1 rw', elsewhere), [
    '/',
    '/mnt',
    '/srv/long/name',
  ]);
});

test('in the own view what the service manager mounted read-only is not the file system that is', () => {
  const seen = (line: string) => parseFilesystems(line, true)[0]?.readonly;
  assert.equal(seen('1 0 8:1 / / ro,relatime - ext4 /dev/sda1 rw'), false);
  assert.equal(seen('1 0 8:1 / / ro,relatime - ext4 /dev/sda1 ro'), true);
});

test('swaps, vmstat and pressure', () => {
  assert.equal(parseSwaps('Filename\n/swap\\040file file 1 0 -2\n')[0]?.device, '/swap file');
  assert.deepEqual(parseSwaps('Filename\tType\tSize\tUsed\tPriority\n/dev/sda2  partition\t8388604\t\t1024\t\t-2\n'), [
    { device: '/dev/sda2', bytes: 8388604 * 1024, used: 1024 * 1024 },
  ]);
  assert.deepEqual(
    parsePressure(
      'some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=20\n',
    ),
    [
      { kind: 'some', seconds: 1.5 },
      { kind: 'full', seconds: 0.00002 },
    ],
  );
});

test('a number stands behind the beginning of a line', () => {
  const text = 'pgfault 12\npgfault_a 7\ncpu  1 2\nMemFree:\t  9 kB\nempty \noom_kill 0';
  const cases: [string, number][] = [
    ['pgfault', 12],
    ['pgfault_a', 7],
    ['oom_kill', 0],
    ['cpu', 1],
    ['MemFree:', 9],
    ['fault', Number.NaN],
    ['empty', Number.NaN],
    ['kill', Number.NaN],
  ];
  for (const [name, expected] of cases) assert.equal(numberAt(text, name), expected, name);
});

test('processors are told apart by their numbers; one that is off is not there', () => {
  assert.deepEqual(
    parseCpus('cpu  3 0\ncpu0 100 0 0 5\ncpu12 200 0 0 7 0 0 0 3\nintr 1\n').map((c) => [
      c.number,
      c.seconds.user,
      c.seconds.steal,
    ]),
    [
      [0, 1, 0],
      [12, 2, 0.03],
    ],
  );
  assert.deepEqual(
    parseCpuinfo('processor\t: 0\ncpu MHz\t\t: 2399.998\n\nprocessor\t: 1\nBogoMIPS : 50\n'),
    [2399998000],
  );
});

test('sockets by state, and the tables of snmp whose columns differ by kernel', () => {
  const sockstat = parseSockstat('sockets: used 29\nTCP: inuse 1 orphan 0 tw 25 alloc 3 mem 2\nTCP6: inuse 4\n');
  const cases: [string, string, number][] = [
    ['sockets', 'used', 29],
    ['TCP', 'tw', 25],
    ['TCP', 'mem', 2],
    ['TCP6', 'inuse', 4],
    ['TCP6', 'tw', Number.NaN],
    ['UDP', 'inuse', Number.NaN],
  ];
  for (const [title, word, expected] of cases) assert.equal(sockstat(title, word), expected, `${title} ${word}`);
  const tables = new SnmpTables(['Tcp.RetransSegs', 'TcpExt.ListenDrops', 'Tcp.MaxConn']);
  const old = 'Tcp: RtoMin MaxConn RetransSegs\nTcp: 200 -1 7\n';
  const later =
    'Tcp: RtoMin MaxConn New RetransSegs\nTcp: 200 -1 9 8\nTcpExt: ListenDrops\nTcpExt: 3\nIpExt: X\nIpExt: 1\n';
  assert.deepEqual(
    [...tables.parse(old)],
    [
      ['Tcp.MaxConn', -1],
      ['Tcp.RetransSegs', 7],
    ],
  );
  assert.deepEqual(
    [...tables.parse(later)],
    [
      ['Tcp.MaxConn', -1],
      ['Tcp.RetransSegs', 8],
      ['TcpExt.ListenDrops', 3],
    ],
  );
  assert.deepEqual([...tables.parse('')], []);
});

test('the bytes that wait in UDP sockets are hexadecimal, those to be sent first', () => {
  const line = (queues: string) =>
    `  12: 0100007F:0035 00000000:0000 07 ${queues} 00:00000000 00000000   101        0 12345 2 ffff 0\n`;
  const head =
    '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n';
  assert.deepEqual(
    parseUdpQueues(head + line('00000010:00000A00') + line('00000000:00000000') + line('00000000:00000001')),
    {
      receive: 0xa01,
      transmit: 16,
    },
  );
  assert.deepEqual(parseUdpQueues(''), { receive: 0, transmit: 0 });
});

test('open files, and who is logged in by logind or by utmp', () => {
  assert.deepEqual(parseFileNr('1132\t2\t9223372036854775807\n'), { count: 1130, limit: 2 ** 63 });
  assert.deepEqual(countLogind(['0', '1000', '.#1000abc'], ['1', 'c2', '1.ref']), { users: 2, sessions: 2 });
  const entry = (type: number, name: string) => {
    const bytes = Buffer.alloc(384);
    bytes.writeInt32LE(type, 0);
    bytes.write(name, 44);
    return bytes;
  };
  const utmp = Buffer.concat([entry(2, 'reboot'), entry(7, 'ann'), entry(7, 'ann'), entry(7, 'bo'), entry(8, 'gone')]);
  assert.deepEqual(parseUtmp(Buffer.concat([utmp, Buffer.alloc(100)])), { users: 2, sessions: 3 });
});
