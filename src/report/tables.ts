/** What the page shows of the inputs. */
import type { AnyKind, Table } from '../core/input.ts';
import { INPUTS } from '../sources/all.ts';
import type { LiveStatus } from './shape.ts';
import { statusJson } from './status-json.ts';

export function tablesOf(status: LiveStatus, kinds: readonly AnyKind[] = INPUTS): Table[] {
  // Its files are made one by one, once.
  const said = JSON.parse([...statusJson(status)].join(''));
  return kinds.flatMap((kind) => kind.tables(said));
}
