/**
 * A listener's thread. While datagrams are rare libuv says when one comes, and a timer when a window ends: nothing else
 * wakes it. While they come often it stays in the receive (batches.ts), and between two of them sees to the windows and to
 * the main thread. Where libc cannot be called libuv's reading is all there is.
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { setPriority } from 'node:os';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Aggregator } from './aggregator.ts';
import { ARENA_BYTES, Batches } from './batches.ts';
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
import { TimeWindows } from './windows.ts';

const options = workerData as ListenerOptions;
const port = parentPort!;
const control = new Int32Array(options.control);
const counters = new Float64Array(options.counters);
const { interval, maxContexts, memory, percentiles, origin } = options;
const aggregator = new Aggregator({ maxContexts, memory, percentiles, origin, arenaBytes: ARENA_BYTES });
const { bytes, arenaAt } = aggregator.kernel;
const now = performance.now();
const open = Math.max(0, performance.timeOrigin + now - options.since);
const windows = new TimeWindows(aggregator, interval, { wall: Date.now(), now, open }, post);
/** libuv's ear, once there is one. */
let ear: Socket | null = null;
let batches: Batches | null = null;
let timer: NodeJS.Timeout | undefined;
let closed = false;

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
  port.postMessage({ type: 'losses', losses: aggregator.takeLosses() } satisfies FromWorker);
}

function tick(): void {
  windows.tick(Date.now(), performance.now());
}

function take(at: number, length: number): void {
  counters[PACKETS]!++;
  counters[BYTES]! += length;
  aggregator.take(at, at + length);
  // Should the thread die, that is what it takes with it.
  counters[SAMPLES] = aggregator.samples;
}

/** A datagram that libuv has read. */
function takeOne(datagram: Uint8Array): void {
  tick();
  bytes.set(datagram, arenaAt);
  take(arenaAt, datagram.length);
}

function stopping(): boolean {
  return Atomics.load(control, STOP) === 1;
}

/** After everything that was heard, of whom ever. */
function goOn(): void {
  report();
  windows.step();
  if (stopping() && ear) end();
  // Until the last series is forgotten: windows without samples age them.
  else if (aggregator.contexts > 0 || windows.busy) {
    timer ??= setTimeout(onTime, Math.max(1, Math.ceil(windows.due - performance.now())));
  }
}

function onTime(): void {
  timer = undefined;
  tick();
  goOn();
}

/** Reads what is left, hands over the last window, and lets the thread end. */
function end(): void {
  if (!closed) {
    closed = true;
    clearTimeout(timer);
    batches?.readAll();
    batches?.look();
    ear!.close();
    if (options.fd !== null) post({ type: 'read' });
  }
  windows.step();
  windows.finish(Date.now(), performance.now());
  if (!windows.finished) return;
  post({ type: 'done' });
  port.close();
}

function hear(message: ToWorker): void {
  if (message.type === 'take') takeOver(options.fd!, message.datagrams);
  else if (message.type !== 'stop') windows.heard(message);
}

/** This thread reads from the socket now; `datagrams` came before what is in it. */
function takeOver(fd: number, datagrams: readonly Uint8Array[]): void {
  for (const datagram of datagrams) takeOne(datagram);
  ear = createSocket(isIPv6(options.host) ? 'udp6' : 'udp4');
  batches = new Batches(fd, bytes, arenaAt, {
    hear() {
      for (let m = receiveMessageOnPort(port); m; m = receiveMessageOnPort(port)) hear(m.message as ToWorker);
      heard = Atomics.load(control, MESSAGES);
    },
    stopping,
    busy: () => windows.busy,
    tick,
    take,
    taken() {
      report();
      windows.step();
    },
    drops(count) {
      counters[KERNEL_DROPS] = count;
    },
    pause(until, ms) {
      if (until === 'stop') Atomics.wait(control, STOP, 0, ms);
      else Atomics.wait(control, MESSAGES, heard, ms);
    },
  });
  const read = () => {
    batches!.readAll();
    goOn();
  };
  ear.on('message', (datagram) => {
    takeOne(datagram);
    read();
  });
  ear.bind({ fd: options.copy! }, read);
}
let heard = 0;

/** Where libc cannot be called. */
function bindWithNode(): void {
  const socket = createSocket({ type: isIPv6(options.host) ? 'udp6' : 'udp4', recvBufferSize: options.receiveBuffer });
  const fail = (error: Error & { code?: string }) => {
    // `bind EADDRINUSE 127.0.0.1:8125` says less.
    post({ type: 'failed', message: error.code === 'EADDRINUSE' ? 'address already in use' : error.message });
    port.close();
  };
  socket.once('error', fail);
  socket.on('message', (datagram) => {
    takeOne(datagram);
    goOn();
  });
  socket.bind(options.port, options.host, () => {
    socket.off('error', fail);
    ear = socket;
    post({ type: 'listening', port: socket.address().port, receiveBuffer: socket.getRecvBufferSize() });
    goOn();
  });
}

/** The socket's buffer is short: on a busy machine this thread goes first (0 is the calling thread on Linux). */
function goFirst(): void {
  try {
    setPriority(0, -10);
  } catch {
    // Only root, or who has CAP_SYS_NICE, may: then it takes its turn.
  }
}

port.on('message', (message: ToWorker) => {
  hear(message);
  goOn();
});
if (options.fd === null) bindWithNode();
else {
  goFirst();
  post({ type: 'ready' });
}
