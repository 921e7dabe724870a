/** docs/host-metrics.md, of catalog.ts: what is measured of a machine, and what others call it. */
import { CONVENTIONS, catalog } from '../src/checks/catalog.ts';

const HEAD = `# Metrics of the host

Generated from \`src/checks/catalog.ts\` by \`npm run generate\`. Names, units and attributes are those of OpenTelemetry's
semantic conventions ${CONVENTIONS} where these have one; \`system.linux.*\`, and what is marked by \\*, are made in their manner
(the group \`system.*\` is still in development there). An interface is \`network.interface.name\` throughout. A \`sum\` is the
increase in the interval, which others keep as a counter since the boot; a \`gauge\` is what is so at its end. Shares are
from 0 to 1, where the Datadog Agent has percent; sizes are bytes.

Each check is switched by its name under \`metrics.host\`, and \`runnel check NAME\` runs it once. What a machine does not have is not
there: no file of zeros. What may not be asked (a sandbox, a container) is named by \`runnel status\`, and the check's
\`check.status\` is 1; so it is where there is too much: of interfaces, disks and file systems the first thousand are measured.
A byte of a name that is no UTF-8 is written as \`\\xff\`. With \`metrics.host_root: /host\` a container measures its host, where that is mounted there:
\`docker run --pid host --network host -v /:/host:ro,rslave ...\`.

The last two columns are for people who move: what the Datadog Agent and Prometheus' node_exporter call the same.
`;

const NOTES = {
  cpu_per_core: 'Off unless asked for. The sum over all has no `cpu.logical_number`: add up the one or the others.',
  cpu_frequency: 'Off unless asked for.',
  filesystem:
    'Real, local file systems; each once, at its shortest mount point; with `filesystem: {remote: true}` remote ones, too. What does not answer within a second is left out and named; it holds up nothing else.',
  network: "The host's ends of containers' cables (`veth...`) are left out.",
  sockets: 'Sums that the kernel keeps, of IPv4 and IPv6 together. `in_use` includes sockets that listen.',
  processes:
    '`processes: {match: [{name: nginx, user: www-data}]}` names processes, by `process`, `cmdline`, `cgroup` (globs), `user`, `pidfile`; `process.*` is their sum, or of each with `per_process: true`. I/O of other users takes CAP_SYS_PTRACE. What one uses that has slept for six intervals is told an interval later, at most. `processes: {states: true}` counts all by state.',
  clock:
    "By adjtimex(2). Where that may not be called, as under the agent's own unit, systemd-timesyncd's mark only. `system.time.kafka_offset` is how far Kafka's clock is ahead of ours (Kafka 3.3 or later with KRaft; it takes the right to Describe the cluster), asked every ten minutes, and `..._error` how sure that is.",
  cgroups:
    'cgroup v2. `container.*` without `container.id` is the container in which the agent runs. Containers are found by the paths of docker, containerd, CRI-O and podman, within 30 s.',
  systemd: 'Only with `systemd: {units: [nginx.service]}`.',
  temperature: 'Where there are sensors.',
};

export function hostMetrics() {
  const cell = (text) => text.replaceAll('|', '\\|');
  const code = (text) => (text === '' ? '' : `\`${cell(text)}\``);
  const lines = [HEAD];
  let check = '';
  for (const row of catalog()) {
    if (row.check !== check) {
      check = row.check;
      lines.push(`## ${check}`, '');
      if (NOTES[check]) lines.push(NOTES[check], '');
      lines.push('| metric | unit | type | attributes | Datadog Agent | node_exporter |', '|---|---|---|---|---|---|');
    }
    const attributes = row.attributes.map((name) => `\`${name}\``).join(', ');
    const name = `\`${row.name}\`${row.star ? ' \\*' : ''}`;
    lines.push(
      `| ${name} | ${row.unit} | ${row.type} | ${attributes} | ${code(row.datadog)} | ${code(row.node_exporter)} |`,
    );
    lines.push('');
  }
  // A blank line behind a table, none within.
  const text = lines.join('\n').replaceAll(/\|\n\n(?=\|)/g, '|\n');
  return `${text.trimEnd()}\n`;
}
