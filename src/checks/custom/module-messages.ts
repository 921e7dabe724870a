/** What the agent and the process of the modules say to each other. */
export interface RunModule {
  id: number;
  /** Of the module, absolute. */
  path: string;
  options: Record<string, unknown>;
  /** Measurements that are taken of a run. */
  most: number;
  /** When its signal aborts, by `monotonic`: the process may have to be started first. */
  until: number;
}

/** Milliseconds of the clock that nobody sets, the same in all processes of a machine. */
export function monotonic(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
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

const HOWS: readonly unknown[] = ['gauge', 'count', 'total', 'histogram'];

/** A module, or a package that it uses, may send what it likes. */
export function isRan(said: unknown): said is ModuleRan {
  if (typeof said !== 'object' || said === null) return false;
  const { id, measurements, left, state, message, error } = said as Record<keyof ModuleRan, unknown>;
  return (
    typeof id === 'number' &&
    typeof left === 'number' &&
    [0, 1, 2, 3].includes(state as number) &&
    (message === null || typeof message === 'string') &&
    (error === null || typeof error === 'string') &&
    Array.isArray(measurements) &&
    measurements.every(isMeasurement)
  );
}

function isMeasurement(said: unknown): said is Measurement {
  if (!Array.isArray(said)) return false;
  const [how, name, value, attributes, unit] = said as unknown[];
  return (
    HOWS.includes(how) &&
    typeof name === 'string' &&
    typeof value === 'number' &&
    typeof attributes === 'object' &&
    attributes !== null &&
    typeof unit === 'string'
  );
}
