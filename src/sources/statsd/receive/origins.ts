/** Which container a process is in, by the name of its cgroup. */
import { readFileSync } from 'node:fs';

export interface SampleOrigin {
  /** From 1 on, for the kernel. */
  number: number;
  container: string;
}

/** What is known of a process holds for so long: its number may be another's. */
const KNOWN_MS = 10_000;
/** What a stranger may make us remember. */
const MOST_PROCESSES = 4096;
const MOST_CONTAINERS = 16_384;
/**
 * docker-<id>.scope, cri-containerd-<id>.scope, crio-<id>.scope, libpod-<id>.scope, /docker/<id>, /kubepods/.../<id>;
 * <task>-<number> on Fargate, <guid of four> in Garden.
 */
const CONTAINER = /(?:^|[-:])([0-9a-f]{64}|[0-9a-f]{32}-\d{1,20}|[0-9a-f]{8}(?:-[0-9a-f]{4}){4})(?:\.scope)?$/;

export class Origins {
  readonly #processes = new Map<number, { origin: SampleOrigin | null; until: number }>();
  readonly #containers = new Map<string, SampleOrigin>();
  /** Numbers are given once: what the kernel knows of one is never another's. */
  #numbers = 0;
  readonly #cgroupsOf: (process: number) => string;

  constructor(cgroups: (process: number) => string = cgroupsOf) {
    this.#cgroupsOf = cgroups;
  }

  /** Null: it is in none, or cannot be told. */
  of(process: number): SampleOrigin | null {
    if (process === 0) return null;
    const now = performance.now();
    const known = this.#processes.get(process);
    if (known && now < known.until) return known.origin;
    if (this.#processes.size >= MOST_PROCESSES) this.#processes.clear();
    const origin = this.#look(process);
    this.#processes.set(process, { origin, until: now + KNOWN_MS });
    return origin;
  }

  #look(process: number): SampleOrigin | null {
    const container = containerIn(this.#cgroupsOf(process));
    if (container === null) return null;
    const known = this.#containers.get(container);
    if (known) return known;
    // Most of them are gone: those that are not get new numbers.
    if (this.#containers.size >= MOST_CONTAINERS) this.#containers.clear();
    const origin = { number: ++this.#numbers, container };
    this.#containers.set(container, origin);
    return origin;
  }
}

/**
 * `text`: /proc/PID/cgroup, of version 1 or 2. The innermost one: a node of a cluster may be a container itself. Below a
 * container's own cgroup may be others: crun's `container`, `init.scope` and the services of a systemd within.
 */
export function containerIn(text: string): string | null {
  for (const line of text.split('\n')) {
    for (const name of line.split('/').reverse()) {
      const found = CONTAINER.exec(name);
      if (found) return found[1]!;
    }
  }
  return null;
}

function cgroupsOf(process: number): string {
  try {
    return readFileSync(`/proc/${process}/cgroup`, 'latin1');
  } catch {
    // It has ended.
    return '';
  }
}
