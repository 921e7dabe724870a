/** Figures with names and labels: what /metrics shows and what the agent's own StatsD client sends. */

export interface Figure {
  /** Without `runnel_`; that of a counter ends in `_total`. */
  name: string;
  kind: 'counter' | 'gauge';
  help: string;
  labels: readonly string[];
  samples: { labels: Record<string, string>; value: number }[];
}

/** A value, null where it is not known, and what its labels say. */
export type Sample = readonly [value: number | null, ...labels: (string | number)[]];

export class Figures {
  readonly all: Figure[] = [];

  gauge(name: string, help: string, labels: readonly string[], samples: readonly Sample[]): void {
    this.#add('gauge', name, help, labels, samples);
  }

  counter(name: string, help: string, labels: readonly string[], samples: readonly Sample[]): void {
    this.#add('counter', `${name}_total`, help, labels, samples);
  }

  #add(kind: Figure['kind'], name: string, help: string, labels: readonly string[], samples: readonly Sample[]): void {
    const filled = samples
      .filter(([value]) => value !== null && Number.isFinite(value))
      .map(([value, ...texts]) => ({
        labels: Object.fromEntries(labels.map((label, i) => [label, String(texts[i])])),
        value: value!,
      }));
    this.all.push({ name, kind, help, labels, samples: filled });
  }
}
