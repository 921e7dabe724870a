/**
 * What the process has in memory, bytes. The system says so in a file: where no more files can be opened it is what it was
 * before, as a figure is not worth the agent's life.
 */
export function residentBytes(): number {
  try {
    last = process.memoryUsage.rss();
  } catch {
    // EMFILE, ENFILE
  }
  return last;
}

let last = 0;
