/** What rules look at: the measurements of one series in one window. */
export interface MetricPoint {
  name: string;
  attributes: Readonly<Record<string, string>>;
  /** The same for the same attributes of a name, from one source; where that is known. */
  series?: string;
  type: 'sum' | 'gauge' | 'histogram' | 'set';
  /** Of a histogram its sum. */
  value: number;
  /** Of a histogram; else of one measurement: 1, value and value. */
  count: number;
  min: number;
  max: number;
  /** Weights by bin of a histogram; null: there are none. */
  bins: ReadonlyMap<number, number> | null;
}

export function gaugePoint(name: string, attributes: Readonly<Record<string, string>>, value: number): MetricPoint {
  return { name, attributes, type: 'gauge', value, count: 1, min: value, max: value, bins: null };
}
