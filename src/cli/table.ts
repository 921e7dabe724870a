/** Facts for people: one row a thing, columns as wide as they need. */
import { printable } from '../report/render.ts';

export function table(heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const all = [heads, ...rows].map((row) => row.map((cell) => printable(String(cell))));
  const widths = heads.map((_, column) => all.reduce((most, row) => Math.max(most, row[column]!.length), 0));
  return all
    .map((row) => {
      const cells = row.map((cell, column) => cell.padEnd(widths[column]!));
      return `${cells.join('  ').trimEnd()}\n`;
    })
    .join('');
}
