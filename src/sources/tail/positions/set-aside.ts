/**
 * Journals of positions that could not be read, kept for whoever wants to look at them: `positions.damaged`, then
 * `positions.damaged.2` and so on. Each costs as much as the journal, so only the newest three stay.
 */
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { log } from '../../../log.ts';

const KEPT = 3;
const NAME = /^(.+)\.damaged(?:\.(\d+))?$/;

/** Puts a journal aside by `keep`, under a name that none had, and removes what is too old. Rejects as `keep` does. */
export async function setAside(path: string, keep: (to: string) => Promise<void>): Promise<string> {
  const before = await namesIn(path);
  const next = (before.at(-1)?.number ?? 0) + 1;
  const kept = next === 1 ? `${path}.damaged` : `${path}.damaged.${next}`;
  await keep(kept);
  for (const { name } of before.slice(0, Math.max(0, before.length + 1 - KEPT))) {
    // Where a journal should be there may have been a directory.
    await rm(name, { force: true, recursive: true }).catch((error: Error) =>
      log.warn(`cannot remove ${name}: ${error.message}`),
    );
  }
  return kept;
}

/** The oldest first. */
async function namesIn(path: string): Promise<{ name: string; number: number }[]> {
  const dir = dirname(path);
  return (await readdir(dir))
    .flatMap((name) => {
      const match = NAME.exec(name);
      return match?.[1] === basename(path) ? [{ name: join(dir, name), number: Number(match[2] ?? 1) }] : [];
    })
    .sort((a, b) => a.number - b.number);
}
