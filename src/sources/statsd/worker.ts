/**
 * A listener's thread. It waits in recvmmsg(2), at most POLL_MS, counts what came, and between two receives sees to the
 * windows and to the main thread. Where libc cannot be called node:dgram receives, and a timer sees to the rest.
 */
import { fstatSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { setPriority } from 'node:os';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { closeSocket, DatagramReader, datagramsAvailable, openUdp } from '../../native.ts';
import { Aggregator } from './aggregator.ts';
import { kernelDrops } from './drops.ts';
import {
  BYTES,
  COARSER,
  CONTEXTS,
  type FromWorker,
  KERNEL_DROPS,
  LINES,
  type ListenerOptions,
  MESSAGES,
  OVERFLOWED,
  PACKETS,
  REJECTED,
  REPLACED,
  SAMPLES,
  STOP,
  type ToWorker,
} from './protocol.ts';
import { Windows } from './windows.ts';

/** Datagrams a call. */
const SLOTS = 64;
/** The largest datagram and room behind it; no power of two, so the places do not share cache lines. */
const SLOT_BYTES = 65_536 + 256;
const POLL_MS = 100;
/** Where this many came at once, or two receives were this close, more will come: after a pause a call brings more. */
const BUSY = 4;
const CLOSE_MS = 0.25;
const PAUSE_MS = 1;
const DROPS_EVERY_MS = 1000;
/** After the order to stop, what the socket holds is read for this long at most. */
const LAST_READ_MS = 1000;

const options = workerData as ListenerOptions;
const port = parentPort!;
const control = new Int32Array(options.control);
const counters = new Float64Array(options.counters);
const { interval, maxContexts, memory, percentiles, origin } = options;
const aggregator = new Aggregator({ maxContexts, memory, percentiles, origin, arenaBytes: SLOTS * SLOT_BYTES });
const windows = new Windows(aggregator, interval, Date.now(), performance.now(), post);

function post(message: FromWorker): void {
  report();
  port.postMessage(message);
}

/** Counters first: whoever gets a message finds in them what it is about. */
function report(): void {
  counters[LINES] = aggregator.lines;
  counters[SAMPLES] = aggregator.samples;
  counters[REJECTED] = aggregator.rejected;
  counters[CONTEXTS] = aggregator.contexts;
  counters[REPLACED] = aggregator.replaced;
  counters[OVERFLOWED] = aggregator.overflowed;
  counters[COARSER] = aggregator.coarser;
  if (aggregator.losses.size === 0) return;
  const losses = [...aggregator.losses];
  aggregator.losses.clear();
  port.postMessage({ type: 'losses', losses } satisfies FromWorker);
}

function take(at: number, length: number): void {
  counters[PACKETS]!++;
  counters[BYTES]! += length;
  aggregator.take(at, at + length);
}

function stopping(): boolean {
  return Atomics.load(control, STOP) === 1;
}

function receiveNatively(): void {
  const socket = openUdp(options.host, options.port, options.receiveBuffer, POLL_MS);
  const reader = new DatagramReader(socket.fd, aggregator.kernel.bytes, aggregator.kernel.arenaAt, SLOTS, SLOT_BYTES);
  const inode = fstatSync(socket.fd).ino;
  post({ type: 'listening', port: socket.port, receiveBuffer: socket.receiveBuffer, native: true });
  let lookAgain = 0;
  let received = 0;
  let lastRead = Number.POSITIVE_INFINITY;
  const look = () => {
    counters[KERNEL_DROPS] = kernelDrops(inode);
    lookAgain = performance.now() + DROPS_EVERY_MS;
  };

  /** One turn; true while there may be more to read. */
  const turn = (): boolean => {
    const heard = Atomics.load(control, MESSAGES);
    for (let m = receiveMessageOnPort(port); m; m = receiveMessageOnPort(port)) windows.heard(m.message as ToWorker);
    const last = stopping();
    const n = reader.receive(!windows.busy && !last);
    windows.tick(Date.now(), performance.now());
    for (let i = 0; i < n; i++) take(aggregator.kernel.arenaAt + i * SLOT_BYTES, reader.length(i));
    report();
    windows.step();
    const now = performance.now();
    const close = now - received < CLOSE_MS;
    received = now;
    if (now >= lookAgain) look();
    if (last) {
      lastRead = Math.min(lastRead, now + LAST_READ_MS);
      return n > 0 && now < lastRead;
    }
    if (n > 0 && n < SLOTS && (close || n >= BUSY)) Atomics.wait(control, STOP, 0, PAUSE_MS);
    else if (n === 0 && windows.busy) Atomics.wait(control, MESSAGES, heard, PAUSE_MS);
    return true;
  };

  try {
    while (turn());
    look();
  } finally {
    closeSocket(socket.fd);
  }
  finish();
}

/** Hands over the last window, then ends the thread. Nothing is received any more, so messages come the usual way. */
function finish(): void {
  const end = () => {
    windows.step();
    windows.finish(Date.now(), performance.now());
    if (!windows.finished) return;
    post({ type: 'done' });
    port.close();
  };
  port.on('message', (message: ToWorker) => {
    windows.heard(message);
    end();
  });
  end();
}

async function receiveWithNode(): Promise<void> {
  const { createSocket } = await import('node:dgram');
  const socket = createSocket({ type: isIPv6(options.host) ? 'udp6' : 'udp4', recvBufferSize: options.receiveBuffer });
  const at = aggregator.kernel.arenaAt;
  const heard = (message: ToWorker) => {
    windows.heard(message);
    windows.step();
  };
  const fail = (error: Error) => {
    post({ type: 'failed', message: systemMessage(error) });
    port.close();
  };
  socket.once('error', fail);
  socket.on('message', (datagram) => {
    windows.tick(Date.now(), performance.now());
    aggregator.kernel.bytes.set(datagram, at);
    take(at, datagram.length);
  });
  port.on('message', heard);
  socket.bind(options.port, options.host, () => {
    socket.off('error', fail);
    const granted = socket.getRecvBufferSize();
    post({ type: 'listening', port: socket.address().port, receiveBuffer: granted, native: false });
    const timer = setInterval(() => {
      windows.tick(Date.now(), performance.now());
      report();
      if (!stopping()) return;
      clearInterval(timer);
      socket.close();
      port.off('message', heard);
      finish();
    }, POLL_MS / 2);
  });
}

/** `bind EADDRINUSE 127.0.0.1:8125` says less than `address already in use`. */
function systemMessage(error: Error & { code?: string }): string {
  return error.code === 'EADDRINUSE' ? 'address already in use' : error.message;
}

/** The socket's buffer is short: on a busy machine this thread goes first (0 is the calling thread on Linux). */
function goFirst(): void {
  try {
    setPriority(0, -10);
  } catch {
    // Only root, or who has CAP_SYS_NICE, may: then it takes its turn.
  }
}

if (options.native && datagramsAvailable()) {
  goFirst();
  try {
    receiveNatively();
  } catch (error) {
    post({ type: 'failed', message: (error as Error).message });
  }
} else await receiveWithNode();
