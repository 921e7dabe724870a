// Loaded into the agent by the benchmark (node --import): writes the event loop's p99 delay in ms to ?out= at the end.
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const RESOLUTION_MS = 2;

if (isMainThread) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  // Each sample includes the time that the timer was to wait.
  process.on('exit', () => {
    const out = new URL(import.meta.url).searchParams.get('out');
    writeFileSync(out, String(Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS)));
  });
}
