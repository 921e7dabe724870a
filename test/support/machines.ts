/** Machines made of files: what /proc, /sys and /run say on several kernels and distributions, for `host_root`. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Path and contents. */
export type Files = Readonly<Record<string, string>>;

/** The files below a directory of their own, which is removed at the end. */
export function machine(files: Files): { root: string; put(files: Files): void } & Disposable {
  const root = mkdtempSync(join(tmpdir(), 'runnel-machine-'));
  const put = (more: Files) => {
    for (const [path, text] of Object.entries(more)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
  };
  put(files);
  return { root, put, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

const ID = 'a'.repeat(64);
const POD_ID = 'b'.repeat(64);
const CRIO_ID = 'c'.repeat(64);
const POD = '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12345678_1234_1234_1234_123456789abc.slice';

const ANY: Files = {
  '/proc/stat':
    'cpu  100 1 50 1000 5 0 2 0 0 0\ncpu0 100 1 50 1000 5 0 2 0 0 0\nintr 10 1 2\nctxt 20\nbtime 1796000000\nprocesses 30\nprocs_running 1\nprocs_blocked 0\n',
  '/proc/loadavg': '0.10 0.20 0.30 1/123 456\n',
  '/proc/meminfo': 'MemTotal: 1000 kB\nMemFree: 300 kB\nBuffers: 50 kB\nCached: 200 kB\n',
  '/proc/diskstats': '',
  '/proc/uptime': '1000.50 900.00\n',
  '/proc/1/mountinfo': '',
  '/proc/1/net/dev': 'Inter-|\n face |\n',
  '/proc/sys/fs/file-nr': '100\t0\t9223372036854775807\n',
};

/** A second later. */
export const LATER: Files = { '/proc/stat': ANY['/proc/stat']!.replaceAll(' 1000 ', ' 1100 ') };

/** A cgroup with all controllers. */
function cgroup(directory: string): Files {
  const at = `/sys/fs/cgroup${directory}`;
  return {
    [`${at}/cpu.stat`]:
      'usage_usec 300\nuser_usec 200\nsystem_usec 100\nnr_periods 4\nnr_throttled 2\nthrottled_usec 5000\n',
    [`${at}/cpu.max`]: '150000 100000\n',
    [`${at}/memory.current`]: '5000\n',
    [`${at}/memory.stat`]: 'anon 1000\nfile 4000\ninactive_file 3000\n',
    [`${at}/memory.max`]: '10000\n',
    [`${at}/memory.swap.current`]: '0\n',
    [`${at}/memory.events`]: 'low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n',
    [`${at}/io.stat`]: '8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:16 rbytes=5 wbytes=0 rios=1 wios=0\n',
    [`${at}/pids.current`]: '7\n',
    [`${at}/pids.max`]: '100\n',
  };
}

export const MACHINES = {
  /** CentOS 7: no MemAvailable, no pressure, no discards, swap, cgroup v1. */
  'linux 3.10': {
    ...ANY,
    '/proc/diskstats':
      '   8       0 sda 10 1 16 2000 20 2 32 4000 0 5000 6000\n   8       1 sda1 1 0 1 1 1 0 1 1 0 1 1\n',
    '/proc/swaps': 'Filename Type Size Used Priority\n/dev/dm-1 partition 2097148 1024 -1\n',
    '/proc/vmstat': 'pgpgin 10\npgpgout 20\npswpin 1\npswpout 2\npgfault 300\npgmajfault 4\n',
    '/run/utmp': '',
  },
  /** Debian 13 with docker: sensors, pressure, huge pages, conntrack, a governor. */
  'linux 6.12 with docker': {
    ...ANY,
    '/proc/meminfo': `${[
      ...['MemTotal: 1000', 'MemFree: 300', 'MemAvailable: 600', 'Buffers: 50', 'Cached: 200', 'SwapCached: 1'],
      ...['Active: 10', 'Inactive: 20', 'Unevictable: 1', 'Mlocked: 1', 'Dirty: 3', 'Writeback: 0', 'AnonPages: 40'],
      ...['Mapped: 30', 'Shmem: 5', 'SReclaimable: 20', 'SUnreclaim: 10', 'KernelStack: 2', 'PageTables: 3'],
      ...['CommitLimit: 900', 'Committed_AS: 500', 'VmallocUsed: 4', 'Percpu: 1', 'HardwareCorrupted: 0'],
      ...['AnonHugePages: 0', 'Hugepagesize: 2048'],
    ].join(' kB\n')} kB\nHugePages_Total:  8\nHugePages_Free:  3\nHugePages_Rsvd:  1\nHugePages_Surp:  0\n`,
    '/proc/diskstats': ' 259 0 nvme0n1 10 1 16 2000 20 2 32 4000 1 5000 6000 7 0 8 9 11 12\n',
    '/proc/vmstat': 'pgpgin 1\npgpgout 2\npswpin 0\npswpout 0\npgfault 3\npgmajfault 1\noom_kill 1\n',
    '/proc/pressure/cpu': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n',
    '/proc/pressure/irq': 'full avg10=0.00 avg60=0.00 avg300=0.00 total=10\n',
    '/proc/sys/fs/file-nr': '100\t0\t5000\n',
    '/proc/sys/net/netfilter/nf_conntrack_count': '12\n',
    '/proc/sys/net/netfilter/nf_conntrack_max': '65536\n',
    '/run/systemd/users/1000': '',
    '/run/systemd/sessions/1': '',
    '/sys/class/hwmon/hwmon0/name': 'coretemp\n',
    '/sys/class/hwmon/hwmon0/temp1_input': '45500\n',
    '/sys/class/hwmon/hwmon0/temp1_label': 'Package id 0\n',
    '/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq': '2400000\n',
    '/sys/fs/cgroup/cgroup.controllers': 'cpu io memory pids\n',
    ...cgroup('/system.slice'),
    ...cgroup(`/system.slice/docker-${ID}.scope`),
    [`/var/lib/docker/containers/${ID}/config.v2.json`]: '{"Name":"/web","Config":{"Image":"nginx:1"}}',
  },
  /** A node of Kubernetes, by containerd and CRI-O. */
  'linux 5.15 with kubernetes': {
    ...ANY,
    '/sys/fs/cgroup/cgroup.controllers': 'cpu io memory pids\n',
    ...cgroup('/kubepods.slice'),
    ...cgroup(`${POD}/cri-containerd-${POD_ID}.scope`),
    ...cgroup(`${POD}/crio-${CRIO_ID}.scope`),
    [`/var/log/containers/shop-1_prod_cart-${POD_ID}.log`]: '',
    '/sys/class/thermal/thermal_zone0/temp': '39000\n',
    '/sys/class/thermal/thermal_zone0/type': 'x86_pkg_temp\n',
  },
  /** The own view within a container: its cgroup is the root. */
  'linux 6.1 in a container': { ...ANY, '/sys/fs/cgroup/cgroup.controllers': 'cpu memory\n', ...cgroup('') },
} satisfies Record<string, Files>;

export const CONTAINERS = { docker: ID, containerd: POD_ID, crio: CRIO_ID };
