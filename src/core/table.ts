/** Tables of text that the page shows. Whatever comes from outside stands in a cell as it is, and is shown as text. */

/** `bad`: it is shown as something that is wrong. */
export type TableCell = string | { readonly bad: string };

export interface Table {
  title: string;
  heads: readonly string[];
  rows: readonly (readonly TableCell[])[];
  /** Seldom looked at: it opens when it is asked for, or when a cell is bad. */
  folded?: boolean;
  /** Stands before all others. */
  urgent?: boolean;
}

/** A count of what should not be: bad where there is any. */
export function faults(n: number): TableCell {
  return n > 0 ? { bad: formatCount(n) } : formatCount(n);
}

/** What is wrong, if anything is. */
export function failure(error: string | null): TableCell {
  return error === null ? '' : { bad: error };
}

/** `1,234,567` */
export function formatCount(n: number): string {
  return n.toLocaleString('en-US');
}
