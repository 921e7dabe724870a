/** A strict OAuth 2.0 server that knows the grant of client credentials, as RFC 6749 has it, and nothing else. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TokenServer extends AsyncDisposable {
  url: string;
  /** What it was asked for, by the scope. */
  asked: string[];
  /** What it answers next to whoever is known. */
  answer: { status?: number; body?: unknown; seconds?: number; token?: () => string };
}

export async function startTokenServer(client: { id: string; secret: string }): Promise<TokenServer> {
  const server = createServer((request, response) => void handle(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const encoded = (text: string) => encodeURIComponent(text).replaceAll('%20', '+');
  const login = `${encoded(client.id)}:${encoded(client.secret)}`;
  const expected = `Basic ${Buffer.from(login).toString('base64')}`;
  const self: TokenServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    asked: [],
    answer: {},
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return self;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const piece of request) body += piece;
    const reply = (status: number, value: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof value === 'string' ? value : JSON.stringify(value));
    };
    const form = new URLSearchParams(body);
    const type = request.headers['content-type'] ?? '';
    if (request.method !== 'POST' || !type.startsWith('application/x-www-form-urlencoded')) {
      reply(400, { error: 'invalid_request' });
    } else if (request.headers.authorization !== expected) {
      reply(401, { error: 'invalid_client', error_description: 'who are you?' });
    } else if (form.get('grant_type') !== 'client_credentials') {
      reply(400, { error: 'unsupported_grant_type' });
    } else {
      self.asked.push(form.get('scope') ?? '');
      const { status = 200, seconds, token = () => `token-${self.asked.length}`, body: other } = self.answer;
      const value = {
        access_token: token(),
        token_type: 'Bearer',
        ...(seconds !== undefined && { expires_in: seconds }),
      };
      reply(status, other ?? value);
    }
  }
}
