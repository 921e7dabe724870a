/**
 * The pods of this node, as its kubelet lists them (`GET /pods`: a v1 PodList). Asked when a pod is not known, not more
 * often than every ten seconds; while it does not answer what was known counts.
 */
import type { IncomingMessage } from 'node:http';
import { request } from '../../../builtin.ts';
import { log } from '../../../log.ts';
import { readTextSync } from '../../../mounts/fs.ts';
import { saidObject, saidText } from './docker.ts';
import type { ContainerFacts } from './facts.ts';
import type { KubeletConfig } from './options.ts';

/** A node has some hundred pods of 10 to 20 KB. */
const MOST_BYTES = 32 << 20;
const DEADLINE_MS = 5000;
const LEAST_BETWEEN_MS = 10_000;

/** A pod, and its containers by name. */
export interface Pod {
  namespace: string | undefined;
  name: string | undefined;
  node: string | undefined;
  labels: Readonly<Record<string, string>>;
  containers: ReadonlyMap<string, PodContainer>;
}

/** Its last start. */
export interface PodContainer extends Pick<ContainerFacts, 'id' | 'image' | 'runtime'> {
  restarts: number;
}

export class Kubelet {
  readonly #config: KubeletConfig;
  #pods: ReadonlyMap<string, Pod> = new Map();
  #asking: Promise<void> | null = null;
  /** By `performance.now()`: when it was asked last. */
  #asked = Number.NEGATIVE_INFINITY;
  readonly #leastBetween: number;

  constructor(config: KubeletConfig, leastBetween = LEAST_BETWEEN_MS) {
    this.#config = config;
    this.#leastBetween = leastBetween;
  }

  pod(uid: string): Pod | undefined {
    return this.#pods.get(uid);
  }

  /** Resolves when the container of a pod is known, or cannot be now. Undefined: there is nothing to wait for. */
  learn(uid: string, container: string, restarts = 0): Promise<void> | undefined {
    const known = this.#pods.get(uid)?.containers.get(container);
    if (known?.id !== undefined && known.restarts >= restarts) return undefined;
    if (this.#asking) return this.#asking;
    if (performance.now() - this.#asked < this.#leastBetween) return undefined;
    this.#asked = performance.now();
    this.#asking = this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    const { url } = this.#config;
    try {
      this.#pods = podsOf(JSON.parse(await this.#list()));
    } catch (error) {
      const what = `the kubelet at ${url} does not list its pods: ${(error as Error).message}`;
      log.warnOnce(`kubelet ${url}`, `${what}: records have what paths say`);
    }
  }

  async #list(): Promise<string> {
    const { url, token_file, ca_file, insecure } = this.#config;
    const at = new URL('/pods', url);
    const isTls = at.protocol === 'https:';
    const send = isTls ? (await import('node:https')).request : request;
    const token = isTls ? tokenIn(token_file) : null;
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = send(at, {
        signal,
        agent: false,
        headers: { accept: 'application/json', ...(token !== null && { authorization: `Bearer ${token}` }) },
        ...(isTls && { rejectUnauthorized: !insecure, ...(ca_file !== undefined && { ca: readTextSync(ca_file) }) }),
      });
      sent.once('response', resolve);
      sent.once('error', reject);
      sent.end();
    });
    if (response.statusCode !== 200) {
      response.destroy();
      const remedy = [401, 403].includes(response.statusCode!) ? ', the token needs nodes/proxy (or nodes/pods)' : '';
      throw new Error(`it answers ${response.statusCode}${remedy}`);
    }
    const pieces: Buffer[] = [];
    let bytes = 0;
    for await (const piece of response as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > MOST_BYTES) throw new Error(`its list has more than ${MOST_BYTES >> 20} MiB`);
      pieces.push(piece);
    }
    return Buffer.concat(pieces).toString();
  }
}

/** Null: there is none, as where the kubelet asks for none. */
function tokenIn(path: string): string | null {
  try {
    return readTextSync(path).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** By uid. */
export function podsOf(list: unknown): Map<string, Pod> {
  const { items } = saidObject(list);
  const pods = new Map<string, Pod>();
  for (const item of Array.isArray(items) ? items : []) {
    const { metadata, spec, status } = saidObject(item);
    const { namespace, name, uid, labels, annotations } = saidObject(metadata);
    const pod: Pod = {
      namespace: saidText(namespace),
      name: saidText(name),
      node: saidText(saidObject(spec).nodeName),
      labels: saidObject(labels) as Record<string, string>,
      containers: containersIn(saidObject(status)),
    };
    // Paths of a static pod have the hash of its manifest, and the API calls it otherwise.
    for (const one of [uid, saidObject(annotations)['kubernetes.io/config.hash']]) {
      const key = saidText(one);
      if (key !== undefined) pods.set(key, pod);
    }
  }
  return pods;
}

function containersIn(status: Record<string, unknown>): Pod['containers'] {
  const containers = new Map<string, PodContainer>();
  for (const kind of ['initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses']) {
    const all = status[kind];
    for (const one of Array.isArray(all) ? all : []) {
      const { name, containerID, image, restartCount } = saidObject(one);
      const called = saidText(name);
      if (called === undefined) continue;
      const [runtime, id] = saidText(containerID)?.split('://') ?? [];
      const restarts = typeof restartCount === 'number' ? restartCount : 0;
      containers.set(called, { id, image: saidText(image), runtime, restarts });
    }
  }
  return containers;
}
