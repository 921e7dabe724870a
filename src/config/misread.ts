/** Patterns that are written as elsewhere and mean something else here: what each looks like, and what would be right. */

export interface Misread {
  /** `looks like a regular expression` */
  what: string;
  help: string;
  /** What was probably meant; null: that cannot be told. */
  instead: string | null;
}

/** A pattern of several that is not in brackets or braces. */
const LIST = /[,;|]\s*[/*.]|\s[/*]/;
const REGULAR = /^\^|\$$|\\[.\w]|\.\+|\(\?|\([^()]*\|[^()]*\)|[\])]\+|\)[*?]/;

/** Null: it looks like a glob. A hint: it may be right all the same. */
export function misread(pattern: string): Misread | null {
  const bare = pattern.replace(/\\./g, '').replace(/\[[^\]]*\]|\{[^{}]*\}/g, '');
  const found = (what: string, help: string, instead: string | null = null): Misread => ({ what, help, instead });
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(pattern)) {
    return found('looks like a URL', 'write the path alone', /^file:\/\/(\/.*)/.exec(pattern)?.[1] ?? null);
  }
  if (/^\s|\s$/.test(pattern)) return found('begins or ends with a blank', 'write it without', pattern.trim());
  if (/^["'`]|["'`]$/.test(pattern)) return found('has quotes within quotes', 'write it without', pattern.slice(1, -1));
  if (pattern.startsWith('~')) return found('begins with ~, which is not replaced', 'write ${HOME}', home(pattern));
  const variable = /\$([A-Z_][A-Z0-9_]+)|%([A-Z_][A-Z0-9_]+)%/i.exec(bare);
  if (variable) {
    const name = variable[1] ?? variable[2];
    return found(`has ${variable[0]}, which is not replaced`, `write \${${name}}`);
  }
  if (/^[a-z]:[\\/]/i.test(pattern)) return found('looks like a path of Windows', 'here paths begin with /');
  if (REGULAR.test(pattern)) {
    return found('looks like a regular expression', 'a glob names the whole, with * for any characters', glob(pattern));
  }
  if (pattern.includes('\\') && !/\\[^\w/]/.test(pattern)) {
    return found('has backslashes, which only take the meaning from what follows', 'names are parted by /');
  }
  if (LIST.test(bare)) return found('looks like several patterns', 'write each by itself: [one, another]');
  if (pattern.startsWith('!')) return found('begins with !', 'what is to be kept cannot be named here');
  if (/[^/]\*\*|\*\*[^/]/.test(bare)) return found('has ** within a name, which is *', 'write **/*.log for any depth');
  const range = /\{[^{},/]*\.\.[^{},/]*\}/.exec(pattern);
  if (range) return found(`has ${range[0]}, which is no range`, 'write {1,2,3} or [1-9]');
  const date = /%[YymdHMSj]/.exec(pattern);
  if (date) return found(`has ${date[0]}, which is not replaced`, 'write * for it');
  return null;
}

/** What would be right, in words. */
export function advice({ help, instead }: Misread): string {
  return instead === null ? help : `${help}: ${instead}`;
}

function home(pattern: string): string | null {
  return pattern.startsWith('~/') ? `\${HOME}${pattern.slice(1)}` : null;
}

/** A simple regular expression as a glob. */
function glob(expression: string): string | null {
  const anchored = /^[\^/]/.test(expression);
  const text = expression
    .replace(/^\^/, '')
    .replace(/\$$/, '')
    .replace(/\.[*+]\??/g, '*')
    .replace(/\\([./_-])/g, '$1')
    .replace(/\((?:\?:)?([\w.|-]+)\)/g, (_, either: string) => `{${either.replaceAll('|', ',')}}`)
    .replace(/\\d\+?/g, '[0-9]*');
  const whole = `${anchored ? '' : '*'}${text}${expression.endsWith('$') ? '' : '*'}`.replace(/\*{2,}/g, '*');
  return /[\\^$+()|]/.test(whole) ? null : whole;
}
