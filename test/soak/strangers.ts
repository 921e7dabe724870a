/** Those who ask the agent over HTTP: scrapes, taps that come, go and do not read, and what is no HTTP. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { type Load, pick } from './load.ts';

const PATHS = ['/metrics', '/status', '/status?files=3', '/', '/health', '/ready'];
const MATCHES = ['', '?match=*', '?match=*web*', '?match=*item/7*', '?match=nothing-of-this-kind'];

export interface Admin {
  host: string;
  port: number;
  /** Path of the unix socket. */
  socket: string;
}

export async function strangers(load: Load, admin: Admin): Promise<void> {
  const { host, port, socket } = admin;
  const open = (to: { host: string; port: number } | { path: string }): Socket =>
    connect(to).on('error', () => undefined);
  const tcp = () => open({ host, port });
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`;
  await Promise.all([
    load.again(1000, async () => {
      const answer = await fetch(`http://${host}:${port}${pick(PATHS)}`).catch(() => null);
      await answer?.arrayBuffer().catch(() => undefined);
    }),
    load.again(4000, async (turn) => {
      const client = open({ path: socket });
      client.write(get(`/tap${pick(MATCHES)}`));
      if (turn % 2 === 0) client.resume();
      await load.pause(turn % 2 === 0 ? 2000 : 8000);
      client.destroy();
    }),
    load.again(3000, async (turn) => {
      const client = tcp();
      const words = [
        get(`/no/${randomBytes(8).toString('hex')}`),
        get('/status').repeat(20),
        randomBytes(100),
        `GET /status HTTP/1.1\r\nHost: ${randomBytes(8).toString('hex')}\r\n\r\n`,
        `POST /status HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000\r\n\r\nhalf`,
        'GET /sta',
        `GET / HTTP/1.1\r\nX-${'x'.repeat(20_000)}: 1\r\n\r\n`,
        '',
      ];
      client.write(words[turn % words.length]!);
      if (turn % 2 === 0) client.resume();
      await load.pause(1500);
      if (turn % 3 === 0) client.resetAndDestroy();
      else client.destroy();
    }),
  ]);
}
