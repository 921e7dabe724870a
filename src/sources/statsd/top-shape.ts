/** What `runnel top statsd` is told. */

/** The tag of a sample's container: OpenTelemetry's name for it. */
export const CONTAINER = 'container.id';

export interface TopRow {
  name: string;
  samples: number;
  series: number;
}

export interface StatsdTop {
  /** Since the window before the open one began. */
  seconds: number;
  series: number;
  /** Of them those that were looked at in the time that there is. */
  seen: number;
  samples: number;
  /** Names; the first fifty by samples, and by series. */
  by_samples: TopRow[];
  by_series: TopRow[];
  /** Keys of tags, by the number of their different values. */
  tags: { key: string; values: number; approximate: boolean; series: number }[];
  /** Where listeners have `origin: true`, or senders say so. */
  containers: TopRow[];
}

export const NO_TOP: StatsdTop = {
  seconds: 0,
  series: 0,
  seen: 0,
  samples: 0,
  by_samples: [],
  by_series: [],
  tags: [],
  containers: [],
};
