/** What was seen of an agent in the last minute, for `runnel top`: rates by stretches of time, and how fast its local log grows. */
import type { InputRow } from '../core/input.ts';
import type { Status } from './shape.ts';

const SECONDS = 60;
/** The stretches that a sparkline is made of. */
const STRETCHES = 12;
/** Of less time it says nothing of what is to come. */
const LEAST_SECONDS = 5;
const BARS = '▁▂▃▄▅▆▇█';

/** A counter at a time, by the agent's uptime. */
type Seen = { at: number; value: number };

export class LastMinute {
  #pid = 0;
  #now = 0;
  /** Lines by input, and bytes of the local log. */
  #lines = new Map<string, Seen[]>();
  #log: Seen[] = [];

  see(status: Status, inputs: readonly InputRow[]): void {
    // Another process has counters of its own.
    if (status.pid !== this.#pid) this.#lines.clear();
    if (status.pid !== this.#pid) this.#log = [];
    this.#pid = status.pid;
    this.#now = status.uptime_seconds;
    const known = inputs.flatMap(({ name, lines }) => (lines === null ? [] : [[name, lines] as const]));
    this.#lines = new Map(known.map(([name, lines]) => [name, this.#grown(this.#lines.get(name) ?? [], lines)]));
    this.#log = this.#grown(this.#log, status.spool.bytes);
  }

  /** The lines of an input, a bar a stretch of five seconds; a space where it was not seen. */
  sparkline(input: string): string {
    const seen = this.#lines.get(input) ?? [];
    const each = SECONDS / STRETCHES;
    const grown = Array.from({ length: STRETCHES }, (_, i) => {
      const from = this.#now - SECONDS + i * each;
      const [before, after] = [valueAt(seen, from), valueAt(seen, from + each)];
      return before === null || after === null ? null : Math.max(0, after - before);
    });
    const most = Math.max(0, ...grown.map((n) => n ?? 0));
    return grown
      .map((n) => (n === null ? ' ' : BARS[most === 0 ? 0 : Math.ceil((n / most) * (BARS.length - 1))]!))
      .join('');
  }

  /** Seconds until the local log has so many bytes, as it grows now; null: it does not grow, or that is not known yet. */
  fullIn(max_size: number): number | null {
    const [first, last] = [this.#log[0], this.#log.at(-1)];
    if (!first || !last || last.at - first.at < LEAST_SECONDS) return null;
    const growth = (last.value - first.value) / (last.at - first.at);
    return growth > 0 ? Math.max(0, max_size - last.value) / growth : null;
  }

  #grown(seen: Seen[], value: number): Seen[] {
    const kept = [...seen, { at: this.#now, value }];
    // One from before the minute, so that all of it is known.
    while (kept.length > 1 && kept[1]!.at <= this.#now - SECONDS) kept.shift();
    return kept;
  }
}

/** Between two looks it grew evenly; null: it was not looked at then. */
function valueAt(seen: readonly Seen[], at: number): number | null {
  const next = seen.findIndex((one) => one.at >= at);
  if (next < 0) return null;
  const after = seen[next]!;
  if (after.at === at) return after.value;
  const before = seen[next - 1];
  if (!before) return null;
  return before.value + ((after.value - before.value) * (at - before.at)) / (after.at - before.at);
}
