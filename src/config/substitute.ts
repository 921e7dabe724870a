/**
 * `${NAME}`, `${NAME:-default}` and `${file:PATH}` in a scalar; `$${` is a literal `${`. Paths and defaults may hold
 * further ones: `${file:${CREDENTIALS_DIRECTORY}/kafka}`. As in a shell, `:-` also replaces what is set but empty.
 */
import { resolve } from 'node:path';
import { writableByOthers } from '../data-dir/writable.ts';
import type { Env } from './config.ts';
import { Wrong } from './option.ts';
import { readSmall } from './read.ts';

const MAX_FILE_BYTES = 65_536;
/** Of all that is brought in. */
const MAX_CHARACTERS = 4 << 20;
/** One within another. */
const DEEPEST = 20;

export interface Substituted {
  text: string;
  /** Something was replaced: the text may be a secret. */
  substituted: boolean;
}

/*
 * In YAML's flow form, `{password: ${PASSWORD}}`, braces have a meaning of their own. So before YAML is parsed those of
 * `${...}` are replaced by two characters that Unicode gives no meaning, one for one, so that places stay right.
 */
const OPEN = '\ufdd0';
const CLOSE = '\ufdd1';

/** Hides the braces of every `${...}` that closes on its line and holds no others. `deep`: where one is within too many. */
export function mask(text: string): { masked: string; deep: number | null } {
  const hidden: number[] = [];
  const open: number[] = [];
  for (const { index, 0: found } of text.matchAll(/\$\{|[{}\n]/g)) {
    if (found === '${') {
      if (open.push(index + 1) > DEEPEST) return { masked: text, deep: index };
    } else if (found === '}') {
      const from = open.pop();
      if (from !== undefined) hidden.push(from, index);
    } else open.length = 0;
  }
  if (hidden.length === 0) return { masked: text, deep: null };
  let masked = '';
  let at = 0;
  for (const index of hidden.sort((a, b) => a - b)) {
    masked += text.slice(at, index) + (text[index] === '{' ? OPEN : CLOSE);
    at = index + 1;
  }
  return { masked: masked + text.slice(at), deep: null };
}

export function unmask(text: string): string {
  return text.replaceAll(OPEN, '{').replaceAll(CLOSE, '}');
}

/** What is done with the text of a scalar. */
export interface Substitute {
  /** Throws Wrong. */
  in(text: string): Substituted;
}

/** One for all files of a configuration: what they bring in is bounded together. */
export class Substitution implements Substitute {
  readonly #env: Env;
  /** What a relative `${file:...}` starts from. */
  readonly #folder: string;
  #left = MAX_CHARACTERS;

  constructor(env: Env, folder: string) {
    this.#env = env;
    this.#folder = folder;
  }

  /** Throws Wrong. */
  in(text: string, depth = 0): Substituted {
    if (!text.includes('${')) return { text, substituted: false };
    if (depth > DEEPEST) throw new Wrong(`more than ${DEEPEST} \${ within each other: write it with fewer`);
    let out = '';
    let substituted = false;
    let at = 0;
    while (at < text.length) {
      const open = text.indexOf('${', at);
      if (open < 0) break;
      if (text[open - 1] === '$' && open > at) {
        out += `${text.slice(at, open - 1)}\${`;
        at = open + 2;
        continue;
      }
      const close = closing(text, open + 2);
      out += text.slice(at, open) + this.#brought(this.#replacement(text.slice(open + 2, close), depth + 1));
      substituted = true;
      at = close + 1;
    }
    return { text: out + text.slice(at), substituted };
  }

  #replacement(inner: string, depth: number): string {
    if (inner.startsWith('file:')) return this.#file(this.in(inner.slice(5), depth).text);
    const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/.exec(inner);
    if (!match)
      throw new Wrong('a ${...} that is none of ${NAME}, ${NAME:-default}, ${file:PATH}: a literal ${ is written $${');
    const name = match[1]!;
    const value = this.#env[name];
    if (match[2] !== undefined) return value || this.in(match[2], depth).text;
    if (value !== undefined) return value;
    throw new Wrong(`the environment variable ${name} is not set: set it, or write \${${name}:-default}`);
  }

  #file(path: string): string {
    const whole = resolve(this.#folder, path);
    try {
      const text = readSmall(whole, MAX_FILE_BYTES).toString('utf8');
      const unsafe = writableByOthers(whole);
      if (unsafe) throw new Error(unsafe);
      return text.replace(/\r?\n$/, '');
    } catch (error) {
      throw new Wrong(`cannot read ${whole}: ${(error as Error).message}`);
    }
  }

  #brought(text: string): string {
    this.#left -= text.length;
    if (this.#left < 0) throw new Wrong('what ${...} brings in is more than 4 MiB together: this is no configuration');
    return text;
  }
}

/** Where the brace that was opened before `from` closes. */
function closing(text: string, from: number): number {
  let depth = 1;
  for (let i = from; i < text.length; i++) {
    if (text.startsWith('${', i)) {
      depth++;
      i++;
    } else if (text[i] === '}' && --depth === 0) return i;
  }
  throw new Wrong('a ${ without its }: a literal ${ is written $${');
}
