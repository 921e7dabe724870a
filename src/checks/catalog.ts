/**
 * Every metric that the checks of this machine yield, and what the Datadog Agent and Prometheus' node_exporter call it.
 * docs/host-metrics.md is made of it (`npm run generate`), and tests hold it against what checks yield. Rules of
 * alerts are held against its names.
 *
 * Names are those of OpenTelemetry's semantic conventions where these have one; `system.linux.*` and what is marked by *
 * are made in their manner. `network.interface.name` stands throughout, also where 1.44 says `system.device`.
 */
export const CONVENTIONS = '1.44.0';

export interface CatalogRow {
  /** By which it is yielded. */
  check: string;
  name: string;
  unit: string;
  type: 'sum' | 'gauge';
  attributes: string[];
  /** Its names elsewhere; empty: it has none there. */
  datadog: string;
  node_exporter: string;
}

/** `[check]`, then rows: name, unit, type, attributes, Datadog Agent, node_exporter. */
const TABLE = `
[cpu]
system.cpu.time | s | sum | cpu.mode | | node_cpu_seconds_total
system.cpu.utilization | 1 | gauge | cpu.mode | system.cpu.{user,system,idle,iowait,stolen,interrupt} (percent) |
system.cpu.logical.count | {cpu} | gauge | | system.cpu.num_cores | count(node_cpu_seconds_total{mode="idle"})
system.linux.cpu.guest_time | s | sum | cpu.mode | system.cpu.guest (percent) | node_cpu_guest_seconds_total
system.linux.context_switches | {switch} | sum | | system.cpu.context_switches | node_context_switches_total
system.linux.interrupts | {interrupt} | sum | | | node_intr_total
[cpu_per_core]
system.cpu.time | s | sum | cpu.mode, cpu.logical_number | | node_cpu_seconds_total
system.cpu.utilization | 1 | gauge | cpu.mode, cpu.logical_number | system.cpu.*.total (percent) |
[cpu_frequency]
system.cpu.frequency | Hz | gauge | cpu.logical_number | | node_cpu_scaling_frequency_hertz
[load]
system.cpu.load_average.1m * | {thread} | gauge | | system.load.1 | node_load1
system.cpu.load_average.5m * | {thread} | gauge | | system.load.5 | node_load5
system.cpu.load_average.15m * | {thread} | gauge | | system.load.15 | node_load15
[memory]
system.memory.usage | By | gauge | system.memory.state | system.mem.{used,free,cached,buffered} | node_memory_{MemFree,Cached,Buffers}_bytes
system.memory.limit | By | gauge | | system.mem.total | node_memory_MemTotal_bytes
system.memory.utilization | 1 | gauge | system.memory.state | 1 - system.mem.pct_usable |
system.memory.linux.available | By | gauge | | system.mem.usable | node_memory_MemAvailable_bytes
system.memory.linux.shared | By | gauge | | system.mem.shared | node_memory_Shmem_bytes
system.memory.linux.slab.usage | By | gauge | system.memory.linux.slab.state | system.mem.slab, system.mem.slab_reclaimable | node_memory_{SReclaimable,SUnreclaim}_bytes
system.memory.linux.committed * | By | gauge | | system.mem.committed_as | node_memory_Committed_AS_bytes
system.memory.linux.commit_limit * | By | gauge | | system.mem.commit_limit | node_memory_CommitLimit_bytes
system.memory.linux.dirty * | By | gauge | | | node_memory_Dirty_bytes
system.memory.linux.writeback * | By | gauge | | | node_memory_Writeback_bytes
system.memory.linux.mapped * | By | gauge | | | node_memory_Mapped_bytes
system.memory.linux.anonymous * | By | gauge | | | node_memory_AnonPages_bytes
system.memory.linux.transparent_hugepages * | By | gauge | | | node_memory_AnonHugePages_bytes
system.memory.linux.page_tables * | By | gauge | | system.mem.page_tables | node_memory_PageTables_bytes
system.memory.linux.kernel_stack * | By | gauge | | | node_memory_KernelStack_bytes
system.memory.linux.per_cpu * | By | gauge | | | node_memory_Percpu_bytes
system.memory.linux.vmalloc * | By | gauge | | | node_memory_VmallocUsed_bytes
system.memory.linux.unevictable * | By | gauge | | | node_memory_Unevictable_bytes
system.memory.linux.locked * | By | gauge | | | node_memory_Mlocked_bytes
system.memory.linux.swap_cached * | By | gauge | | system.swap.cached | node_memory_SwapCached_bytes
system.memory.linux.corrupted * | By | gauge | | | node_memory_HardwareCorrupted_bytes
system.memory.linux.aged * | By | gauge | state | | node_memory_{Active,Inactive}_bytes
system.memory.linux.hugepages.limit | {page} | gauge | | system.mem.huge_pages.total | node_memory_HugePages_Total
system.memory.linux.hugepages.usage | {page} | gauge | system.memory.linux.hugepages.state | system.mem.huge_pages.{used,free} | node_memory_HugePages_Free
system.memory.linux.hugepages.reserved | {page} | gauge | | | node_memory_HugePages_Rsvd
system.memory.linux.hugepages.surplus | {page} | gauge | | | node_memory_HugePages_Surp
system.memory.linux.hugepages.page_size | By | gauge | | | node_memory_Hugepagesize_bytes
[paging]
system.paging.usage | By | gauge | system.device, system.paging.state | system.swap.{used,free} | node_memory_{SwapTotal,SwapFree}_bytes
system.paging.utilization | 1 | gauge | system.device | 1 - system.swap.pct_free |
system.paging.operations | {operation} | sum | system.paging.direction, system.paging.fault.type | system.swap.swap_in, system.swap.swap_out | node_vmstat_{pswpin,pswpout}
system.paging.faults | {fault} | sum | system.paging.fault.type | | node_vmstat_{pgfault,pgmajfault}
system.linux.paging.io | By | sum | system.paging.direction | | node_vmstat_{pgpgin,pgpgout} (KiB)
system.linux.oom_kills | {kill} | sum | | | node_vmstat_oom_kill
[disk]
system.disk.io | By | sum | system.device, disk.io.direction | system.io.rkb_s, system.io.wkb_s | node_disk_{read,written}_bytes_total
system.disk.operations | {operation} | sum | system.device, disk.io.direction | system.io.r_s, system.io.w_s | node_disk_{reads,writes}_completed_total
system.disk.operation_time | s | sum | system.device, disk.io.direction | system.io.r_await, system.io.w_await | node_disk_{read,write}_time_seconds_total
system.disk.merged | {operation} | sum | system.device, disk.io.direction | system.io.rrqm_s, system.io.wrqm_s | node_disk_{reads,writes}_merged_total
system.disk.io_time | s | sum | system.device | system.io.util (percent) | node_disk_io_time_seconds_total
system.disk.weighted_io_time * | s | sum | system.device | system.io.avg_q_sz | node_disk_io_time_weighted_seconds_total
system.disk.pending_operations * | {operation} | gauge | system.device | | node_disk_io_now
system.linux.disk.discards | {operation} | sum | system.device | | node_disk_discards_completed_total
system.linux.disk.flushes | {operation} | sum | system.device | | node_disk_flush_requests_total
[filesystem]
system.filesystem.usage | By | gauge | system.device, system.filesystem.mountpoint, system.filesystem.type, system.filesystem.mode, system.filesystem.state | system.disk.used, system.disk.free | node_filesystem_{free,avail}_bytes
system.filesystem.limit | By | gauge | system.device, system.filesystem.mountpoint, system.filesystem.type, system.filesystem.mode | system.disk.total | node_filesystem_size_bytes
system.filesystem.utilization | 1 | gauge | system.device, system.filesystem.mountpoint, system.filesystem.type, system.filesystem.mode | system.disk.in_use |
system.filesystem.inodes.usage * | {inode} | gauge | system.device, system.filesystem.mountpoint, system.filesystem.type, system.filesystem.mode, system.filesystem.state | system.fs.inodes.{used,free} | node_filesystem_{files,files_free}
system.filesystem.readonly * | 1 | gauge | system.device, system.filesystem.mountpoint | | node_filesystem_readonly
[network]
system.network.io | By | sum | network.interface.name, network.io.direction | system.net.bytes_rcvd, system.net.bytes_sent | node_network_{receive,transmit}_bytes_total
system.network.packet.count | {packet} | sum | network.interface.name, network.io.direction | system.net.packets_{in,out}.count | node_network_{receive,transmit}_packets_total
system.network.packet.dropped | {packet} | sum | network.interface.name, network.io.direction | system.net.packets_{in,out}.drop | node_network_{receive,transmit}_drop_total
system.network.errors | {error} | sum | network.interface.name, network.io.direction | system.net.packets_{in,out}.error | node_network_{receive,transmit}_errs_total
[sockets]
system.network.connection.count | {connection} | gauge | network.transport, network.connection.state | system.net.tcp4.*, system.net.udp4.connections | node_sockstat_{TCP_inuse,TCP_orphan,TCP_tw,TCP_alloc,UDP_inuse}, node_netstat_Tcp_CurrEstab
system.linux.socket.count | {socket} | gauge | | | node_sockstat_sockets_used
system.linux.socket.memory | By | gauge | network.transport | | node_sockstat_{TCP,UDP}_mem_bytes
system.linux.tcp.segments | {segment} | sum | network.io.direction | system.net.tcp.{in,out}_segs | node_netstat_Tcp_{InSegs,OutSegs}
system.linux.tcp.retransmits | {segment} | sum | | system.net.tcp.retrans_segs | node_netstat_Tcp_RetransSegs
system.linux.tcp.errors | {segment} | sum | | system.net.tcp.in_errors | node_netstat_Tcp_InErrs
system.linux.tcp.resets | {segment} | sum | | system.net.tcp.out_resets | node_netstat_Tcp_OutRsts
system.linux.tcp.opens | {connection} | sum | direction | system.net.tcp.{active,passive}_opens | node_netstat_Tcp_{ActiveOpens,PassiveOpens}
system.linux.tcp.failed_attempts | {connection} | sum | | system.net.tcp.attempt_fails |
system.linux.tcp.reset_connections | {connection} | sum | | system.net.tcp.established_resets |
system.linux.tcp.listen_drops | {connection} | sum | | system.net.tcp.listen_drops | node_netstat_TcpExt_ListenDrops
system.linux.tcp.listen_overflows | {connection} | sum | | system.net.tcp.listen_overflows | node_netstat_TcpExt_ListenOverflows
system.linux.tcp.syn_retransmits | {segment} | sum | | system.net.tcp.syn_retrans | node_netstat_TcpExt_TCPSynRetrans
system.linux.tcp.timeouts | {timeout} | sum | | system.net.tcp.tcp_timeouts | node_netstat_TcpExt_TCPTimeouts
system.linux.tcp.out_of_order | {segment} | sum | | system.net.tcp.ofo_queue | node_netstat_TcpExt_TCPOFOQueue
system.linux.tcp.receive_drops | {segment} | sum | | system.net.tcp.rcv_q_drop | node_netstat_TcpExt_TCPRcvQDrop
system.linux.tcp.syncookies | {packet} | sum | result | system.net.tcp.syn_cookies_{sent,recv,failed} | node_netstat_TcpExt_Syncookies{Sent,Recv,Failed}
system.linux.udp.datagrams | {packet} | sum | network.io.direction | system.net.udp.{in,out}_datagrams | node_netstat_Udp_{InDatagrams,OutDatagrams} + Udp6
system.linux.udp.errors | {packet} | sum | error.type | system.net.udp.{rcv_buf_errors,snd_buf_errors,no_ports,in_csum_errors,in_errors} | node_netstat_Udp_{RcvbufErrors,SndbufErrors,NoPorts,InErrors} + Udp6
system.linux.udp.queue | By | gauge | network.io.direction | | node_udp_queues
[pressure]
system.linux.pressure.stall_time | s | sum | resource, kind | | node_pressure_{cpu,memory,io,irq}_{waiting,stalled}_seconds_total
[processes]
system.process.created | {process} | sum | | | node_forks_total
system.process.count | {process} | gauge | process.state | | node_procs_running, node_procs_blocked, node_processes_state
system.linux.thread.count | {thread} | gauge | | | node_processes_threads
process.count * | {process} | gauge | process.group, process.pid, process.executable.name | system.processes.number |
process.cpu.time | s | sum | process.group, process.pid, process.executable.name, cpu.mode | system.processes.cpu.pct |
process.memory.usage | By | gauge | process.group, process.pid, process.executable.name | system.processes.mem.rss |
process.memory.virtual | By | gauge | process.group, process.pid, process.executable.name | system.processes.mem.vms |
process.thread.count | {thread} | gauge | process.group, process.pid, process.executable.name | system.processes.threads |
process.unix.file_descriptor.count | {file_descriptor} | gauge | process.group, process.pid, process.executable.name | system.processes.open_file_descriptors |
process.disk.io | By | sum | process.group, process.pid, process.executable.name, disk.io.direction | system.processes.ioread_bytes, system.processes.iowrite_bytes |
process.paging.faults | {fault} | sum | process.group, process.pid, process.executable.name, system.paging.fault.type | system.processes.mem.page_faults.* |
process.uptime | s | gauge | process.group, process.pid, process.executable.name | system.processes.run_time.max |
[file_handles]
system.linux.file_handle.count | {file} | gauge | | system.fs.file_handles.allocated | node_filefd_allocated
system.linux.file_handle.limit | {file} | gauge | | system.fs.file_handles.max | node_filefd_maximum
[conntrack]
system.linux.conntrack.count | {entry} | gauge | | system.net.conntrack.count | node_nf_conntrack_entries
system.linux.conntrack.limit | {entry} | gauge | | system.net.conntrack.max | node_nf_conntrack_entries_limit
[uptime]
system.uptime | s | gauge | | system.uptime | time() - node_boot_time_seconds
system.linux.boot_time | s | gauge | | | node_boot_time_seconds
[users]
system.linux.users | {user} | gauge | | |
system.linux.sessions | {session} | gauge | | | node_logind_sessions
[temperature]
hw.temperature | Cel | gauge | hw.id, hw.name, hw.sensor_location | | node_hwmon_temp_celsius, node_thermal_zone_temp
[clock]
system.time.synchronised * | 1 | gauge | | | node_timex_sync_status
system.time.offset * | s | gauge | | ntp.offset | node_timex_offset_seconds
system.time.max_error * | s | gauge | | | node_timex_maxerror_seconds
system.time.estimated_error * | s | gauge | | | node_timex_estimated_error_seconds
system.time.kafka_offset * | s | gauge | | |
system.time.kafka_offset_error * | s | gauge | | |
[cgroups]
container.cpu.time | s | sum | container.id, container.runtime, container.name, container.image.name, k8s.pod.uid, k8s.pod.name, k8s.namespace.name, cpu.mode | container.cpu.{user,system} | (cAdvisor) container_cpu_{user,system}_seconds_total
container.cpu.throttled_time * | s | sum | the same | container.cpu.throttled | (cAdvisor) container_cpu_cfs_throttled_seconds_total
container.cpu.throttled_periods * | {period} | sum | the same | container.cpu.throttled.periods | (cAdvisor) container_cpu_cfs_throttled_periods_total
container.cpu.limit * | {cpu} | gauge | the same | container.cpu.limit | (cAdvisor) container_spec_cpu_quota
container.memory.usage | By | gauge | the same | container.memory.usage | (cAdvisor) container_memory_usage_bytes
container.memory.working_set | By | gauge | the same | container.memory.working_set | (cAdvisor) container_memory_working_set_bytes
container.memory.limit * | By | gauge | the same | container.memory.limit | (cAdvisor) container_spec_memory_limit_bytes
container.memory.swap * | By | gauge | the same | container.memory.swap | (cAdvisor) container_memory_swap
container.oom_kills * | {kill} | sum | the same | container.memory.oom_events | (cAdvisor) container_oom_events_total
container.disk.io | By | sum | the same, disk.io.direction | container.io.{read,write} | (cAdvisor) container_fs_{reads,writes}_bytes_total
container.disk.operations * | {operation} | sum | the same, disk.io.direction | container.io.{read,write}.operations | (cAdvisor) container_fs_{reads,writes}_total
container.pids.count * | {pid} | gauge | the same | container.pid.thread_count | (cAdvisor) container_threads
container.pids.limit * | {pid} | gauge | the same | container.pid.thread_limit | (cAdvisor) container_threads_max
system.linux.cgroup.cpu.time | s | sum | linux.cgroup.path, cpu.mode | |
system.linux.cgroup.cpu.throttled_time | s | sum | linux.cgroup.path | |
system.linux.cgroup.cpu.throttled_periods | {period} | sum | linux.cgroup.path | |
system.linux.cgroup.cpu.limit | {cpu} | gauge | linux.cgroup.path | |
system.linux.cgroup.memory.usage | By | gauge | linux.cgroup.path | |
system.linux.cgroup.memory.working_set | By | gauge | linux.cgroup.path | |
system.linux.cgroup.memory.limit | By | gauge | linux.cgroup.path | |
system.linux.cgroup.memory.swap | By | gauge | linux.cgroup.path | |
system.linux.cgroup.oom_kills | {kill} | sum | linux.cgroup.path | |
system.linux.cgroup.disk.io | By | sum | linux.cgroup.path, disk.io.direction | |
system.linux.cgroup.disk.operations | {operation} | sum | linux.cgroup.path, disk.io.direction | |
system.linux.cgroup.pids.count | {pid} | gauge | linux.cgroup.path | | node_systemd_unit_tasks_current
system.linux.cgroup.pids.limit | {pid} | gauge | linux.cgroup.path | | node_systemd_unit_tasks_max
[systemd]
systemd.unit.state * | 1 | gauge | systemd.unit.name, systemd.unit.state | systemd.unit.{active,monitored} | node_systemd_unit_state
systemd.unit.restarts * | {restart} | sum | systemd.unit.name | systemd.service.restart_count | node_systemd_service_restart_total
systemd.unit.uptime * | s | gauge | systemd.unit.name | systemd.unit.uptime | node_systemd_unit_start_time_seconds
[of each check]
check.duration * | s | gauge | check | datadog.agent.check_run.duration | node_scrape_collector_duration_seconds
check.status * | 1 | gauge | check | datadog.agent.check_status | node_scrape_collector_success
`;

/** `star`: the conventions have no such name. */
export function catalog(): (CatalogRow & { star: boolean })[] {
  const rows: (CatalogRow & { star: boolean })[] = [];
  let check = '';
  let before: string[] = [];
  for (const line of TABLE.trim().split('\n')) {
    if (line.startsWith('[')) {
      check = line.slice(1, -1);
      continue;
    }
    const [title = '', unit = '', type, said = '', datadog = '', node_exporter = ''] = line
      .split('|')
      .map((cell) => cell.trim());
    const words = said === '' ? [] : said.split(', ');
    const attributes = words[0] === 'the same' ? [...before, ...words.slice(1)] : words;
    if (words[0] !== 'the same') before = words.filter((word) => word !== 'cpu.mode');
    const star = title.endsWith(' *');
    const name = star ? title.slice(0, -2) : title;
    rows.push({ check, name, unit, type: type as CatalogRow['type'], attributes, datadog, node_exporter, star });
  }
  return rows;
}
