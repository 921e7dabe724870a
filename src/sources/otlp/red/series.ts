/**
 * The series of span metrics, by number: service, name, kind and status of spans, and chosen attributes.
 *
 * Names with ids in them must not become series without end: a service has so many operations, all have so many series;
 * beyond, spans count under `_other`. Numbers of series that went idle are given out again one window later, when
 * no request can have them any more.
 */
import { ENUMS } from '../../../kernel/otlp/schema.ts';
import type { Signature } from '../sampling/rules.ts';

export const OTHER = '_other';
/** Series in all, and how many more there may be of services whose operations are too many. */
const MOST_SERIES = 2000;
const MOST_OTHERS = 500;
/** One for each kind and status, of services that are too many. */
const LAST = 18;
export const SERIES_CAPACITY = MOST_SERIES + MOST_OTHERS + LAST;
/** Characters of a name, or of the value of an attribute. */
const LONGEST = 255;
/** A series that had nothing for so many windows is forgotten. */
const IDLE_WINDOWS = 30;

const KINDS = ENUMS.SpanKind!;
const STATUSES = ENUMS.StatusCode!;

interface Series {
  key: string;
  service: string;
  operation: string;
  isOther: boolean;
  idle: number;
}

export class SpanSeries {
  /** Numbers ever given out. */
  size = 0;
  readonly #numbers = new Map<string, number>();
  readonly #series: (Series | undefined)[] = [];
  /** Of each service, its operations and how many series each has. */
  readonly #operations = new Map<string, Map<string, number>>();
  readonly #perService: number;
  readonly #attributes: readonly string[];
  #others = 0;
  #free: number[] = [];
  #freeNext: number[] = [];

  constructor(operationsPerService: number, attributes: readonly string[]) {
    this.#perService = operationsPerService;
    this.#attributes = attributes;
  }

  get live(): number {
    return this.#numbers.size;
  }

  /** Of spans that are alike. */
  numberOf({ service: ofService, operation: named, kind, status, attributes }: Signature): number {
    const service = short(ofService);
    const known = this.#operations.get(service);
    const operation = short(named);
    const around = { kind, status };
    if (known?.has(operation) || (known?.size ?? 0) < this.#perService) {
      const chosen = this.#attributes.flatMap((name) => {
        const value = attributes.get(name);
        return value === undefined ? [] : [[name, short(value)] as const];
      });
      const key = keyOf({ service, operation, ...around }, chosen);
      const number = this.#numbers.get(key);
      if (number !== undefined) return number;
      if (this.live - this.#others < MOST_SERIES)
        return this.#add({ key, service, operation, isOther: false, idle: 0 });
    }
    return this.#other(service, around) ?? this.#other(OTHER, around)!;
  }

  isOther(number: number): boolean {
    return this.#series[number]?.isOther === true;
  }

  /** Its attributes as the inside of a JSON object; undefined: there is none of this number. */
  attributes(number: number): string | undefined {
    return this.#series[number]?.key;
  }

  used(number: number): void {
    this.#series[number]!.idle = 0;
  }

  /** A window has passed without it. True: it is gone. */
  unused(number: number): boolean {
    const series = this.#series[number]!;
    if (++series.idle < IDLE_WINDOWS) return false;
    this.#numbers.delete(series.key);
    this.#series[number] = undefined;
    this.#freeNext.push(number);
    if (series.isOther) this.#others--;
    else this.#forget(series);
    return true;
  }

  /** A window begins. */
  turn(): void {
    this.#free.push(...this.#freeNext);
    this.#freeNext = [];
  }

  #other(service: string, around: { kind: number; status: number }): number | null {
    const key = keyOf({ service, operation: OTHER, ...around }, []);
    const number = this.#numbers.get(key);
    if (number !== undefined) return number;
    if (service !== OTHER && this.#others >= MOST_OTHERS) return null;
    this.#others++;
    return this.#add({ key, service, operation: OTHER, isOther: true, idle: 0 });
  }

  #add(series: Series): number {
    const number = this.#free.pop() ?? this.size++;
    this.#numbers.set(series.key, number);
    this.#series[number] = series;
    if (series.isOther) return number;
    const operations = this.#operations.get(series.service) ?? new Map<string, number>();
    this.#operations.set(series.service, operations);
    operations.set(series.operation, (operations.get(series.operation) ?? 0) + 1);
    return number;
  }

  #forget({ service, operation }: Series): void {
    const operations = this.#operations.get(service)!;
    const left = operations.get(operation)! - 1;
    if (left > 0) operations.set(operation, left);
    else operations.delete(operation);
    if (operations.size === 0) this.#operations.delete(service);
  }
}

function short(text: string): string {
  return text.length > LONGEST ? text.slice(0, LONGEST).toWellFormed() : text;
}

interface Named {
  service: string;
  operation: string;
  kind: number;
  status: number;
}

function keyOf({ service, operation, kind, status }: Named, chosen: readonly (readonly [string, string])[]): string {
  const pairs: (readonly [string, string])[] = [
    ['service.name', service],
    ['span.name', operation],
    ['span.kind', KINDS[kind]!],
    ['status.code', STATUSES[status]!],
    ...chosen,
  ];
  return pairs.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',');
}
