/** When a value gets where it must not, as it went. */

/** Of a line through fewer nothing is concluded. */
const LEAST_CELLS = 6;

/**
 * Milliseconds until the value is `reaches`: a straight line through the values, which are `apart` milliseconds from each
 * other, the latest first; NaN: there was none. 0: it is there; infinite: not as it goes; null: there are not enough to tell.
 */
export function straightLine(values: Float64Array, apart: number, reaches: number): number | null {
  let [n, sumX, sumY, sumXX, sumXY] = [0, 0, 0, 0, 0];
  for (let back = 0; back < values.length; back++) {
    const y = values[back]!;
    if (Number.isNaN(y)) continue;
    const x = -back * apart;
    n++;
    sumX += x;
    sumY += y;
    sumXX += x * x;
    sumXY += x * y;
  }
  if (n < LEAST_CELLS) return null;
  const spread = n * sumXX - sumX * sumX;
  const slope = (n * sumXY - sumX * sumY) / spread;
  const now = (sumY - slope * sumX) / n;
  if (now === reaches || (now > reaches && slope > 0)) return 0;
  return slope === 0 || (reaches - now) / slope < 0 ? Number.POSITIVE_INFINITY : (reaches - now) / slope;
}
