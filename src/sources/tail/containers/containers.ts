/**
 * Which container writes a file: from its path, where that is a link from what it leads to, from Docker's file beside it,
 * and from the kubelet. Asked when a file's envelope is made, never for a line; what was found is kept for a minute.
 */
import { realpathSync } from '../../../mounts/fs.ts';
import { readDockerConfig } from './docker.ts';
import { type ContainerFacts, namesWith, textsOf } from './facts.ts';
import { Kubelet } from './kubelet.ts';
import type { ContainerConfig } from './options.ts';
import { dockerConfigOf, factsOfPath } from './paths.ts';

const FRESH_MS = 60_000;
/** Files of which it is kept. */
const MOST_KEPT = 10_000;

interface Kept {
  facts: ContainerFacts | null;
  until: number;
}

export class Containers {
  /** The fields, in the order of `texts`. */
  readonly names: readonly string[];
  readonly #labels: readonly string[];
  readonly #kubelet: Kubelet | null;
  readonly #kept = new Map<string, Kept>();

  constructor({ labels, kubelet }: ContainerConfig) {
    this.#labels = labels;
    this.#kubelet = kubelet ? new Kubelet(kubelet) : null;
    this.names = namesWith(labels);
  }

  /** The text of each field; null: it is not known. */
  texts(path: string): (string | null)[] {
    return textsOf(this.#facts(path) ?? {}, this.#labels);
  }

  /** Those that are known, by name. */
  known(path: string): Record<string, string> {
    const texts = this.texts(path);
    return Object.fromEntries(this.names.flatMap((name, i) => (texts[i] == null ? [] : [[name, texts[i]]])));
  }

  /** Resolves when what others know of the file's container is known, or cannot be now; undefined: nothing is waited for. */
  learn(path: string): Promise<void> | undefined {
    if (!this.#kubelet) return undefined;
    const { uid, container, restarts } = this.#local(path)?.pod ?? {};
    return uid === undefined || container === undefined ? undefined : this.#kubelet.learn(uid, container, restarts);
  }

  #facts(path: string): ContainerFacts | null {
    const facts = this.#local(path);
    const pod = facts?.pod;
    const known = pod?.uid === undefined ? undefined : this.#kubelet?.pod(pod.uid);
    if (!facts || !pod || !known) return facts;
    const container = pod.container === undefined ? undefined : known.containers.get(pod.container);
    const { labels, node } = known;
    // A file of an earlier start is of another container, of which only the image is told.
    const id = facts.id ?? (container?.restarts === pod.restarts ? container?.id : undefined);
    const of = { id, image: facts.image ?? container?.image, runtime: facts.runtime ?? container?.runtime };
    return { ...facts, ...of, pod: { ...pod, labels, node } };
  }

  /** What is known on this machine. */
  #local(path: string): ContainerFacts | null {
    const now = performance.now();
    const kept = this.#kept.get(path);
    if (kept && kept.until > now) return kept.facts;
    const facts = look(path);
    this.#kept.delete(path);
    this.#kept.set(path, { facts, until: now + FRESH_MS });
    // The oldest stands first.
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    return facts;
  }
}

function look(path: string): ContainerFacts | null {
  const said = factsOfPath(path);
  const real = realOf(path);
  const there = real === path ? null : factsOfPath(real);
  if (!said && !there) return null;
  const config = dockerConfigOf(real);
  const docker = config === null ? null : readDockerConfig(config);
  return merged(merged(said ?? {}, there ?? {}), docker ?? {});
}

/** What is known by the second beside the first. */
function merged(one: ContainerFacts, other: ContainerFacts): ContainerFacts {
  const pod = one.pod || other.pod ? { ...defined(other.pod), ...defined(one.pod) } : undefined;
  return { ...defined(other), ...defined(one), pod };
}

function defined<T extends object>(facts: T | undefined): Partial<T> {
  return Object.fromEntries(Object.entries(facts ?? {}).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // It is gone, or leads to where this process does not look.
    return path;
  }
}
