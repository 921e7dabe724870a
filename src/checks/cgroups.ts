/**
 * CPU, throttling, memory, kills, I/O and processes of cgroups (v2): of the container in which the agent runs, of the
 * containers of docker, containerd, CRI-O and podman on this machine, and of systemd's slices. The runtimes name their
 * cgroups by the container's id:
 *
 *   /system.slice/docker-ID.scope                                  docker, by systemd
 *   /docker/ID                                                     docker, by itself
 *   /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice/cri-containerd-ID.scope
 *   /kubepods/burstable/podUID/ID                                  containerd, by itself
 *   .../crio-ID.scope, /machine.slice/libpod-ID.scope              CRI-O, podman
 */

import { forgetCgroup, reportCgroup } from './cgroup-stat.ts';
import type { Attributes, Check } from './check.ts';
import { ContainerNames } from './container-names.ts';
import type { HostFiles } from './files.ts';

const ROOT = '/sys/fs/cgroup';
/** A container that begins is seen after that. */
const LOOK_AGAIN_MS = 30_000;
const MOST_CONTAINERS = 500;
/** Directories that are looked into at a look. */
const MOST_LOOKED_INTO = 5000;

const ID = '[0-9a-f]{64}';
const SCOPE = new RegExp(`^(docker|cri-containerd|crio|libpod|nerdctl)-(${ID})\\.scope$`);
const BARE = new RegExp(`^(?:libpod-)?(${ID})$`);
/** Where containers may be below. */
const PARENT =
  /\.slice$|^(docker|kubepods|besteffort|burstable|guaranteed|libpod_parent|podman|nerdctl|pod[-0-9a-f]+)$/;
const RUNTIMES: Readonly<Record<string, string>> = {
  docker: 'docker',
  'cri-containerd': 'containerd',
  nerdctl: 'containerd',
  crio: 'cri-o',
  libpod: 'podman',
};

export interface ContainerCgroup {
  directory: string;
  id: string;
  runtime: string;
  /** Of its pod, in Kubernetes. */
  pod: string | null;
}

/** The container whose cgroup this is; null: none. `directory` from the root of the hierarchy on. */
export function containerOf(directory: string): ContainerCgroup | null {
  const name = directory.slice(directory.lastIndexOf('/') + 1);
  const [, prefix, scoped] = SCOPE.exec(name) ?? [];
  const id = scoped ?? BARE.exec(name)?.[1];
  if (id === undefined) return null;
  // The cgroup of a pod by systemd has its UID with _ in place of -.
  const pod = /[/-]pod([0-9a-f]{8}(?:[-_][0-9a-f]+){4}|[0-9a-f]{32})(?:\.slice)?\//.exec(directory)?.[1] ?? null;
  const parent = pod !== null ? 'cri-containerd' : (/^\/(docker|libpod)/.exec(directory)?.[1] ?? 'docker');
  return { directory, id, runtime: RUNTIMES[prefix ?? parent]!, pod: pod?.replaceAll('_', '-') ?? null };
}

/** Containers, and the slices right below the root. `list`: the names of the directories in one. */
export function findCgroups(list: (directory: string) => string[]): {
  containers: ContainerCgroup[];
  slices: string[];
} {
  const containers: ContainerCgroup[] = [];
  const slices = list('').filter((name) => /\.(slice|scope)$/.test(name));
  const waiting = [''];
  for (let looked = 0; waiting.length > 0 && looked < MOST_LOOKED_INTO; looked++) {
    const directory = waiting.pop()!;
    for (const name of directory === '' ? list('') : list(directory)) {
      const below = `${directory}/${name}`;
      const container = containerOf(below);
      if (container) containers.push(container);
      else if (PARENT.test(name)) waiting.push(below);
    }
  }
  return { containers, slices: slices.map((name) => `/${name}`) };
}

interface Place {
  directory: string;
  prefix: 'container' | 'system.linux.cgroup';
  attributes: Attributes;
}

/** By where docker and the like mount the container's own files from. */
function ownContainer(host: HostFiles): Attributes {
  const id = new RegExp(`/containers/(?:[^ ]*/)?(${ID})/`).exec(host.once('/proc/self/mountinfo') ?? '')?.[1];
  return id === undefined ? {} : { 'container.id': id };
}

export function cgroups(host: HostFiles): Check {
  let places: Place[] = [];
  let left = 0;
  let looked = Number.NEGATIVE_INFINITY;

  function look(root: string): void {
    const { containers, slices } = findCgroups((directory) => host.directories(`${root}${directory}`));
    left = Math.max(0, containers.length - MOST_CONTAINERS);
    const names = new ContainerNames(host);
    const before = new Set(places.map(({ directory }) => directory));
    // Of a container's own view the root is the container; on a host the root has no memory.current.
    const own: Place[] = host.has(`${root}/memory.current`)
      ? [{ directory: root, prefix: 'container', attributes: ownContainer(host) }]
      : [];
    places = [
      ...own,
      ...slices.map(
        (directory): Place => ({
          directory: root + directory,
          prefix: 'system.linux.cgroup',
          attributes: { 'linux.cgroup.path': directory },
        }),
      ),
      ...containers.slice(0, MOST_CONTAINERS).map(
        (container): Place => ({
          directory: root + container.directory,
          prefix: 'container',
          attributes: {
            'container.id': container.id,
            'container.runtime': container.runtime,
            ...(container.pod !== null && { 'k8s.pod.uid': container.pod }),
            ...names.of(container),
          },
        }),
      ),
    ];
    for (const { directory } of places) before.delete(directory);
    for (const directory of before) forgetCgroup(host, directory);
  }

  return (meter) => {
    if (performance.now() - looked > LOOK_AGAIN_MS) {
      looked = performance.now();
      // Beside cgroup v1 the second version is mounted for systemd alone, or not at all: no controller is in it.
      if (host.has(`${ROOT}/cgroup.controllers`)) look(ROOT);
    }
    for (const { directory, prefix, attributes } of places) {
      // One that has ended is found gone at the next look, or here.
      if (!reportCgroup(meter, host, directory, prefix, attributes)) looked = Number.NEGATIVE_INFINITY;
    }
    if (left > 0) meter.lack(`${left} containers beyond ${MOST_CONTAINERS} are left out`);
  };
}
