/** `runnel statsd replay`: sends what was captured again, in its own time or faster. */
import { createReadStream } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseListener } from '../config/listener.ts';
import { openSender } from '../native/sending.ts';
import { closeSocket, datagramsAvailable } from '../native/sockets.ts';
import { DATAGRAM, LEFT_OUT, MAGIC, readRecord } from '../sources/statsd/captured.ts';
import { Forwarder } from '../sources/statsd/forward.ts';
import { complain } from './output.ts';

/** No packet is larger. */
const ROOM = 256 * 1024;

/** Resolves to the exit code: 1 when it cannot be read or sent, 2 for wrong usage. */
export async function replayStatsd(path: string, { to, speed }: { to: string; speed: string }): Promise<number> {
  const factor = speed === 'max' ? Number.POSITIVE_INFINITY : /^\d{1,6}(\.\d+)?$/.test(speed) ? Number(speed) : 0;
  if (factor <= 0) {
    complain(`runnel: --speed is max, or a number such as 1 or 0.5, not ${speed}`);
    return 2;
  }
  if (!datagramsAvailable()) {
    complain('runnel: sending needs Linux and koffi');
    return 1;
  }
  let fd: number;
  try {
    const place = parseListener(to);
    if (place.kind === 'tcp' || place.kind === 'unixstream') throw new Error('must be udp:// or unixgram://');
    fd = openSender(place);
  } catch (error) {
    complain(`runnel: --to ${to}: ${(error as Error).message}`);
    return 2;
  }
  const sent = { packets: 0, lost: 0, leftOut: 0, cut: false };
  try {
    await send(path, fd, factor, sent);
  } catch (error) {
    complain(`runnel: ${path}: ${(error as Error).message}`);
    return 1;
  } finally {
    closeSocket(fd);
  }
  const lost = sent.lost > 0 ? `, ${sent.lost} could not be sent: does anybody listen there?` : '';
  const left = sent.leftOut > 0 ? `; ${sent.leftOut} were left out when it was captured` : '';
  const cut = sent.cut ? '; the file ends within a packet, which was not sent' : '';
  complain(`${sent.packets} packets were sent to ${to}${lost}${left}${cut}`);
  return sent.lost > 0 ? 1 : 0;
}

async function send(
  path: string,
  fd: number,
  factor: number,
  sent: { packets: number; lost: number; leftOut: number; cut: boolean },
): Promise<void> {
  const memory = Buffer.from(new SharedArrayBuffer(ROOM));
  const forwarder = new Forwarder(memory, 1, true, true);
  forwarder.targets[0]!.fd = fd;
  const began = performance.now();
  let first: bigint | null = null;
  let rest = Buffer.alloc(0);
  let at = -1;
  for await (const chunk of createReadStream(path)) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    if (at < 0) {
      if (rest.length < MAGIC.length) continue;
      if (!rest.subarray(0, MAGIC.length).equals(MAGIC)) break;
      at = MAGIC.length;
    }
    for (let read = readRecord(rest, at); read; read = readRecord(rest, at)) {
      const { kind, bytes, microseconds } = read.record;
      at = read.next;
      if (kind === LEFT_OUT) {
        if (bytes.length !== 4) throw new Error('is damaged: what was left out is not said');
        sent.leftOut += bytes.readUInt32LE(0);
        continue;
      }
      if (bytes.length > ROOM) throw new Error('is damaged: a packet is too large');
      first ??= microseconds;
      const due = Number(microseconds - first) / 1000 / factor;
      const early = due - (performance.now() - began);
      if (early > 1) await sleep(early);
      bytes.copy(memory);
      forwarder.add(0, bytes.length, kind === DATAGRAM);
      forwarder.flush();
    }
    if (rest.length - at > ROOM) throw new Error('is damaged: a packet is too large');
    rest = rest.subarray(at);
    at = 0;
  }
  if (at < 0) throw new Error('was not made by runnel statsd capture');
  sent.cut = rest.length > 0;
  sent.packets = forwarder.targets[0]!.packets;
  sent.lost = forwarder.targets[0]!.lost;
}
