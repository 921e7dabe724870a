/**
 * The last fifteen minutes of the agent, for the plots of the page, and since when what holds now does.
 *
 * A ring of numbers of fixed size: 180 looks at the status, five seconds apart. Ages go by the monotonic clock, so a clock
 * that is set bends no plot.
 */
import type { AnyKind } from '../core/input.ts';
import { INPUTS } from '../sources/all.ts';
import type { LiveStatus } from './shape.ts';

const EVERY_MS = 5000;
const KEPT = (15 * 60_000) / EVERY_MS;

/** What is kept of a look, in the order of the ring. */
const SERIES = ['received', 'forwarded', 'lag', 'log_age', 'log', 'cpu', 'memory'] as const;
type Series = (typeof SERIES)[number];
/** Its time stands before them. */
const WIDTH = SERIES.length + 1;

/** `received`, `forwarded`: items a second; `lag`, `log_age`: seconds; `log`, `memory`: bytes; `cpu`: percent of a core. */
export type Plotted = Record<Series, number[]> & {
  /** Seconds before now, the oldest look first. */
  ages: number[];
  /** How much the local log may hold, bytes. */
  log_room: number;
};

type Counters = Pick<LiveStatus['conservation']['total'], 'received' | 'forwarded'> & { cpu: number; at: number };

export class History {
  readonly #status: () => LiveStatus;
  readonly #kinds: readonly AnyKind[];
  readonly #now: () => number;
  readonly #ring = new Float64Array(KEPT * WIDTH);
  #looks = 0;
  #before: Counters | null = null;
  #logRoom = 0;
  #ready: { is: boolean; since: number } | null = null;
  /** When each reason began that holds, by what it says but for its numbers. */
  #reasons = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  /** `now`: the monotonic clock, milliseconds. */
  constructor(
    status: () => LiveStatus,
    kinds: readonly AnyKind[] = INPUTS,
    now: () => number = () => performance.now(),
  ) {
    this.#status = status;
    this.#kinds = kinds;
    this.#now = now;
  }

  start(): void {
    this.look();
    this.#timer = setInterval(() => this.look(), EVERY_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    const at = this.#now();
    const status = this.#status();
    const { conservation, process, spool } = status;
    const { received, forwarded } = conservation.total;
    const now: Counters = { received, forwarded, cpu: process.cpu_seconds, at };
    const before = this.#before ?? now;
    this.#before = now;
    const seconds = (at - before.at) / 1000;
    const rate = (key: 'received' | 'forwarded' | 'cpu') => {
      return seconds > 0 ? Math.max(0, (now[key] - before[key]) / seconds) : 0;
    };
    const lags = this.#kinds.flatMap((kind) => kind.rows(status)).map(({ lag_seconds }) => lag_seconds);
    const log = spool.budgets.find(({ group }) => group === null);
    this.#logRoom = log?.max_size ?? 0;
    const kept: Record<Series, number> = {
      received: rate('received'),
      forwarded: rate('forwarded'),
      lag: Math.max(0, ...lags),
      log_age: spool.oldest_seconds,
      log: log?.bytes ?? 0,
      cpu: rate('cpu') * 100,
      memory: process.rss_bytes,
    };
    this.#ring.set([at, ...SERIES.map((name) => kept[name])], (this.#looks++ % KEPT) * WIDTH);
    this.#note(status, at);
  }

  plotted(): Plotted {
    const count = Math.min(this.#looks, KEPT);
    const column = (of: number) => {
      return Array.from({ length: count }, (_, i) => this.#ring[((this.#looks - count + i) % KEPT) * WIDTH + of]!);
    };
    const now = this.#now();
    const series = SERIES.map((name, i) => [name, column(i + 1).map(threeDigits)]);
    const ages = column(0).map((at) => threeDigits((now - at) / 1000));
    return { ...(Object.fromEntries(series) as Record<Series, number[]>), ages, log_room: this.#logRoom };
  }

  /** Seconds since which it is as ready as it is, and since which each reason holds, as far as was seen. */
  since(status: Pick<LiveStatus, 'ready' | 'reasons'>): { ready: number; reasons: number[] } {
    const now = this.#now();
    this.#note(status, now);
    const reasons = status.reasons.map((reason) => (now - this.#reasons.get(keyOf(reason))!) / 1000);
    return { ready: (now - this.#ready!.since) / 1000, reasons };
  }

  #note({ ready, reasons }: Pick<LiveStatus, 'ready' | 'reasons'>, now: number): void {
    if (this.#ready?.is !== ready) this.#ready = { is: ready, since: now };
    this.#reasons = new Map(reasons.map((reason) => [keyOf(reason), this.#reasons.get(keyOf(reason)) ?? now] as const));
  }
}

function keyOf(reason: string): string {
  return reason.replace(/\d+/g, '');
}

function threeDigits(value: number): number {
  return Math.round(value * 1000) / 1000;
}
