/**
 * `${NAME}`, `${NAME:-default}` and `${file:PATH}` in a scalar; `$${` is a literal `${`. Paths and defaults may hold
 * further ones: `${file:${CREDENTIALS_DIRECTORY}/kafka}`. As in a shell, `:-` also replaces what is set but empty.
 */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Env } from './config.ts';
import { Wrong } from './option.ts';

const MAX_FILE_BYTES = 65_536;

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

/** Hides the braces of every `${...}` that closes on its line. */
export function mask(text: string): string {
  const hidden = text.replace(/\$\{([^{}\n]*)\}/g, `$$${OPEN}$1${CLOSE}`);
  // From the inside out: what held another one can be hidden now.
  return hidden === text ? text : mask(hidden);
}

export function unmask(text: string): string {
  return text.replaceAll(OPEN, '{').replaceAll(CLOSE, '}');
}

/** Throws Wrong. `folder` is what a relative `${file:...}` starts from. */
export function substitute(text: string, env: Env, folder: string): Substituted {
  if (!text.includes('${')) return { text, substituted: false };
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
    out += text.slice(at, open) + replacement(text.slice(open + 2, close), env, folder);
    substituted = true;
    at = close + 1;
  }
  return { text: out + text.slice(at), substituted };
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

function replacement(inner: string, env: Env, folder: string): string {
  if (inner.startsWith('file:')) return fileContents(substitute(inner.slice(5), env, folder).text, folder);
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/.exec(inner);
  if (!match)
    throw new Wrong('a ${...} that is none of ${NAME}, ${NAME:-default}, ${file:PATH}: a literal ${ is written $${');
  const name = match[1]!;
  const value = env[name];
  if (match[2] !== undefined) return value || substitute(match[2], env, folder).text;
  if (value !== undefined) return value;
  throw new Wrong(`the environment variable ${name} is not set: set it, or write \${${name}:-default}`);
}

function fileContents(path: string, folder: string): string {
  const whole = resolve(folder, path);
  try {
    const stat = statSync(whole);
    // A FIFO or a device would hang the start.
    if (!stat.isFile()) throw new Wrong(`cannot read ${whole}: it is no regular file`);
    if (stat.size > MAX_FILE_BYTES) throw new Wrong(`cannot read ${whole}: it is larger than 64 KiB`);
    return readFileSync(whole, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    if (error instanceof Wrong) throw error;
    throw new Wrong(`cannot read ${whole}: ${reasonOf(error)}`);
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'there is no such file',
};

/** An error of the file system in words. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return REASONS[code ?? ''] ?? code ?? message;
}
