/** Lines that the kernel does not know, through the grammar: each new spelling once, and everything unusual. */
import type { MetricOrigin } from '../../aggregate/record.ts';
import type { SeriesTable } from '../../aggregate/series.ts';
import { COUNTER, GAUGE, HISTOGRAM, SET, type StatsdKernel, TIMER } from '../../kernel/statsd.ts';
import type { ClientFigures } from './clients.ts';
import type { Intake } from './intake.ts';
import { DOGSTATSD, type Manner } from './manner.ts';
import type { Naming } from './naming.ts';
import { type Metric, parseLine, type WireType } from './parse.ts';
import { type ServiceCheck, statusNumber } from './parse-event.ts';
import type { SampleOrigin } from './receive/origins.ts';
import type { Tag } from './tags.ts';
import { timestampFault } from './timestamp.ts';
import { CONTAINER } from './top-shape.ts';

const KINDS: Record<WireType, number> = { c: COUNTER, g: GAUGE, h: HISTOGRAM, d: HISTOGRAM, ms: TIMER, s: SET };

export interface UnknownLinesOptions {
  kernel: StatsdKernel;
  series: SeriesTable;
  naming: Naming;
  intake: Intake;
  clients: ClientFigures;
  origin: MetricOrigin;
}

export class UnknownLines {
  rejected = 0;
  /** Fields of no known meaning, and names and tags that were not UTF-8. */
  unknownFields = 0;
  replaced = 0;
  /** Of the datagram that is taken. */
  from: SampleOrigin | null = null;
  manner: Manner = DOGSTATSD;
  readonly #o: UnknownLinesOptions;

  constructor(options: UnknownLinesOptions) {
    this.#o = options;
  }

  /**
   * One line, at [from, next) of the kernel's memory. True: it is done with. False: its spelling is known now, the kernel
   * takes it. `learn`: it may be.
   */
  take(from: number, next: number, learn: boolean): boolean {
    if (learn && this.#learnsAtOnce()) return false;
    const { bytes } = this.#o.kernel;
    const { intake, origin } = this.#o;
    const end = bytes[next - 1] === 10 ? next - 1 : next;
    const line = bytes.subarray(from, end);
    const all = parseLine(line, this.manner);
    for (const parsed of all) {
      if (parsed.kind === 'metric') {
        if (!this.#takeMetric(parsed, line, from, learn && all.length === 1)) return false;
      } else if (parsed.kind === 'rejected') {
        this.rejected++;
        intake.lose(`malformed:${parsed.reason}`, 1, line);
      } else if (parsed.kind === 'event') {
        intake.addEvent({ ...parsed, tags: [...this.#tagged(parsed.tags)] }, origin, line);
      } else this.#takeCheck(parsed, line);
    }
    return true;
  }

  /** Most spellings are so that they are the series' name themselves. */
  #learnsAtOnce(): boolean {
    const { kernel, series, naming } = this.#o;
    const { dialect, nameTags } = this.manner;
    if (this.from !== null || dialect !== 'dogstatsd' || nameTags.length > 0 || !naming.isNone) return false;
    const key = kernel.newKey;
    const number = key === null ? -1 : series.numberOf(key);
    if (number >= 0) kernel.learn(number);
    return number >= 0;
  }

  #takeMetric(metric: Metric, line: Buffer, from: number, learn: boolean): boolean {
    const { kernel, series, naming, intake, clients } = this.#o;
    const samples = Math.max(1, metric.values.length);
    const fault = timestampFault(metric, Date.now());
    if (fault !== null) {
      intake.lose(fault, samples, line);
      return true;
    }
    const tags = this.#tagged(metric.host ? [...metric.tags, ['host', metric.host] as const] : metric.tags);
    const named = naming.apply({ name: metric.name, tags });
    const left = typeof named === 'number';
    const number = left ? series.capacity + named : series.number(KINDS[metric.type], named.name, named.tags);
    if (learn && isReplaced(metric.name, tags)) this.replaced++;
    if (number >= 0 && !left) clients.look(metric.name, number);
    if (number >= 0 && learn) {
      kernel.learn(number);
      return false;
    }
    this.unknownFields += metric.unknownFields;
    if (left) intake.leaveOut(number, samples);
    else if (number >= 0) intake.add(number, metric, from);
    else intake.lose('max_contexts', samples, line);
    return true;
  }

  #takeCheck(check: ServiceCheck, line: Buffer): void {
    const { series, intake } = this.#o;
    const tags: Tag[] = [['check', check.name], ...check.tags];
    if (check.host) tags.push(['host', check.host]);
    const number = series.number(GAUGE, 'check.status', this.#tagged(tags));
    if (number >= 0) intake.addCheck(number, statusNumber(check), check);
    else intake.lose('max_contexts', 1, line);
  }

  /** With the container that the datagram came from, whatever the sender says of it. */
  #tagged(tags: readonly Tag[]): readonly Tag[] {
    const { from } = this;
    return from ? [...tags.filter(([key]) => key !== CONTAINER), [CONTAINER, from.container]] : tags;
  }
}

/** Something of it was not UTF-8. */
function isReplaced(name: string, tags: readonly Tag[]): boolean {
  if (name.includes('\ufffd')) return true;
  for (const [key, value] of tags) if (key.includes('\ufffd') || value.includes('\ufffd')) return true;
  return false;
}
