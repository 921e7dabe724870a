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
  /** What each input says that is wrong, and when it said so first: most of it is counted, and goes on being said. */
  #notes = new Map<string, { note: string; at: number }>();
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

  /**
   * Seconds since which it is as ready as it is, and since which each reason holds, and what each input says is wrong
   * with it, as far as was seen.
   */
  since(status: LiveStatus): { ready: number; reasons: number[]; notes: ReadonlyMap<string, number> } {
    const now = this.#now();
    this.#note(status, now);
    const ago = (at: number) => (now - at) / 1000;
    const reasons = status.reasons.map((reason) => ago(this.#reasons.get(keyOf(reason))!));
    const notes = new Map([...this.#notes].map(([name, { at }]) => [name, ago(at)]));
    return { ready: ago(this.#ready!.since), reasons, notes };
  }

  #note(status: LiveStatus, now: number): void {
    const { ready, reasons } = status;
    const rows = this.#kinds.flatMap((kind) => kind.rows(status)).filter(({ note }) => note !== '');
    this.#notes = new Map(
      rows.map(({ name, note }) => {
        const before = this.#notes.get(name);
        return [name, before?.note === note ? before : { note, at: now }];
      }),
    );
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
