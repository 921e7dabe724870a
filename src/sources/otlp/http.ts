/**
 * OTLP over HTTP: POST /v1/traces, /v1/metrics, /v1/logs, as protobuf or JSON.
 *
 * A page in a browser may send only where its origin is one of `cors_origins`.
 */
import type { Answer, Handler, HttpRequest } from '../../http/answer.ts';
import { Refusal, textAnswer } from '../../http/answer.ts';
import { CONTENT_TYPES, contentOf, taken } from './answers.ts';
import type { OtlpIntake } from './intake.ts';
import type { Signal } from './options.ts';

const PATHS: Readonly<Record<string, Signal>> = {
  '/v1/traces': 'traces',
  '/v1/metrics': 'metrics',
  '/v1/logs': 'logs',
};

export interface HttpIntakeOptions {
  intake: OtlpIntake;
  /** Bytes of a request, inflated. */
  maxRequest: number;
  origins: readonly string[];
}

export function httpHandler({ intake, maxRequest, origins }: HttpIntakeOptions): Handler {
  async function answered({ method, path, headers, pieces, discard }: HttpRequest): Promise<Answer> {
    const signal = PATHS[path];
    if (signal === undefined) throw new Refusal(404, 'path', `There is ${Object.keys(PATHS).join(', ')}.`);
    if (method !== 'POST') throw new Refusal(405, 'method', 'Only POST.', { Allow: 'POST' });
    if (!intake.has(signal)) throw new Refusal(404, 'signal', `${signal} are not taken here: see otlp.signals.`);
    const content = contentOf(headers['content-type']);
    if (content === null) {
      throw new Refusal(415, 'content_type', `Content-Type may be ${CONTENT_TYPES.protobuf} or ${CONTENT_TYPES.json}.`);
    }
    const body = await pieces(maxRequest);
    return taken(signal, content, await intake.take(signal, content, body, { discard }));
  }

  return async (request) => {
    const { origin } = request.headers;
    if (origins.length === 0 || origin === undefined) return answered(request);
    const allowed = origins.includes(origin) || origins.includes('*');
    if (!allowed) return answered(request);
    const cors = { 'Access-Control-Allow-Origin': origin, Vary: 'Origin' };
    if (request.method === 'OPTIONS') {
      const headers = {
        ...cors,
        'Access-Control-Allow-Methods': 'POST',
        'Access-Control-Allow-Headers': request.headers['access-control-request-headers'] ?? 'content-type',
        'Access-Control-Max-Age': '7200',
      };
      return { ...textAnswer(204, ''), body: '', headers };
    }
    try {
      const answer = await answered(request);
      return { ...answer, headers: { ...answer.headers, ...cors } };
    } catch (error) {
      // The page is to see why, and whether to come again.
      if (error instanceof Refusal) Object.assign(error.headers, cors);
      throw error;
    }
  };
}
