/** What of a record's names is the envelope's: what a line has under them goes elsewhere. */

/** Members of a line that go to `conflict` as they are, in cells of their own. The rest of `log` and `event` merges. */
export const NAMES_OF_ENVELOPE = ['@timestamp', 'host', 'labels', 'conflict', 'log', 'event', 'event.dataset'] as const;

/** Those of which a line seldom has one: they go to `conflict` too, the slow way. */
export const OWN_IN_LOG = ['file', 'offset', 'length', 'skipped', 'flags', 'iostream'] as const;

/** Objects of the envelope that a line has no part of, however it is written: `host.name` is the envelope's, too. */
export const WHOLE = ['host', 'labels', 'conflict'] as const;

/** Of the fields that steps name those that may be objects, parts of which a line may have under dotted names. */
export function objectsOf(named: readonly string[]): string[] {
  return named.filter((name) => name !== 'message' && !/^(log|event|conflict)(\.|$)/.test(name));
}

/** Objects of the envelope in which members of a line are nested, however they are written. */
export const NESTED: ReadonlySet<string> = new Set(['log', 'event']);
