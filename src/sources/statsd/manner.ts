/** How a listener's lines are meant: DogStatsD's way or etsy's, and which ways there are to write tags into names. */

export const DIALECTS = ['dogstatsd', 'statsd'] as const;
export const NAME_TAGS = ['influx', 'librato', 'signalfx'] as const;

export interface Manner {
  /**
   * `dogstatsd`: `+5|g` is 5. `statsd` (etsy's): it is a step from the value before; blanks and `/` in names are `_` and `-`,
   * other odd characters are left out; blanks around values are none of them; there are no events and service checks.
   */
  readonly dialect: (typeof DIALECTS)[number];
  /** influx: `name,k=v`; librato: `name#k=v`; signalfx: `name[k=v]`. */
  readonly nameTags: readonly (typeof NAME_TAGS)[number][];
}

export const DOGSTATSD: Manner = { dialect: 'dogstatsd', nameTags: [] };

/** Below MANNERS, one for each that there can be: the same spelling means another series in another manner. */
export function mannerNumber({ dialect, nameTags }: Manner): number {
  return NAME_TAGS.reduce(
    (bits, name, i) => bits | (nameTags.includes(name) ? 2 << i : 0),
    dialect === 'statsd' ? 1 : 0,
  );
}

export const MANNERS = 16;

/** etsy's: what is left of a name. */
export function sanitized(name: string): string {
  return name
    .replace(/\s+/g, '_')
    .replaceAll('/', '-')
    .replace(/[^a-zA-Z_\-0-9.;=]/g, '');
}
