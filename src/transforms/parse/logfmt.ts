/** `parse: logfmt`: key=value key="a value" word. */
import { option } from '../../config/option.ts';
import { PAIRS_ROOM } from '../../kernel/process/formats.ts';
import { MOST_WORDS, placeWordTable } from '../../kernel/process/words.ts';
import { OWN_IN_LOG } from '../fields/envelope.ts';
import type { Program } from '../program.ts';
import { fieldOption, fixedFormat, sign } from './fixed.ts';
import { LogfmtMembers } from './logfmt-members.ts';

export interface LogfmtOptions {
  pair: number;
  assign: number;
  into?: string | undefined;
}

/** Pairs, and those that go to `conflict`; names that are known have the numbers behind. */
const UNNAMED = 2;
/** Beside a sign: pairs stand beside the envelope. */
const BESIDE = 256;
/** Below names of the envelope, as far as it has some itself. */
const OWN = ['host.name', 'log.file.path', 'log.file.id', ...OWN_IN_LOG.map((name) => `log.${name}`)];

/** Cells of the names that are known, as the line writes them. */
function cellsByName({ into = '' }: LogfmtOptions, { tree }: Program): Map<string, number> {
  const below = into === '' ? '' : `${into}.`;
  const cells = new Map<string, number>();
  for (const { path, leaf } of tree.nodes) {
    if (leaf !== null && path.startsWith(below) && path !== below) cells.set(path.slice(below.length), leaf);
  }
  return cells;
}

export const logfmt = fixedFormat<LogfmtOptions>({
  name: 'logfmt',
  text: 'key=value key="a value" word: pairs, of which all are text; a word alone is true.',
  parser: 'logfmt',
  timed: null,
  options: {
    pair: option(sign(';'), ' ', 'What stands between pairs.'),
    assign: option(sign(':'), '=', 'What stands between key and value.'),
    into: fieldOption('app', 'The field under which they stand. Left out: at the top of the record.'),
  },
  names: () => [],
  others({ into }, names) {
    if (into === undefined) return names.makeAny();
    names.make([into], 'logfmt');
    names.makeAny(`${into}.`);
  },
  prepare: ({ into = '' }, program) => program.pass(into),
  cells: (options, program) => [
    program.tree.at(options.into ?? '').rest,
    program.tree.conflicts,
    ...cellsByName(options, program).values(),
  ],
  taken: (options, context) => {
    const members = new LogfmtMembers(options, context);
    return (batch) => members.merge(batch);
  },
  numbers(options, program) {
    const words = new Map<string, [number, number]>();
    for (const name of cellsByName(options, program).keys()) words.set(name, [words.size + UNNAMED, 0]);
    for (const name of [...OWN, ...program.own]) {
      if (options.into === undefined && words.size < MOST_WORDS) words.set(name, [0, 1]);
    }
    const { arena } = program;
    const pair = options.pair | (options.into === undefined ? BESIDE : 0);
    return [pair, options.assign, placeWordTable(arena, words), arena.reserve(PAIRS_ROOM)];
  },
});
