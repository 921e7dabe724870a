/**
 * A second reader of a file, beside the one whose lines are sent: it has the file's descriptor, a stream that nobody sends,
 * and a place of its own. So what reads a file reads it in the same way, and nothing of the file itself is changed.
 */
import type { Batch } from '../../../core/batch.ts';
import { fstatSync } from '../../../mounts/fs.ts';
import type { TailContext } from '../context.ts';
import { TrackedFile } from '../file/file.ts';
import type { Prefix } from '../file/inode.ts';
import type { Outcome } from '../file/look.ts';
import type { ReadPlace } from '../file/state.ts';
import { Unfinished } from '../file/unfinished.ts';

/** How far a file was looked at. */
export interface AheadPlace extends ReadPlace {
  /** What was seen of a line that is longer than what is read at once. */
  readonly scanned: number;
  readonly seam: Prefix | null;
  readonly nuls: number;
  /** What there was of it when it was looked at, if that was all; else 0. */
  readonly readTo: number;
  /** Lines at its end wait for others. */
  readonly open: boolean;
}

/** `from`: where nothing was looked at yet, that is where it is read on, and what is not finished there is the file's. */
export function shadowOf(file: TrackedFile, context: TailContext, from: AheadPlace | ReadPlace): TrackedFile {
  const { stream, room } = file;
  const generation = { ...stream.generation, ages: undefined, watched: { ...stream.watched, passing: false } };
  const shadow = new TrackedFile(context, file.path, fstatSync(file.fd!, { bigint: true }), generation, false);
  shadow.keep(file.fd!);
  shadow.goTo(from.position, from.marker);
  shadow.openKey = from.openKey;
  shadow.know(file.size);
  shadow.room = room && { ...room };
  shadow.grown = file.grown;
  if (!('readTo' in from) && file.unfinished === null) return shadow;
  shadow.unfinished = new Unfinished(from.chained);
  shadow.unfinished.cut = from.cut;
  if ('readTo' in from) Object.assign(shadow, { scanned: from.scanned, seam: from.seam, nuls: from.nuls });
  return shadow;
}

/** Where the shadow has come to. */
export function aheadPlaceOf(shadow: TrackedFile, outcome: Outcome): AheadPlace {
  const { scanned, seam, nuls, size, unfinished } = shadow;
  const readTo = outcome === 'end' ? size : 0;
  return { ...shadow.place, scanned, seam, nuls, readTo, open: unfinished !== null && unfinished.open > 0 };
}

/** The file goes on there; what lies before it is not looked at. */
export function skipTo({ position, marker }: { position: number; marker: Prefix }): AheadPlace {
  const nothing = { sum: null, hole: 0, openKey: null, chained: position, cut: 0, seam: null, nuls: -1 };
  return { position, marker, ...nothing, scanned: position, readTo: 0, open: false };
}

/** The last record of the batch ended because the file was silent. */
export function endedInSilence({ unfinished }: TrackedFile, { count }: Batch): boolean {
  return count > 0 && unfinished?.close === true && unfinished.open === 0;
}
