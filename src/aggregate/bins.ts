/**
 * The bins of one sketch, taken out of its block: what is done with them where speed matters less.
 *
 *   bin k holds the weight of the values in (gamma^(k-1), gamma^k]; a value below zero is in the bin of its opposite
 *   key    k + BIAS, 0 for zero, -(k + BIAS): keys are ordered as values are
 *
 * They stand in `keys` and `weights`, ascending, until the next sketch is taken out.
 */
import { saturated } from './saturated.ts';

/** Twice as fine as what is asked of dashboards, as the Datadog agent's. */
export const ACCURACY = 1 / 128;
export const GAMMA = (1 + ACCURACY) / (1 - ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);
const PER_LOG = 1 / LOG_GAMMA;
/** What is nearer to zero counts as zero. */
const SMALLEST = 1e-300;
/** Larger than the k of any number. */
export const BIAS = 65_536;
/** As many as the largest block has, one more, and zero. */
const MOST = 4096;

export const keys = new Int32Array(MOST);
export const weights = new Float64Array(MOST);

export function keyOf(value: number): number {
  if (value > SMALLEST) return Math.ceil(Math.log(value) * PER_LOG) + BIAS;
  if (value < -SMALLEST) return -Math.ceil(Math.log(-value) * PER_LOG) - BIAS;
  return 0;
}

/** The value in the middle of the bin. */
export function middleOf(key: number): number {
  if (key === 0) return 0;
  const middle = (2 * Math.exp((Math.abs(key) - BIAS) * LOG_GAMMA)) / (1 + GAMMA);
  return key > 0 ? middle : -middle;
}

/** Adds a bin to those in `keys` and `weights`; returns how many there are now. */
export function inserted(bins: number, key: number, weight: number): number {
  let at = bins;
  while (at > 0 && keys[at - 1]! > key) at--;
  keys.copyWithin(at + 1, at, bins);
  weights.copyWithin(at + 1, at, bins);
  keys[at] = key;
  weights[at] = weight;
  return bins + 1;
}

/** Joins neighbours, the closest first, until at most `most` are left; the heavier one gives the place. */
export function joined(bins: number, most: number): number {
  for (let gap = 1; bins > most; gap *= 2) {
    let kept = 0;
    let alone = true;
    for (let j = 1; j < bins; j++) {
      if (alone && kept + bins - j >= most && keys[j]! - keys[kept]! <= gap) {
        if (weights[j]! > weights[kept]!) keys[kept] = keys[j]!;
        weights[kept] = saturated(weights[kept]! + weights[j]!);
        alone = false;
        continue;
      }
      kept++;
      keys[kept] = keys[j]!;
      weights[kept] = weights[j]!;
      alone = true;
    }
    bins = kept + 1;
  }
  return bins;
}

/** 1 or -1 where all values are of one sign, zeros apart; else 0. */
export function signOf(bins: number): number {
  if (keys[bins - 1]! > 0) return keys[0]! >= 0 ? 1 : 0;
  return keys[0]! < 0 ? -1 : 0;
}

/** The smallest and the largest key, without their sign, of values of one sign. */
export function magnitudes(bins: number, sign: number): [low: number, high: number] {
  if (sign > 0) return [keys[keys[0] === 0 ? 1 : 0]!, keys[bins - 1]!];
  return [-keys[bins - (keys[bins - 1] === 0 ? 2 : 1)]!, -keys[0]!];
}
