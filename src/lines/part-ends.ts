/**
 * Where a line that is split may be: not within a secret, as each part is masked by itself.
 *
 *   | ... a b c 4 1 1 1|1 1 1 1 d e f ... |      at: so long may the part be
 *               ^ so it ends here
 *
 * What is around the end is masked as a whole, and as two parts: where that is not the same, a secret lies across, and the
 * part ends before it. Both are done with `*`, which keep their places, and the bytes are put back.
 */
import type { Slot } from '../core/pool.ts';
import { atOnce, type MaskKernel } from '../kernel/process/mask.ts';

/** Secrets that are longer may be split. */
export const SECRET_BYTES = 4096;
const LINE_FEED = 0x0a;
const MOST_TRIES = 64;
/** So much more goes over to the next part where what precedes a secret says that it is one. */
const FIRST_STEP = 8;

/**
 * The end of a part of the line [from, to) of the slot's bytes: at most `at`, and not within a character. `kernel` masks with
 * stars. The tables of the first record are overwritten.
 */
export function partEnd(kernel: MaskKernel | undefined, slot: Slot, from: number, at: number, to: number): number {
  const end = wholeCharacter(slot.bytes, at);
  if (!kernel) return end;
  let step = FIRST_STEP;
  let low = end;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const across = firstSplit(kernel, slot, Math.max(from, low - SECRET_BYTES), low, Math.min(to, low + SECRET_BYTES));
    if (across === null) return low;
    if (across < low) low = wholeCharacter(slot.bytes, across);
    else {
      low = wholeCharacter(slot.bytes, low - step);
      step *= 2;
    }
    if (low <= from || end - low > SECRET_BYTES) break;
  }
  // Patterns that match anything, or secrets that are longer than they are looked for.
  return end;
}

/** The first place in [from, to) that is masked otherwise where the bytes are split at `at`; null: there is none. */
function firstSplit(kernel: MaskKernel, slot: Slot, from: number, at: number, to: number): number | null {
  const { bytes } = slot;
  const before = Buffer.from(bytes.subarray(from - 1, to + 1));
  const restore = () => void before.copy(bytes, from - 1);
  const whole = masked(kernel, slot, from, to).text;
  restore();
  const first = masked(kernel, slot, from, at);
  restore();
  const second = masked(kernel, slot, at, to, first.openKey);
  restore();
  const parts = Buffer.concat([first.text, second.text]);
  for (let i = 0; i < whole.length; i++) if (whole[i] !== parts[i]) return from + i;
  return null;
}

function masked(kernel: MaskKernel, slot: Slot, from: number, to: number, left = 0): { text: Buffer; openKey: number } {
  const { bytes, bytesAt, starts, ends, source, length, flags } = slot;
  bytes[from - 1] = LINE_FEED;
  bytes[to] = LINE_FEED;
  starts[0] = bytesAt + from;
  ends[0] = bytesAt + to;
  source[0] = 0;
  length[0] = to - from;
  flags[0] = 0;
  const { openKey } = atOnce(kernel.mask(slot, 1, left, false));
  return { text: Buffer.from(bytes.subarray(from, to)), openKey };
}

/** Later bytes of a character are 10xxxxxx. */
function wholeCharacter(bytes: Uint8Array, at: number): number {
  let end = at;
  for (let back = 0; back < 3 && (bytes[end]! & 0xc0) === 0x80; back++) end--;
  return end;
}
