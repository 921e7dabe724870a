/**
 * Columns that an evaluation needs for a moment. They are the same whatever rule is evaluated, so that they stay in the
 * processor's cache: a column that lies in memory until the next interval is most of what an evaluation costs.
 */
const FIRST_ROOM = 1024;

const columns = {
  /** What is compared. */
  values: new Float64Array(FIRST_ROOM),
  divisors: new Float64Array(FIRST_ROOM),
  /** What goes into the open cell, when it closes. */
  closing: new Float64Array(FIRST_ROOM),
  weights: new Float64Array(FIRST_ROOM),
};

/** Room for `count` numbers, which are anything. */
export function workColumn(what: keyof typeof columns, count: number): Float64Array {
  while (columns[what].length < count) columns[what] = new Float64Array(columns[what].length * 2);
  return columns[what];
}
