/** What is left of the agent at a time, and how it grows. */
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { cpuSeconds, memoryMb } from '../bench/proc.ts';
import type { Left } from './probe.ts';

/** Sizes are MB (10^6 bytes). */
export interface Sample {
  minute: number;
  /** Alive after a full collection: of the main thread, and of the others together. */
  heap: number;
  external: number;
  workers: number;
  rss: number;
  descriptors: number;
  watches: number;
  resources: number;
  cpu: number;
}

export const COLUMNS = ['heap', 'external', 'workers', 'rss', 'descriptors', 'watches', 'resources'] as const;

/** Collects the garbage of the agent behind the socket, then looks. */
export async function look(pid: number, probe: string, minute: number, snapshot = ''): Promise<Sample> {
  const socket = connect({ path: probe, allowHalfOpen: true });
  socket.end(`${snapshot}\n`);
  const left = JSON.parse(await text(socket)) as Left;
  return {
    minute,
    heap: left.heap / 1e6,
    external: left.external / 1e6,
    workers: left.workers / 1e6,
    rss: memoryMb(pid).now,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    watches: watches(pid),
    resources: Object.values(left.resources).reduce((sum, n) => sum + n, 0),
    cpu: cpuSeconds(pid).total,
  };
}

function watches(pid: number): number {
  const dir = `/proc/${pid}/fdinfo`;
  let count = 0;
  for (const fd of readdirSync(dir)) {
    try {
      count += readFileSync(`${dir}/${fd}`, 'latin1').match(/^inotify /gm)?.length ?? 0;
    } catch {
      // It was closed since it was listed.
    }
  }
  return count;
}

/** By how much a figure rises in an hour: the line of least squares. */
export function slope(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const mean = (value: (sample: Sample) => number) => samples.reduce((sum, s) => sum + value(s), 0) / samples.length;
  const [time, level] = [mean((s) => s.minute), mean(of)];
  const spread = samples.reduce((sum, s) => sum + (s.minute - time) ** 2, 0);
  const together = samples.reduce((sum, s) => sum + (s.minute - time) * (of(s) - level), 0);
  return spread === 0 ? 0 : (together / spread) * 60;
}

export function row(cells: readonly (string | number)[]): string {
  return cells.map((cell) => (typeof cell === 'number' ? cell.toFixed(2) : cell).padStart(12)).join('');
}
