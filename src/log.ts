/** The agent's own words, one line each on stderr. Never the contents of a record. */
type Level = 'debug' | 'info' | 'warn' | 'error';

let lastSaid = new Map<string, number>();

function say(level: Level, message: string): void {
  // Control characters (of a file's name, of a broker's answer) must not reach a terminal.
  const text = message.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  process.stderr.write(`${new Date().toISOString()} ${level} ${text}\n`);
}

export const log = {
  debug(message: string): void {
    if (process.env.RUNNEL_DEBUG) say('debug', message);
  },
  info(message: string): void {
    say('info', message);
  },
  warn(message: string): void {
    say('warn', message);
  },
  error(message: string): void {
    say('error', message);
  },
  /** A warning about one thing, at most once in `every_ms` (default: an hour) for each key. */
  warnOnce(key: string, message: string, every_ms = 3_600_000): void {
    const now = performance.now();
    const last = lastSaid.get(key);
    if (last !== undefined && now - last < every_ms) return;
    if (lastSaid.size > 10_000) lastSaid = new Map();
    lastSaid.set(key, now);
    say('warn', message);
  },
};
