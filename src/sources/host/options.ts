/** `metrics`: what the agent measures by itself. */
import { checksOption } from '../../checks/custom/options.ts';
import { list, option, optional, orFalse, required, section, type Values } from '../../config/option.ts';
import { duration, name, path, text, topic, yesNo } from '../../config/types.ts';

const processMatch = section({
  name: required(
    name('text', 'nginx'),
    'What they are called in metrics (process.group); unless process, cmdline, cgroup or pidfile say otherwise, the name of the process, too.',
  ),
  process: optional(text('glob', 'nginx'), 'The name of the process.'),
  cmdline: optional(text('glob', 'nginx: master*'), 'Its command line.'),
  user: optional(text('text', 'www-data'), 'Its user, by name or number.'),
  cgroup: optional(text('glob', '/system.slice/nginx.service'), 'Its cgroup.'),
  pidfile: optional(path('/run/nginx.pid'), 'The file in which its number stands.'),
  per_process: option(yesNo(), 'false', 'Metrics of each process (process.pid), instead of their sum.'),
});

const hostFields = {
  cpu: option(yesNo(), 'true', 'system.cpu.*'),
  cpu_per_core: option(yesNo(), 'false', 'system.cpu.* of each processor, with `cpu.logical_number`, beside the sum.'),
  cpu_frequency: option(yesNo(), 'false', 'system.cpu.frequency'),
  memory: option(yesNo(), 'true', 'system.memory.*'),
  load: option(yesNo(), 'true', 'system.cpu.load_average.*'),
  disk: option(yesNo(), 'true', 'system.disk.*'),
  filesystem: option(
    orFalse({
      remote: option(
        yesNo(),
        'false',
        'Remote ones too (nfs, cifs, ceph, sshfs): a process is started for each at each interval, as it may hang.',
      ),
    }),
    {},
    'system.filesystem.*',
  ),
  network: option(yesNo(), 'true', 'system.network.*'),
  sockets: option(yesNo(), 'true', 'Connections by state, retransmits, listen drops, queues of UDP.'),
  uptime: option(yesNo(), 'true', 'system.uptime, and when the machine was booted.'),
  paging: option(yesNo(), 'true', 'system.paging.*'),
  processes: option(
    orFalse({
      states: option(yesNo(), 'false', 'Looks at every process for its state: it costs some microseconds for each.'),
      match: option(
        list(processMatch),
        [],
        'Processes that are measured, by name, command line, user, cgroup or pid file.',
      ),
    }),
    {},
    'system.process.*; and process.* of those that are named.',
  ),
  pressure: option(yesNo(), 'true', 'Pressure stall information, where the kernel has it.'),
  file_handles: option(yesNo(), 'true', 'Open files of the whole machine.'),
  conntrack: option(yesNo(), 'true', 'Connections that the firewall follows, where it does.'),
  users: option(yesNo(), 'true', 'Who is logged in.'),
  temperature: option(yesNo(), 'true', 'hw.temperature, where there are sensors.'),
  clock: option(yesNo(), 'true', 'system.time.*: whether the clock is kept, and how far it is off.'),
  cgroups: option(
    yesNo(),
    'true',
    'Of containers (docker, containerd, CRI-O, podman), of the one that the agent runs in, and of slices of systemd; cgroup v2.',
  ),
  systemd: option(
    orFalse({
      units: option(list(name('unit name', 'nginx.service')), [], 'Units, or globs of units that are loaded.'),
    }),
    {},
    'States and restarts of units, by systemctl show at each interval.',
  ),
};
const host = orFalse(hostFields);
/** The names of the checks that there are without any configuration. */
export const BUILT_IN = Object.keys(hostFields);

const metricsSection = section(
  {
    interval: option(duration({ min: '1s', max: '1h' }), '10s', 'How often everything is measured.'),
    topic: optional(
      topic('runnel.metrics'),
      'Where metrics go, those of StatsD too. Default: <kafka.topic_prefix>.metrics.',
    ),
    host_root: option(
      path('/'),
      '/',
      'Where the files of the host are seen: /host in a container that measures its host and has its / mounted there.',
    ),
    inventory: option(
      yesNo(),
      'true',
      'An event soon after the start and every hour: hardware, system, disks, network, packages, and what changed.',
    ),
    host: option(host, {}, 'Metrics of this machine, under their OpenTelemetry names. false: none.'),
    checks: checksOption,
  },
  'metrics: {interval: 10s}, or metrics: {host: false} for none',
);

export const metricsOption = option(metricsSection, {}, 'What the agent measures by itself.');

type RawMetrics = Values<typeof metricsSection>;
export type MetricsConfig = Omit<RawMetrics, 'topic'> & { topic: string };

export function completeMetrics(raw: RawMetrics, prefix: string): MetricsConfig {
  return { ...raw, topic: raw.topic ?? `${prefix}.metrics` };
}
