/**
 * The thread of StatsD: receives from all listeners, and aggregates what comes. It waits until something comes, the main
 * thread says something, or a window ends: nothing else wakes it. While something comes often it stays in the receive
 * (receive/batches.ts), and between two of them sees to the windows and to the main thread. Where libc cannot be called
 * libuv hears and reads.
 */
import type { Socket } from 'node:dgram';
import { setPriority } from 'node:os';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { copyInto } from '../../core/copy.ts';
import { release } from '../../core/free.ts';
import { prepareToReceive } from '../../native/libc.ts';
import { shrinkHeap } from '../../native/memory.ts';
import { Aggregator } from './aggregator.ts';
import { Capture } from './capture.ts';
import { Counting } from './counting.ts';
import { Forwarder } from './forward.ts';
import {
  type BindPlace,
  CONNECTIONS,
  type FromThread,
  type HandedSocket,
  MESSAGES,
  STOP,
  type ThreadOptions,
  type ToThread,
} from './protocol.ts';
import { ARENA_BYTES, Batches } from './receive/batches.ts';
import { bindWithNode } from './receive/node.ts';
import { Origins, type SampleOrigin } from './receive/origins.ts';
import { Streams } from './receive/streams.ts';
import { TopAnswers } from './top-answers.ts';
import { TimeWindows } from './windows.ts';

const options = workerData as ThreadOptions;
const port = parentPort!;
const control = new Int32Array(options.control);
const { interval, limits, naming, memory, percentiles, origin, manners } = options;
const aggregator = new Aggregator({ limits, naming, memory, percentiles, origin, arenaBytes: ARENA_BYTES });
const { bytes, arenaAt } = aggregator.kernel;
const now = performance.now();
const open = Math.max(0, performance.timeOrigin + now - options.since);
const windows = new TimeWindows(aggregator, interval, { wall: Date.now(), now, open }, post);
const forwarder = new Forwarder(bytes, options.forwards, options.bell !== null);
const counting = new Counting(options.counters, manners.length, aggregator, forwarder);
const capture = new Capture(bytes, (bytes) => port.postMessage({ type: 'captured', bytes } satisfies FromThread));
const tops = new TopAnswers(aggregator, windows, post);
/** Where libc cannot be called. */
const bound: Socket[] = [];
/** Sockets that are being bound. */
let binding = 0;
let timer: NodeJS.Timeout | undefined;
let heard = 0;
/** Something was handed over: it cannot end before that. */
let given = false;
/** Those of connections: what comes is lines, not packets. */
const lineListeners = new Set<number>();
let closed = false;

const origins = new Origins();
const streams = new Streams(
  bytes,
  arenaAt,
  {
    take,
    taken,
    tooLong,
    opened: (listener) => counting.opened(listener),
    closed: (listener) => counting.closed(listener),
    refused: (listener) => counting.refused(listener),
    noRoom: (listener, error) => post({ type: 'trouble', listener, message: error.message }),
  },
  { connections: options.connections, idle: options.idle, origins, open: control.subarray(CONNECTIONS) },
);
const batches = new Batches(
  { memory: bytes, at: arenaAt, streams, origins, bell: options.bell ?? -1 },
  {
    hear() {
      for (let m = receiveMessageOnPort(port); m; m = receiveMessageOnPort(port)) hear(m.message as ToThread);
      heard = Atomics.load(control, MESSAGES);
    },
    stopping,
    step,
    busy: () => windows.busy || tops.busy,
    tick,
    take,
    taken,
    tooLong,
    drops: (listener, count) => counting.drops(listener, count),
    pause(until, ms) {
      if (until === 'stop') Atomics.wait(control, STOP, 0, ms);
      else Atomics.wait(control, MESSAGES, heard, ms);
    },
  },
);

function post(message: FromThread): void {
  report(null);
  port.postMessage(message);
}

/** `listener`: of whom the last lines were. */
function report(listener: number | null): void {
  counting.report(listener);
  if (aggregator.losses.size === 0) return;
  port.postMessage({ type: 'losses', listener, losses: aggregator.takeLosses() } satisfies FromThread);
}

function tick(): void {
  windows.tick(Date.now(), performance.now());
}

function take(listener: number, at: number, length: number, origin: SampleOrigin | null = null): void {
  counting.packet(listener, length);
  const whole = !lineListeners.has(listener);
  forwarder.add(at, length, whole);
  capture.add(listener, at, length, whole);
  aggregator.take(at, at + length, manners[listener], origin);
  counting.samples();
}

function taken(listener: number): void {
  forwarder.flush();
  report(listener);
}

/** What is done between, a piece at a time. */
function step(): void {
  windows.step();
  tops.step();
  capture.step();
}

function tooLong(listener: number): void {
  aggregator.tooLong();
  report(listener);
}

/** A datagram that libuv has read. */
function takeOne(listener: number, datagram: Uint8Array): void {
  tick();
  copyInto(bytes, arenaAt, datagram);
  take(listener, arenaAt, datagram.length);
  forwarder.flush();
  report(listener);
}

function stopping(): boolean {
  return Atomics.load(control, STOP) === 1;
}

/** After everything that was heard, of whom ever. */
function goOn(): void {
  report(null);
  step();
  if (stopping() && given && binding === 0) end();
  // Until the last series is forgotten: windows without samples age them.
  else if (aggregator.waits || windows.busy) {
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
    batches.readAll();
    batches.look();
    batches.close();
    for (const socket of bound) socket.close();
    post({ type: 'read' });
  }
  windows.step();
  windows.finish(Date.now(), performance.now());
  if (!windows.finished) return;
  post({ type: 'done' });
  port.close();
}

function hear(message: ToThread): void {
  given ||= message.type === 'take' || message.type === 'bind';
  if (message.type === 'take') {
    for (const { listener, bytes, ends } of message.datagrams) {
      for (const [i, end] of ends.entries()) takeOne(listener, bytes.subarray(ends[i - 1] ?? 0, end));
      release(bytes);
    }
    for (const socket of message.sockets) receiveFrom(socket);
  } else if (message.type === 'bind') bind(message.place);
  else if (message.type === 'forward') forwarder.targets[message.target]!.fd = message.fd;
  else if (message.type === 'capture') capture.set(message.on);
  else if (message.type === 'captured') capture.taken();
  else if (message.type === 'top') {
    tops.ask();
    // libuv waits for what comes: it goes on by itself.
    if (options.bell === null) goOnCounting();
  } else if (message.type !== 'stop') windows.heard(message);
}

/** This thread reads from the socket now. */
function receiveFrom({ listener, fd, reception, local, origin }: HandedSocket): void {
  if (reception === 'datagrams') batches.add(listener, fd, { drops: !local, origin });
  else {
    lineListeners.add(listener);
    batches.addStream({ listener, fd, local, origin });
  }
}

/** Stays here until everything is handed over: libuv has nothing to do in this thread. */
function serve(): void {
  goFirst();
  for (;;) {
    batches.readAll();
    report(null);
    step();
    if (stopping()) end();
    if (closed && windows.finished) return;
    const waits = aggregator.waits || windows.busy;
    if (tops.busy && !closed) batches.wait(1);
    else batches.wait(waits && !closed ? Math.max(1, Math.ceil(windows.due - performance.now())) : -1);
    for (let m = receiveMessageOnPort(port); m; m = receiveMessageOnPort(port)) hear(m.message as ToThread);
    heard = Atomics.load(control, MESSAGES);
    tick();
  }
}

function goOnCounting(): void {
  tops.step();
  if (tops.busy) setImmediate(goOnCounting);
}

/** Where libc cannot be called. */
function bind(place: BindPlace): void {
  const { listener } = place;
  binding++;
  bindWithNode(place, {
    bound(socket, port, receiveBuffer) {
      binding--;
      bound.push(socket);
      post({ type: 'listening', listener, port, receiveBuffer });
      goOn();
    },
    failed(message) {
      binding--;
      post({ type: 'failed', listener, message });
      goOn();
    },
    datagram(datagram) {
      takeOne(listener, datagram);
      goOn();
    },
  });
}

/** The sockets' buffers are short: on a busy machine this thread goes first (0 is the calling thread on Linux). */
function goFirst(): void {
  try {
    setPriority(0, -10);
  } catch {
    // Only root, or who has CAP_SYS_NICE, may: then it takes its turn.
  }
}

port.on('message', (message: ToThread) => {
  hear(message);
  if (options.bell !== null && given) serve();
  else goOn();
});
// What calls libc is loaded before anything is taken: a thread that has counted something is whole.
if (options.bell !== null) prepareToReceive();
// What its own start has left goes before anything is kept.
shrinkHeap();
post({ type: 'ready' });
