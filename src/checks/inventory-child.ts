/**
 * The process that takes the inventory of this machine by systeminformation, says it, and ends (inventory.ts starts it):
 * that starts programs, and blocks for up to a second. What changes by itself (free memory, speeds) is left out.
 */
import { execFile } from 'node:child_process';
import os from 'node:os';
import { endWithParent } from '../native.ts';
import type { Inventory } from './inventory.ts';
import { countPackages } from './packages.ts';

/** Of disks and interfaces. */
const MOST = 64;
/** Which come and go with containers. */
const OF_CONTAINERS = /^(veth|cali|lxc|docker\d|br-)/;

endWithParent();
try {
  os.setPriority(os.constants.priority.PRIORITY_LOW);
} catch {
  // The agent's own unit does not allow it (@resources): its CPUWeight is low as it is.
}

/** What a machine does not say is left out. */
function said<T extends object>(values: T): Partial<T> {
  const isSaid = (value: unknown) => value !== '' && value !== null && value !== undefined && value !== '-';
  return Object.fromEntries(Object.entries(values).filter(([, value]) => isSaid(value))) as Partial<T>;
}

async function take(): Promise<Inventory> {
  const si = await import('systeminformation');
  const { manufacturer, model, virtual, virtualHost } = await si.system();
  const bios = await si.bios();
  const cpu = await si.cpu();
  const memory = await si.mem();
  const system = await si.osInfo();
  const disks = await si.diskLayout();
  const all = await si.networkInterfaces();
  const networks = (Array.isArray(all) ? all : [all]).filter(({ iface }) => !OF_CONTAINERS.test(iface));
  const { distro, release, codename, kernel, arch, platform, hostname, fqdn, uefi } = system;
  const { cores, physicalCores, processors } = cpu;
  return {
    hardware: {
      ...said({ manufacturer, model, virtual, hypervisor: virtualHost }),
      ...said({ bios_vendor: bios.vendor, bios_version: bios.version, bios_date: bios.releaseDate }),
      ...said({ cpu: cpu.brand, cpu_vendor: cpu.vendor, cores, physical_cores: physicalCores, sockets: processors }),
      memory_bytes: memory.total,
      swap_bytes: memory.swaptotal,
    },
    os: said({ platform, distro, release, codename, kernel, arch, hostname, fqdn, uefi, node: process.version }),
    disks: disks.slice(0, MOST).map((d) => said({ name: d.device, model: d.name, type: d.type, bytes: d.size })),
    network: networks
      .slice(0, MOST)
      .map((n) => said({ name: n.iface, mac: n.mac, ip4: n.ip4, ip6: n.ip6, mtu: n.mtu, state: n.operstate })),
    packages: await countPackages(rpm),
  };
}

/** The names of what is installed, a line each; null: there is no rpm. */
function rpm(): Promise<string | null> {
  return new Promise((resolve) => {
    const options = { maxBuffer: 16 << 20, timeout: 30_000, killSignal: 'SIGKILL' } as const;
    execFile('rpm', ['-qa', '--qf', '%{NAME}\n'], options, (error, stdout) => resolve(error ? null : stdout));
  });
}

process.send?.(await take(), () => process.exit());
