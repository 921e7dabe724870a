/**
 * The tables by which as/process/mask.as.ts finds places where a secret may begin: three bytes in a row, by halves, a bit
 * for each list of words (as needles.ts).
 *
 * A list takes all that its words' halves make together, which is more than they are: so those share one that are alike, or
 * are seldom found together in the text of logs.
 */

/** Words that a secret may begin with, or has near its beginning; `fold`: in any case. `?` is any small letter. */
const WORDS: readonly { words: readonly string[]; fold?: true; rule: string }[] = [
  { words: ['eyJ'], rule: 'jwt' },
  {
    words: ['k_l', 'ya2', 'git', 'AKI', 'ASI', 'AIz', 'gh?', 'glp', 'xox'],
    rule: 'cloud_key',
  },
  { words: ['BEG'], rule: 'private_key' },
  { words: ['rer', 'sic'], fold: true, rule: 'bearer' },
  { words: ['ssw', 'ssp', 'pwd', 'ecr', 'oke', 'api'], fold: true, rule: 'password' },
  { words: ['%40'], rule: 'email' },
];
const BITS = 8;
/** All halves of a byte that there are. */
const ANY = 0xffff;
/** How often bytes are found in logs, roughly, the first most often. */
const COMMON = 'e"0t12a3o5ir:n4s 6c7d8l9,pmuhgfb_.-/v{}ykEATIwRSOqxzj';

/** Of a place in a list: the halves that its bytes have, a bit each. */
interface Halves {
  low: number;
  high: number;
}

type List = readonly [Halves, Halves, Halves];

/** Bytes at three places: each word's in a list of its own. */
function listOf(word: string, fold: boolean): List {
  return [0, 1, 2].map((place) => {
    const byte = word.charCodeAt(place);
    if (word[place] === '?') return { low: ANY, high: (1 << 6) | (1 << 7) };
    return { low: 1 << (byte & 15), high: (1 << (byte >> 4)) | (fold ? 1 << ((byte ^ 0x20) >> 4) : 0) };
  }) as unknown as List;
}

function together(a: List, b: List): List {
  return a.map(({ low, high }, i) => ({ low: low | b[i]!.low, high: high | b[i]!.high })) as unknown as List;
}

/** How often a list takes three bytes of logs, roughly. */
function falseHits(list: List): number {
  return list.reduce((product, { low, high }) => {
    let sum = 0.02;
    for (let i = 0; i < COMMON.length; i++) {
      const byte = COMMON.charCodeAt(i);
      if ((low >> (byte & 15)) & (high >> (byte >> 4)) & 1) sum += 1 / (i + 4);
    }
    return product * sum;
  }, 1);
}

/** At most so many lists: the two that cost least together become one, again and again. */
function listsOf(lists: List[], most: number): List[] {
  while (lists.length > most) {
    let best = { cost: Number.POSITIVE_INFINITY, i: 0, k: 0 };
    for (let i = 0; i < lists.length; i++) {
      for (let k = i + 1; k < lists.length; k++) {
        const [a, b] = [lists[i]!, lists[k]!];
        const cost = falseHits(together(a, b)) - falseHits(a) - falseHits(b);
        if (cost < best.cost) best = { cost, i, k };
      }
    }
    const { i, k } = best;
    lists[i] = together(lists[i]!, lists[k]!);
    lists.splice(k, 1);
  }
  return lists;
}

/** `@`, and two capitals and a digit. */
const EMAIL: List = [
  { low: 1, high: 1 << 4 },
  { low: ANY, high: ANY },
  { low: ANY, high: ANY },
];
const CAPITAL = { low: ANY, high: (1 << 4) | (1 << 5) };
const IBAN: List = [CAPITAL, CAPITAL, { low: ANY, high: 1 << 3 }];

export function placeMaskTables(bytes: Buffer, at: number, wanted: Set<string>): void {
  const own = [...(wanted.has('email') ? [EMAIL] : []), ...(wanted.has('iban') ? [IBAN] : [])];
  const words = WORDS.filter(({ rule }) => wanted.has(rule)).flatMap(({ words, fold = false }) => {
    return words.map((word) => listOf(word, fold));
  });
  for (const [bit, list] of [...own, ...listsOf(words, BITS - own.length)].entries()) {
    for (const [place, halves] of list.entries()) {
      for (const [half, values] of [halves.low, halves.high].entries()) {
        for (let value = 0; value < 16; value++) {
          const index = at + place * 32 + half * 16 + value;
          if ((values >> value) & 1) bytes[index] = bytes[index]! | (1 << bit);
        }
      }
    }
  }
}
