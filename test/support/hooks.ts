/** A server that takes what it is sent, and answers as it is told. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Hooked {
  at: number;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface HookAnswer {
  code: number;
  headers?: Record<string, string>;
  body?: string;
}

export interface HookServer extends AsyncDisposable {
  readonly url: string;
  readonly taken: Hooked[];
  /** For each request; null: it is never answered. Default: 200. */
  answer: (request: Hooked, index: number) => HookAnswer | null | Promise<HookAnswer | null>;
}

export async function startHooks(): Promise<HookServer> {
  const taken: Hooked[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', async () => {
      const one = { at: performance.now(), path: request.url!, headers: request.headers, body };
      taken.push(one);
      const said = await hooks.answer(one, taken.length - 1);
      if (said) response.writeHead(said.code, said.headers).end(said.body ?? 'ok');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const hooks: HookServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken,
    answer: () => ({ code: 200 }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
  return hooks;
}
