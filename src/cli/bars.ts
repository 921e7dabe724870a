/** A ranking for people: a line a name, with bars where it is a terminal. */
import type { RankingOptions } from '../consumers/topk/ranking.ts';
import type { Ranked } from '../consumers/topk/report.ts';
import { count } from '../core/units.ts';
import { printable } from '../report/render.ts';

/** Eighths of a cell. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const LONGEST_NAME = 60;
const LONGEST_BAR = 40;
const CYAN = '\x1b[36m';
const DIM = '\x1b[2m';
const PLAIN = '\x1b[0m';

interface Screen {
  isTTY?: boolean;
  columns?: number;
}

/** Names come from outside: what of them is no plain character is escaped, in a file or a pipe, too. */
export function drawRanking(
  { ranking, window, start, end, complete, cut, names }: Ranked,
  { metric, by, value, field }: RankingOptions,
  { isTTY = false, columns = 80 }: Screen,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const colored = isTTY && !env.NO_COLOR && env.TERM !== 'dumb';
  const paint = (style: string, text: string) => (colored && text !== '' ? `${style}${text}${PLAIN}` : text);
  const what = `${value === 'count' ? 'records' : `${value} of ${field ?? 'value'}`} of ${metric} by ${by.join(', ')}`;
  const when = `${window} from ${start} to ${end}${complete ? '' : ', which is not over'}`;
  const lines = [printable(`${ranking}: ${what}`), paint(DIM, when)];
  if (names.length === 0) lines.push('nothing was counted in this window');
  const numbers = names.map((name) => numberText(name.value));
  const width = Math.max(0, ...numbers.map(({ length }) => length));
  const rank = String(names.length).length;
  const shown = names.map(({ labels }) => short(Object.values(labels).map(partText).join('  ')));
  const longest = Math.max(0, ...shown.map((text) => [...text].length));
  const room = Math.min(LONGEST_BAR, columns - rank - longest - width - 6);
  const most = Math.max(0, ...names.map((name) => name.value));
  names.forEach((name, i) => {
    const text = shown[i]!;
    const row = `${String(i + 1).padStart(rank)}  ${text}${' '.repeat(longest - [...text].length)}  ${numbers[i]!.padStart(width)}`;
    const drawn = isTTY && room > 0 && most > 0 ? paint(CYAN, bar((name.value / most) * room)) : '';
    lines.push(`${row}  ${drawn}`.trimEnd());
  });
  if (cut > 0) lines.push(`${count(cut, 'name')} with less were cut: see max_names`);
  return `${lines.join('\n')}\n`;
}

function bar(cells: number): string {
  const eighths = Math.max(0, Math.round(cells * 8));
  return '█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7];
}

function partText(value: string): string {
  return value === '' ? '-' : printable(value);
}

function short(text: string): string {
  const characters = [...text];
  return characters.length <= LONGEST_NAME ? text : `${characters.slice(0, LONGEST_NAME - 1).join('')}…`;
}

/** Of fractions ten digits: what is behind them is not exact. */
function numberText(value: number): string {
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(10)));
}
