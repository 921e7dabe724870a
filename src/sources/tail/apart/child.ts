/**
 * The process that reads the files of a mount which may hang (process.ts starts it). Its main thread does hang where the
 * mount does, and by that it is known; the agent does not. It ends with the agent, or when its call comes back after that:
 * so it has nothing of the agent's open.
 */
import { writeFileSync } from 'node:fs';
import { sayTo } from '../../../log.ts';
import { waitFor } from '../../../mounts/places.ts';
import { endWithParent } from '../../../native.ts';
import type { ToAgent, ToProcess } from './messages.ts';
import { Reader } from './reader.ts';

/** Not `process.exit`: that waits for threads that hang. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}

endWithParent();
// It had gone before that was said.
if (!process.connected) end();
try {
  // Where memory is short this goes first: it is started again.
  writeFileSync('/proc/self/oom_score_adj', '1000');
  // As ps and top are to show it.
  writeFileSync('/proc/self/comm', 'runnel-mount');
} catch {
  // Some sandboxes do not allow it.
}

const readers = new Map<number, Reader>();
const tell = (message: ToAgent) => void process.send!(message);

sayTo((level, message) => tell({ kind: 'said', level, message }));
process.on('uncaughtException', (error) => {
  process.send!({ kind: 'said', level: 'error', message: String(error.stack) } satisfies ToAgent, end);
});
process.on('disconnect', end);
// Who stops the agent may mean all its processes: what is read is read to the end that the agent says.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('message', (message: ToProcess) => {
  if (message.kind === 'ping') tell({ kind: 'pong' });
  else if (message.kind === 'open') {
    waitFor(message.mount.device);
    const reader = new Reader(message, tell);
    readers.set(message.part, reader);
    void reader.run().finally(() => readers.delete(message.part));
  } else {
    const reader = readers.get(message.part);
    if (message.kind === 'roots') reader?.look(message.roots);
    else if (message.kind === 'taken') reader?.taken();
    else if (message.kind === 'settled') reader?.settled(message.id, message.position);
    else reader?.close();
  }
});
tell({ kind: 'ready' });
