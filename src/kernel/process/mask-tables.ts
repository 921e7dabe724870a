/** The tables by which as/process/mask.as.ts finds places where a secret may begin. */

/** Words that a secret may begin with, or has near its beginning; `fold`: in any case. As many lists as there are bits. */
const WORDS: readonly { words: readonly string[]; fold?: true; of: (wanted: Set<string>) => boolean }[] = [
  { words: ['eyJ'], of: (wanted) => wanted.has('jwt') },
  { words: ['k_l', 'ya2', 'git'], of: (wanted) => wanted.has('cloud_key') },
  { words: ['AKI', 'ASI', 'AIz'], of: (wanted) => wanted.has('cloud_key') },
  { words: ['BEG'], of: (wanted) => wanted.has('private_key') },
  { words: ['ghp', 'gho', 'ghu', 'ghs', 'ghr', 'glp', 'xox'], of: (wanted) => wanted.has('cloud_key') },
  { words: ['rer', 'sic'], fold: true, of: (wanted) => wanted.has('bearer') },
  { words: ['ssw', 'ssp', 'pwd'], fold: true, of: (wanted) => wanted.has('password') },
  { words: ['ecr', 'oke', 'api'], fold: true, of: (wanted) => wanted.has('password') },
  { words: ['%40'], of: (wanted) => wanted.has('email') },
];
/** Which of the eight bits each list has. */
const BITS = [0, 0, 1, 1, 2, 3, 4, 5, 0];
const EMAIL_BIT = 6;
const IBAN_BIT = 7;

/** Three bytes at a place, by halves: a bit a list of words (as needles.ts). */
export function placeMaskTables(bytes: Buffer, at: number, wanted: Set<string>): void {
  const set = (place: number, half: 'low' | 'high', value: number, bit: number) => {
    const index = at + place * 32 + (half === 'low' ? 0 : 16) + value;
    bytes[index] = bytes[index]! | (1 << bit);
  };
  const any = (place: number, half: 'low' | 'high', bit: number) => {
    for (let value = 0; value < 16; value++) set(place, half, value, bit);
  };
  for (const [i, { words, fold, of }] of WORDS.entries()) {
    if (!of(wanted)) continue;
    for (const word of words) {
      for (let place = 0; place < 3; place++) {
        for (const byte of fold ? [word.charCodeAt(place), word.charCodeAt(place) ^ 0x20] : [word.charCodeAt(place)]) {
          set(place, 'low', byte & 15, BITS[i]!);
          set(place, 'high', byte >> 4, BITS[i]!);
        }
      }
    }
  }
  if (wanted.has('email')) {
    set(0, 'low', 0, EMAIL_BIT);
    set(0, 'high', 4, EMAIL_BIT);
    for (const place of [1, 2]) for (const half of ['low', 'high'] as const) any(place, half, EMAIL_BIT);
  }
  if (wanted.has('iban')) {
    // Two capitals and a digit.
    for (const place of [0, 1, 2]) any(place, 'low', IBAN_BIT);
    for (const [place, high] of [
      [0, 4],
      [0, 5],
      [1, 4],
      [1, 5],
      [2, 3],
    ] as const)
      set(place, 'high', high, IBAN_BIT);
  }
}
