/** Samples of series that live and of series that never were before, and what is no sample. */
import { randomBytes, randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { type Load, pick } from './load.ts';

const KINDS = ['c', 'g', 'ms', 'h', 's', 'd'];
/** So many at once that those which live are forgotten sooner. */
const BURST = 3000;
export const MAX_CONTEXTS = 10_000;

export async function statsd(load: Load, port: number): Promise<void> {
  const socket = createSocket('udp4');
  let n = 0;
  const known = () =>
    `app.requests.${randomInt(100)}:${randomInt(500)}|${pick(KINDS)}|#env:prod,path:/p/${randomInt(5)}`;
  const fresh = () => `app.user-${++n}.seen:${n % 1000}|${pick(KINDS)}|#id:${n}`;
  const bad = () => pick([`bad:${n}`, `:${n}|c`, `x:1|zz|#${n}`, `_e{5,4}:${n}`, randomBytes(20).toString('latin1')]);
  const packet = () => [known(), known(), known(), known(), fresh(), pick([fresh, bad])()].join('\n');
  await Promise.all([
    load.again(100, () => socket.send(packet(), port, '127.0.0.1')),
    load.again(300_000, async () => {
      for (let i = 0; i < BURST && !load.signal.aborted; i += 20) {
        socket.send(Array.from({ length: 20 }, fresh).join('\n'), port, '127.0.0.1');
        await load.pause(5);
      }
    }),
  ]);
  socket.close();
}
