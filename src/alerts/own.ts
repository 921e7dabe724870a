/** The agent's own state as points, for the rules on itself. */
import { gaugePoint, type MetricPoint } from './point.ts';

/** What of the status is looked at. */
export interface OwnStatus {
  process: { rss_bytes: number };
  kafka: { state: string; certificate_days_left?: Readonly<Record<string, number>> };
  spool: { budgets: readonly { group: string | null; bytes: number; max_size: number }[] };
  lost: readonly { input: string; reason: string; records: number; bytes: number }[];
  conservation: { inputs: Readonly<Record<string, Readonly<Record<string, number>>>> };
  logs?: readonly { name: string; lag_seconds: number; left_seconds: number; ahead?: { current: boolean } }[];
  checks?: readonly { name: string; last_error: string | null }[];
  mounts?: readonly { mountpoint: string; hanging: string | null }[];
}

const OUT = ['forwarded', 'filtered', 'dropped', 'in_flight'];
/** More than machines have: there is no limit. */
const NO_LIMIT = 2 ** 50;

export class OwnPoints {
  /** By input and reason. */
  readonly #lost = new Map<string, number>();
  #begun = false;

  /** Called once an interval. */
  of(status: OwnStatus): MetricPoint[] {
    const { kafka, spool, logs = [], checks = [], mounts = [], conservation } = status;
    const points = this.#losses(status);
    const add = (name: string, value: number, attributes: Record<string, string> = {}) =>
      points.push(gaugePoint(name, attributes, value));
    if (kafka.state !== 'not_configured') add('runnel.kafka.unreachable', kafka.state === 'connected' ? 0 : 1);
    for (const [broker, days] of Object.entries(kafka.certificate_days_left ?? {}))
      add('runnel.kafka.certificate.days_left', days, { broker });
    for (const { group, bytes, max_size } of spool.budgets)
      add('runnel.spool.utilization', bytes / max_size, {
        log: group === null ? 'local log' : `local log of ${group}`,
      });
    for (const { name, lag_seconds, left_seconds } of logs)
      add('runnel.lag', Math.max(lag_seconds, left_seconds), { input: name });
    for (const { name, last_error } of checks)
      add('runnel.check.failing', last_error === null ? 0 : 1, { check: name });
    for (const { mountpoint, hanging } of mounts)
      add('runnel.mount.hung', hanging === null ? 0 : 1, { mount: mountpoint });
    for (const [input, books] of Object.entries(conservation.inputs)) {
      const out = OUT.reduce((sum, key) => sum + (books[key] ?? 0), 0);
      add('runnel.books.imbalance', (books.received ?? 0) + (books.recovered ?? 0) - out, { input });
    }
    const limit = process.constrainedMemory();
    if (limit > 0 && limit < NO_LIMIT) add('runnel.memory.utilization', status.process.rss_bytes / limit);
    return points;
  }

  /** What was lost since the last call, not before the first. */
  #losses({ lost }: OwnStatus): MetricPoint[] {
    const points: MetricPoint[] = [];
    for (const { input, reason, records, bytes } of lost) {
      const key = `${input} ${reason}`;
      const now = records > 0 ? records : bytes;
      const value = now - (this.#lost.get(key) ?? 0);
      this.#lost.set(key, now);
      if (value > 0 && this.#begun)
        points.push({ ...gaugePoint('runnel.dropped', { input, reason }, value), type: 'sum' });
    }
    this.#begun = true;
    return points;
  }
}
