/** Spans as Datadog's tracers send them. */
import { type Packable, U64 } from './msgpack.ts';

export const START = 1_764_600_000_123_456_789n;

export interface Made {
  service: string;
  name: string;
  resource: string;
  trace: bigint;
  span: bigint;
  parent: bigint;
  start: bigint;
  duration: number;
  error: number;
  meta: Record<string, string>;
  metrics: Record<string, number>;
  type: string;
}

export const made = (some: Partial<Made>): Made => ({
  service: 'shop',
  name: 'web.request',
  resource: 'GET /cart',
  trace: 0xfedc_ba98_7654_3210n,
  span: 0x8000_0000_0000_0001n,
  parent: 0n,
  start: START,
  duration: 1_500_000,
  error: 0,
  meta: {},
  metrics: {},
  type: 'web',
  ...some,
});

/** Chunks of spans as v0.4. */
export const maps = (chunks: Made[][]): Packable =>
  chunks.map((spans) =>
    spans.map(({ trace, span, parent, start, ...rest }) => ({
      trace_id: new U64(trace),
      span_id: new U64(span),
      parent_id: new U64(parent),
      start: new U64(start),
      ...rest,
    })),
  );

/** The same as v0.5. */
export function tabled(chunks: Made[][]): Packable {
  const texts: string[] = [''];
  const at = (text: string) => (texts.includes(text) ? texts.indexOf(text) : texts.push(text) - 1);
  const pairs = <T extends string | number>(of: Record<string, T>) =>
    new Map(
      Object.entries(of).map(([key, value]): [Packable, Packable] => [
        at(key),
        typeof value === 'string' ? at(value) : value,
      ]),
    );
  const traces = chunks.map((spans) =>
    spans.map((span) => [
      at(span.service),
      at(span.name),
      at(span.resource),
      new U64(span.trace),
      new U64(span.span),
      new U64(span.parent),
      new U64(span.start),
      span.duration,
      span.error,
      pairs(span.meta),
      pairs(span.metrics),
      at(span.type),
    ]),
  );
  return [texts, traces];
}
