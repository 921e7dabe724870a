/**
 * Which of some things are out of their order: those that are not in every heaviest ascending selection. Of two neighbours
 * that changed places that is both of them; of one that was carried far, that one alone.
 */

export interface Placed {
  /** Where it belongs; no two belong at one place. */
  position: number;
  weight: number;
}

/** Their indexes, ascending; `placed` is in the order in which they came. */
export function displaced(placed: readonly Placed[]): number[] {
  if (placed.every(({ position }, i) => i === 0 || placed[i - 1]!.position < position)) return [];
  const ranks = ranksOf(placed);
  const until = heaviest(placed, ranks, 1);
  const from = heaviest(placed, ranks, -1);
  const best = until.reduce((most, weight) => Math.max(most, weight), 0);
  // A selection covers the weights from 0 to `best`, each thing of it its own stretch: one is in all of them if no other
  // that is in some lies in the same stretch.
  const some = placed
    .map(({ weight }, i) => ({ i, start: until[i]! - weight, end: until[i]! }))
    .filter(({ i, end }) => end + from[i]! - placed[i]!.weight === best)
    .sort((a, b) => a.start - b.start || a.end - b.end);
  const alone = new Set<number>();
  let reach = 0;
  for (let k = 0; k < some.length; k++) {
    const { i, start, end } = some[k]!;
    if (start >= reach && (k + 1 === some.length || some[k + 1]!.start >= end)) alone.add(i);
    reach = Math.max(reach, end);
  }
  return placed.map((_, i) => i).filter((i) => !alone.has(i));
}

function ranksOf(placed: readonly Placed[]): Int32Array {
  const ranks = new Int32Array(placed.length);
  const order = placed.map((_, i) => i).sort((a, b) => placed[a]!.position - placed[b]!.position);
  for (const [rank, i] of order.entries()) ranks[i] = rank;
  return ranks;
}

/** Of each: the weight of the heaviest selection that ends with it, or with `step` -1 begins with it. */
function heaviest(placed: readonly Placed[], ranks: Int32Array, step: 1 | -1): Float64Array {
  const { length } = placed;
  const found = new Float64Array(length);
  // The largest value of the ranks before one: a Fenwick tree.
  const tree = new Float64Array(length + 1);
  for (let k = 0; k < length; k++) {
    const i = step === 1 ? k : length - 1 - k;
    const rank = step === 1 ? ranks[i]! : length - 1 - ranks[i]!;
    let most = 0;
    for (let at = rank; at > 0; at -= at & -at) most = Math.max(most, tree[at]!);
    const weight = most + placed[i]!.weight;
    found[i] = weight;
    for (let at = rank + 1; at <= length; at += at & -at) tree[at] = Math.max(tree[at]!, weight);
  }
  return found;
}
