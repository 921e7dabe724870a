/** Patterns of words, numbers, paths and addresses, by the names that grok has for them. */

/** Digits of a hexadecimal number. */
const HEX = '[0-9A-Fa-f]';
const LABEL = '[0-9A-Za-z][0-9A-Za-z-]*';
const MAILBOX = "[\\w!#$%&'*+/=?^`{|}~-]+";
const IN_PATH = '[\\w%!$@:.,+~-]*';

export const BASE_PATTERNS: Readonly<Record<string, string>> = {
  WORD: '\\b\\w+\\b',
  NOTSPACE: '\\S+',
  SPACE: '\\s*',
  DATA: '.*?',
  GREEDYDATA: '.*',
  QUOTEDSTRING:
    '(?<!\\\\)(?:"[^"\\\\]*(?:\\\\.[^"\\\\]*)*"|\'[^\'\\\\]*(?:\\\\.[^\'\\\\]*)*\'|`[^`\\\\]*(?:\\\\.[^`\\\\]*)*`)',
  QS: '%{QUOTEDSTRING}',
  USERNAME: '[\\w.-]+',
  USER: '%{USERNAME}',
  EMAILLOCALPART: `${MAILBOX}(?:\\.${MAILBOX})*`,
  EMAILADDRESS: '%{EMAILLOCALPART}@%{HOSTNAME}',

  INT: '[+-]?\\d+',
  BASE10NUM: '(?<![\\d.+-])[+-]?(?:\\d+(?:\\.\\d+)?|\\.\\d+)',
  NUMBER: '%{BASE10NUM}',
  BASE16NUM: `(?<!${HEX})[+-]?(?:0x)?${HEX}+`,
  BASE16FLOAT: `(?<![0-9A-Fa-f.])[+-]?(?:0x)?(?:${HEX}+(?:\\.${HEX}*)?|\\.${HEX}+)\\b`,
  POSINT: '\\b[1-9]\\d*\\b',
  NONNEGINT: '\\b\\d+\\b',

  UUID: `${HEX}{8}-(?:${HEX}{4}-){3}${HEX}{12}`,
  URN: `urn:[0-9A-Za-z][0-9A-Za-z-]{0,31}:(?:%${HEX}{2}|[\\w()+,.:=@;$!*'/?#-])+`,

  CISCOMAC: `(?:${HEX}{4}\\.){2}${HEX}{4}`,
  WINDOWSMAC: `(?:${HEX}{2}-){5}${HEX}{2}`,
  COMMONMAC: `(?:${HEX}{2}:){5}${HEX}{2}`,
  MAC: '(?:%{CISCOMAC}|%{WINDOWSMAC}|%{COMMONMAC})',
  IPV4: '(?<!\\d)(?:(?:25[0-5]|2[0-4]\\d|[01]?\\d{1,2})\\.){3}(?:25[0-5]|2[0-4]\\d|[01]?\\d{1,2})(?!\\d)',
  IPV6: `(?:${ipv6(0)})(?:%\\w+)?`,
  IP: '(?:%{IPV6}|%{IPV4})',
  HOSTNAME: `\\b${LABEL}(?:\\.${LABEL})*\\.?`,
  IPORHOST: '(?:%{IP}|%{HOSTNAME})',
  HOSTPORT: '%{IPORHOST}:%{POSINT}',

  UNIXPATH: `(?:/${IN_PATH}(?:\\\\.${IN_PATH})*)+`,
  WINPATH: '(?:[A-Za-z]+:|\\\\)(?:\\\\[^\\\\?*]*)+',
  PATH: '(?:%{UNIXPATH}|%{WINPATH})',
  TTY: '/dev/(?:pts|tty)[\\w/]*',
  URIPROTO: '[A-Za-z][A-Za-z0-9+.-]+',
  URIHOST: '%{IPORHOST}(?::%{POSINT})?',
  URIPATH: "(?:/[\\w$.+!*'(){},~:;=@#%&|-]*)+",
  URIQUERY: "[\\w$.+!*'|(){},~@#%&/=:;?<>\\[\\]-]*",
  URIPARAM: '\\?%{URIQUERY}',
  URIPATHPARAM: '%{URIPATH}(?:%{URIPARAM})?',
  URI: '%{URIPROTO}://(?:%{USER}(?::[^@]*)?@)?(?:%{URIHOST})?(?:%{URIPATH}(?:%{URIPARAM})?)?',

  LOGLEVEL: levels(
    'alert emerg(?:ency)? crit(?:ical)? fatal severe err(?:or)? warn(?:ing)? notice info(?:rmation)? debug trace',
  ),
};

/** What may come behind so many groups and their colons; a double colon stands for the groups that are not there. */
function ipv6(groups: number): string {
  const group = `${HEX}{1,4}`;
  if (groups === 7) return `(?:${group}|:)`;
  const more = 6 - groups;
  // Behind the double colon.
  const rest =
    groups > 5 ? `(?:${group})?` : `(?:(?:${group}:){0,${more - 1}}%{IPV4}|${group}(?::${group}){0,${more}})?`;
  const shortened = groups === 0 ? `::${rest}` : `:${rest}`;
  const v4 = groups === 6 ? '%{IPV4}|' : '';
  return `(?:${v4}${group}:${ipv6(groups + 1)}|${shortened})`;
}

/** Words in lower case, with a capital, and in capitals. */
function levels(words: string): string {
  const forms = words.split(' ').flatMap((word) => {
    const first = word.charAt(0);
    return [`[${first}${first.toUpperCase()}]${word.slice(1)}`, word.toUpperCase()];
  });
  return `\\b(?:${forms.join('|')})\\b`;
}
