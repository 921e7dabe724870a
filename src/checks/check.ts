/**
 * A check measures one aspect of the host: it reads, parses, and tells a meter what it found. Reading and parsing are
 * two functions, so that a test of the parser needs no machine. Names, units and attributes are OpenTelemetry's
 * (semantic conventions 1.44, system.*), with `network.interface.name` throughout; docs/host-metrics.md lists them all, from src/checks/catalog.ts.
 */
export type Attributes = Readonly<Record<string, string | number>>;

export interface Meter {
  /** What is so now. Values that are not finite are left out. */
  gauge(name: string, value: number, unit: string, attributes?: Attributes): void;
  /**
   * A counter as the kernel keeps it, since boot. What is reported is its increase since the last run, which is also
   * returned; nothing on the first run, and nothing when it went down (the device was replaced). `wraps`: where the
   * kernel's counter begins at 0 again; going down from shortly before that is an increase, too.
   */
  monotonic(name: string, total: number, unit: string, attributes?: Attributes, wraps?: number): number | undefined;
  /** An increase since the last run that the check itself has found. */
  increase(name: string, by: number, unit: string, attributes?: Attributes): void;
  /** What cannot be measured here, a phrase with the reason: the check goes on with the rest, its status is a warning. */
  lack(what: string): void;
}

/**
 * One measurement. It may throw after having reported a part: that part counts. The signal aborts at its deadline. One that
 * reads only what the kernel has in memory promises nothing: it has ended when it returns, which costs least.
 */
export type Check = (meter: Meter, signal: AbortSignal) => void | Promise<void>;

/** Of one kind (interfaces, disks, mounts) that are measured: each is some series. */
export const MOST_DEVICES = 1000;

/** The first `most` of them; that there are more is said. */
export function upToMost<T>(all: readonly T[], most: number, what: string, meter: Meter): readonly T[] {
  if (all.length <= most) return all;
  meter.lack(`${all.length - most} ${what} beyond the first ${most} are left out`);
  return all.slice(0, most);
}
