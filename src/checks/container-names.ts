/**
 * What a container is called, by the files that its runtime keeps: docker's configuration of the container, the links
 * that the kubelet makes for logs, podman's list.
 */

import type { ContainerCgroup } from './cgroups.ts';
import type { Attributes } from './check.ts';
import type { HostFiles } from './files.ts';

/** `POD_NAMESPACE_CONTAINER-ID.log` in /var/log/containers, by the id. */
export function parseLogLinks(names: readonly string[]): Map<string, Attributes> {
  const found = new Map<string, Attributes>();
  for (const name of names) {
    const [, pod, namespace, container, id] = /^([^_]+)_([^_]+)_(.+)-([0-9a-f]{64})\.log$/.exec(name) ?? [];
    if (id === undefined) continue;
    found.set(id, {
      'container.name': container!,
      'k8s.pod.name': pod!,
      'k8s.namespace.name': namespace!,
    });
  }
  return found;
}

/** Of docker's config.v2.json. */
export function parseDockerConfig(text: string): Attributes {
  const { Name: name, Config: config } = JSON.parse(text) as { Name?: unknown; Config?: { Image?: unknown } };
  return {
    ...(typeof name === 'string' && { 'container.name': name.replace(/^\//, '') }),
    ...(typeof config?.Image === 'string' && { 'container.image.name': config.Image }),
  };
}

/** Of podman's containers.json: `[{"id": ..., "names": [...]}]`. */
export function parsePodmanList(text: string): Map<string, Attributes> {
  const list = JSON.parse(text) as { id?: unknown; names?: unknown }[];
  const found = new Map<string, Attributes>();
  for (const { id, names } of Array.isArray(list) ? list : []) {
    const name = Array.isArray(names) ? names[0] : undefined;
    if (typeof id === 'string' && typeof name === 'string') found.set(id, { 'container.name': name });
  }
  return found;
}

/** Of one look: what several containers are named by is read once. */
export class ContainerNames {
  readonly #host: HostFiles;
  #pods: Map<string, Attributes> | undefined;
  #podman: Map<string, Attributes> | undefined;

  constructor(host: HostFiles) {
    this.#host = host;
  }

  /** None where they may not be read, or are elsewhere: the id is there in any case. */
  of({ id, runtime, pod }: ContainerCgroup): Attributes {
    try {
      if (pod !== null) {
        this.#pods ??= parseLogLinks(this.#host.names('/var/log/containers'));
        return this.#pods.get(id) ?? {};
      }
      if (runtime === 'docker') {
        return parseDockerConfig(this.#host.small(`/var/lib/docker/containers/${id}/config.v2.json`) ?? '{}');
      }
      if (runtime !== 'podman') return {};
      const list = '/var/lib/containers/storage/overlay-containers/containers.json';
      this.#podman ??= parsePodmanList(this.#host.small(list) ?? '[]');
      return this.#podman.get(id) ?? {};
    } catch {
      // Another version's format, or EACCES.
      return {};
    }
  }
}
