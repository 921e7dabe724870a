/**
 * A script for the model test: what happens to files, to the agent and to what it sends to, one plain value a step, so
 * that a failure can be pasted as a test. Every step means something in every state (at worst nothing), so any part
 * of a script is a script.
 *
 * Each seed draws its own mix of steps: some never truncate, some do little else.
 */

/** `near`: the same directory, `a.log.1`. `beside`: the same, `a.old.1`, which no glob names. `away`: another directory. */
export type Place = 'near' | 'beside' | 'away';

export type Step =
  /**
   * Only as the first step. `rotated`: the glob names `near` files, too. `header`: every file begins with the same
   * so many bytes. `settle_ms`: from the arrival of lines until they are settled. `late`: writers go on writing to
   * files that lost their name (else those are let go soon, see `rotate_wait`).
   */
  | { do: 'world'; rotated?: boolean; header?: number; settle_ms?: number; late?: boolean }
  /** Appends lines of about `size` bytes; finishes what `part` began. */
  | { do: 'write'; file: number; lines: number; size: number }
  | { do: 'part'; file: number; size: number }
  /** Appends lines to the file that lost its name as the `nth` last. */
  | { do: 'late'; nth: number; lines: number; size: number }
  | { do: 'rename'; file: number; to: Place }
  /** a.log.2 -> a.log.3, a.log.1 -> a.log.2, a.log -> a.log.1; what had the last name is gone. */
  | { do: 'shift'; file: number; keep: number }
  /** Renamed and deleted. */
  | { do: 'discard'; file: number }
  /** copytruncate: the copy is made in `pieces`, `pause` ms between them. */
  | { do: 'copy'; file: number; to: 'near' | 'beside'; pieces: number; pause: number }
  /** Gives a renamed file, the `nth` last, back a name that the glob names. */
  | { do: 'return'; nth: number; file: number }
  /** To nothing; `caught_up`: once all that was written is read. */
  | { do: 'truncate'; file: number; caught_up?: boolean }
  /** Truncates to `percent` of its complete lines, once all that was written is read. */
  | { do: 'shorten'; file: number; percent: number }
  /** Truncates it and writes lines in one go. */
  | { do: 'overwrite'; file: number; lines: number; size: number; caught_up?: boolean }
  | { do: 'delete'; file: number; caught_up?: boolean }
  | { do: 'start' }
  | { do: 'stop' }
  | { do: 'kill' }
  /** What is sent to can be away: nothing arrives, nothing settles. */
  | { do: 'outage' }
  | { do: 'back' }
  /** Waits until all that must arrive has arrived. */
  | { do: 'catch_up' }
  | { do: 'sleep'; ms: number };

/** Files that are written to by name. */
export const FILES = 4;

type Random = (below: number) => number;

/** How to draw each kind of step, and how often it comes, relative to the others. */
const KINDS: Record<Exclude<Step['do'], 'world'>, { weight: number; always?: boolean; draw(random: Random): Step }> = {
  write: {
    weight: 30,
    always: true,
    draw: (r) => ({ do: 'write', file: r(FILES), lines: 1 + r(r(4) === 0 ? 400 : 20), size: size(r) }),
  },
  part: { weight: 10, draw: (r) => ({ do: 'part', file: r(FILES), size: size(r) }) },
  late: { weight: 10, draw: (r) => ({ do: 'late', nth: r(4), lines: 1 + r(20), size: size(r) }) },
  rename: { weight: 8, draw: (r) => ({ do: 'rename', file: r(FILES), to: one(r, ['near', 'beside', 'away']) }) },
  shift: { weight: 5, draw: (r) => ({ do: 'shift', file: r(FILES), keep: 1 + r(3) }) },
  discard: { weight: 4, draw: (r) => ({ do: 'discard', file: r(FILES) }) },
  copy: {
    weight: 5,
    draw: (r) => ({ do: 'copy', file: r(FILES), to: one(r, ['near', 'beside']), pieces: 1 + r(4), pause: r(15) }),
  },
  return: { weight: 3, draw: (r) => ({ do: 'return', nth: r(4), file: r(FILES) }) },
  truncate: { weight: 4, draw: (r) => ({ do: 'truncate', file: r(FILES), caught_up: r(2) === 0 }) },
  shorten: { weight: 2, draw: (r) => ({ do: 'shorten', file: r(FILES), percent: r(100) }) },
  overwrite: {
    weight: 4,
    draw: (r) => ({ do: 'overwrite', file: r(FILES), lines: 1 + r(30), size: size(r), caught_up: r(2) === 0 }),
  },
  delete: { weight: 4, draw: (r) => ({ do: 'delete', file: r(FILES), caught_up: r(2) === 0 }) },
  start: { weight: 6, always: true, draw: () => ({ do: 'start' }) },
  stop: { weight: 4, draw: () => ({ do: 'stop' }) },
  kill: { weight: 4, draw: () => ({ do: 'kill' }) },
  outage: { weight: 3, draw: () => ({ do: 'outage' }) },
  back: { weight: 4, always: true, draw: () => ({ do: 'back' }) },
  catch_up: { weight: 4, draw: () => ({ do: 'catch_up' }) },
  sleep: { weight: 8, draw: (r) => ({ do: 'sleep', ms: r(r(10) === 0 ? 150 : 20) }) },
};

export function generate(seed: number, steps: number): Step[] {
  const random = generator(seed);
  const script: Step[] = [
    {
      do: 'world',
      rotated: random(2) === 0,
      header: one(random, [0, 0, 14, 40, 300]),
      settle_ms: one(random, [0, 0, 5, 50, 300]),
      late: random(2) === 0,
    },
    { do: 'start' },
  ];
  const bag: (keyof typeof KINDS)[] = [];
  for (const [kind, { weight, always }] of Object.entries(KINDS)) {
    const times = Math.round(weight * (always ? 1 : one(random, [0, 0.3, 1, 1, 3])));
    for (let i = 0; i < times; i++) bag.push(kind as keyof typeof KINDS);
  }
  while (script.length < steps) script.push(KINDS[one(random, bag)].draw(random));
  return script;
}

/** Most lines are short, some are longer than a read looks back, a few are longer than `max_line`. */
function size(random: Random): number {
  const kind = random(40);
  if (kind === 0) return random(40_000);
  return kind < 4 ? random(6000) : random(150);
}

function one<T>(random: Random, values: readonly T[]): T {
  return values[random(values.length)]!;
}

/** Park and Miller's generator: the same numbers for the same seed. */
function generator(seed: number): Random {
  let state = ((seed + 1) * 7919) % 2_147_483_647;
  const next = (below: number) => {
    state = (state * 48_271) % 2_147_483_647;
    return Math.floor((state / 2_147_483_647) * below);
  };
  // Seeds that are neighbours begin with numbers that are.
  for (let i = 0; i < 4; i++) next(1);
  return next;
}
