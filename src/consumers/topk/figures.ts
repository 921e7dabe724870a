/** What the consumer says of itself in /status, and how that is shown as figures. */
import type { Figures } from '../../core/figures.ts';
import type { Totals } from './flow.ts';

export interface TopkStatus extends Totals {
  redis: {
    /** `redis-1:6379` */
    address: string;
    version: string | null;
    /** What went wrong with it so far: connections, refusals. */
    failures: number;
    warnings: readonly string[];
  };
  /** `cut_names`: names that were longer than a name may be. */
  rankings: { name: string; metric: string; by: readonly string[]; value: string; field: string; cut_names: number }[];
  /** `of`: what it is made of when it is read; null: it is written. `kept_seconds`: behind its end. */
  windows: { window: string; of: string | null; kept_seconds: number }[];
  /** The hash that has the positions. */
  positions_key: string;
  group: object;
}

export function topkFigures(said: readonly { id: string; status: TopkStatus }[], to: Figures): void {
  const of = (value: (status: TopkStatus) => number) => said.map(({ id, status }) => [value(status), id] as const);
  const labels = ['consumer'];
  to.counter(
    'topk_calls',
    'Batches that were counted in Redis.',
    labels,
    of(({ calls }) => calls),
  );
  to.counter(
    'topk_entries',
    'Values that were added to a name of a window.',
    labels,
    of(({ entries }) => entries),
  );
  to.counter(
    'topk_cut',
    'Names that were cut of windows with too many.',
    labels,
    of(({ cut }) => cut),
  );
  to.counter(
    'topk_late',
    'Values left out of a window that is not kept any more.',
    labels,
    of(({ late }) => late),
  );
  to.counter(
    'topk_rewinds',
    'Times that Redis had another position.',
    labels,
    of(({ rewinds }) => rewinds),
  );
  to.counter(
    'topk_redis_failures',
    'What went wrong with Redis.',
    labels,
    of(({ redis }) => redis.failures),
  );
  to.counter(
    'topk_cut_names',
    'Values that went to a name that was too long, and cut.',
    ['consumer', 'ranking'],
    said.flatMap(({ id, status }) => status.rankings.map(({ name, cut_names }) => [cut_names, id, name] as const)),
  );
}
