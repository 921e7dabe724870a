/** Pieces of the presets' patterns. */

/** ISO 8601 as programs write it: 2026-09-21 14:13:20,123. */
export const ISO = String.raw`(?<timestamp>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|[+-]\d\d:?\d\d))?)`;
/** All that is left, with the lines that were joined. */
export const REST = String.raw`(?<message>[\s\S]*)$`;
