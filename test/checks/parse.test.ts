/** The parsers of /proc, on text as kernels print it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCpuStat } from '../../src/checks/cpu.ts';
import { parseDiskstats } from '../../src/checks/disk.ts';
import { parseFilesystems } from '../../src/checks/filesystem.ts';
import { parseLoadavg } from '../../src/checks/load.ts';
import { parseMeminfo } from '../../src/checks/memory.ts';
import { parseNetDev } from '../../src/checks/network.ts';
import { parseSwaps } from '../../src/checks/paging.ts';
import { parsePressure } from '../../src/checks/pressure.ts';
import { parsePairs } from '../../src/checks/proc.ts';
import { parseProcessStat } from '../../src/checks/processes.ts';
import { parseUptime } from '../../src/checks/uptime.ts';

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
  const bytes = parseMeminfo('MemTotal:       24684096 kB\nActive(anon):      12 kB\nHugePages_Total:       7\n');
  assert.deepEqual(
    [...bytes],
    [
      ['MemTotal', 24684096 * 1024],
      ['Active(anon)', 12288],
      ['HugePages_Total', 7],
    ],
  );
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
  // A partition whose disk the machine does not see, as on some virtual machines.
  assert.deepEqual(names('xvda1'), ['xvda1']);
});

test('a disk counts sectors of 512 bytes and milliseconds', () => {
  assert.deepEqual(parseDiskstats(' 8 0 sda 10 1 16 2000 20 2 32 4000 0 5000 6000\n'), [
    {
      device: 'sda',
      reads: 10,
      bytesRead: 8192,
      readSeconds: 2,
      writes: 20,
      bytesWritten: 16384,
      writeSeconds: 4,
      ioSeconds: 5,
      weightedSeconds: 6,
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
    [...parsePairs('pgfault 12\noom_kill 0\n')],
    [
      ['pgfault', 12],
      ['oom_kill', 0],
    ],
  );
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
