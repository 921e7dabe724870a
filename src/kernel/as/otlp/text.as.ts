// Text must be UTF-8: decoders refuse a whole request for one byte that is not. Such bytes become `?`, so lengths stay.
import { isUtf8, sequence } from '../utf8.as';

/** Bytes that became `?`. */
export let mended: u32 = 0;

export function clearMended(): void {
  mended = 0;
}

/** Memory [from, to) is UTF-8 from now on. Reads up to 15 bytes beyond. */
@inline
export function mendText(from: usize, to: usize): void {
  let at = from;
  while (at + 16 <= to) {
    if (i8x16.bitmask(v128.load(at)) != 0) return mendOther(at, to);
    at += 16;
  }
  if (at < to && (i8x16.bitmask(v128.load(at)) & ((1 << <i32>(to - at)) - 1)) != 0) mendOther(at, to);
}

/** Not all of it is ASCII; before `from` it is. */
function mendOther(from: usize, to: usize): void {
  if (isUtf8(from, to)) return;
  while (from < to) {
    if (load<u8>(from) < 0x80) {
      from++;
      continue;
    }
    const found = sequence(from, to);
    if (found > 0) {
      from += found;
      continue;
    }
    for (const end = from + <usize>-found; from < end; from++) {
      store<u8>(from, 0x3f);
      mended++;
    }
  }
}
