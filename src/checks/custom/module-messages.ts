/** What the agent and the process of the modules say to each other. */
export interface RunModule {
  id: number;
  /** Of the module, absolute. */
  path: string;
  options: Record<string, unknown>;
  /** Measurements that are taken of a run. */
  most: number;
  /** Milliseconds. */
  timeout: number;
}

export type Measurement = [
  how: 'gauge' | 'count' | 'total' | 'histogram',
  name: string,
  value: number,
  attributes: Record<string, string>,
  unit: string,
];

export interface ModuleRan {
  id: number;
  measurements: Measurement[];
  /** Beyond `most`. */
  left: number;
  state: 0 | 1 | 2 | 3;
  message: string | null;
  /** Why it failed, with its place. */
  error: string | null;
}
