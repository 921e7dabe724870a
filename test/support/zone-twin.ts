/** Local time once more, asked of Intl each time. Seconds. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const parts = {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  } as const;
  const format =
    formats.get(zone) ?? new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', era: 'short', ...parts });
  formats.set(zone, format);
  return format;
}

/** Seconds east of UTC. */
function offset(zone: string, second: number): number {
  const of = Object.fromEntries(
    formatOf(zone)
      .formatToParts(second * 1000)
      .map(({ type, value }) => [type, Number(value)]),
  );
  return Date.UTC(of.year!, of.month! - 1, of.day!, of.hour!, of.minute!, of.second!) / 1000 - second;
}

/** All offsets a day around; those that are right where they lead to are the answers. */
function toUtc(zone: string, local: number, now: number): number {
  const around = [local - 86_400, local + 86_400].map((second) => offset(zone, second));
  const right = [...new Set(around)]
    .map((by) => local - by)
    .filter((second) => second + offset(zone, second) === local);
  const [first, last] = [Math.min(...right), Math.max(...right)];
  if (right.length === 0) return local - around[0]!;
  return last <= now ? last : first;
}

export const localTwin = { offset, toUtc };
