/**
 * Loaded into the agent by the soak (`node --import`), no part of it: on the unix socket $RUNNEL_TEST_PROBE it collects
 * all garbage and answers with what is left, as JSON. What it is sent is a line: the path of a heap snapshot to write
 * as well, or nothing.
 */
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString, writeHeapSnapshot } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread, type Worker } from 'node:worker_threads';

/** How often the other threads collect their garbage by themselves. */
const WORKERS_MS = 10_000;

/** Bytes. */
export interface Left {
  heap: number;
  external: number;
  /** The heaps of the other threads. */
  workers: number;
  /** Timers, sockets and the like, by their kind. */
  resources: Record<string, number>;
}

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

async function left(workers: ReadonlySet<Worker>): Promise<Left> {
  // Finalizers and weak references need turns of the loop between collections.
  for (let i = 0; i < 3; i++) {
    gc();
    await sleep(20);
  }
  const { heapUsed, external } = process.memoryUsage();
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const answer = { heap: heapUsed, external, workers: 0, resources };
  for (const worker of workers) {
    // One that has just ended has nothing left.
    const left = await worker.getHeapStatistics().catch(() => null);
    answer.workers += left?.used_heap_size ?? 0;
  }
  return answer;
}

if (isMainThread) {
  const workers = new Set<Worker>();
  process.on('worker', (worker) => {
    workers.add(worker);
    worker.once('exit', () => workers.delete(worker));
  });
  const server = createServer({ allowHalfOpen: true }, async (socket) => {
    let asked = '';
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) asked += String(chunk);
    const answer = await left(workers);
    if (asked !== '\n') writeHeapSnapshot(asked.trim());
    socket.end(JSON.stringify(answer));
  });
  server.listen(process.env.RUNNEL_TEST_PROBE).unref();
} else {
  // It cannot be asked to: a heap snapshot collects as well, and leaves a malloc arena of 64 MB behind.
  setInterval(gc, WORKERS_MS).unref();
}
