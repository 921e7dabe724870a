/**
 * The endpoint of a consumer process: numbers only. Nothing here changes anything.
 *
 *   GET /health          200 once all consumers are open
 *   GET /ready[?strict]  the same; with `strict` also that nothing is wrong
 *   GET /status          the status as JSON
 *   GET /metrics         Prometheus text
 *   GET ...              what a consumer answers itself
 */
import { Renderings } from '../../admin/renderings.ts';
import { type Answer, type HttpRequest, JSON_TYPE, jsonAnswer, Refusal, textAnswer } from '../../http/answer.ts';
import { splitAddress } from '../../http/listen.ts';
import { HttpServer } from '../../http/server.ts';
import type { AnyConsumerKind, OpenConsumer } from '../kind.ts';
import { type SinkStatus, sinkFigures } from './status.ts';

export interface EndpointOptions {
  /** `host:port`. */
  listen: string;
  hosts: readonly string[];
  /** How many ports behind it may be taken where it is in use: several processes of a host have one configuration. */
  others: number;
  kind: AnyConsumerKind;
  healthy: () => boolean;
  reasons: () => string[];
  status: () => SinkStatus;
  open: () => Iterable<OpenConsumer>;
}

/** Rejects with a sentence where no address can be bound. */
export async function openEndpoint(options: EndpointOptions): Promise<HttpServer> {
  const { listen, hosts, others } = options;
  const { host, port } = splitAddress(listen);
  const names = { listen, hosts, option: 'admin.hosts' };
  const renderings = new Renderings();
  for (let more = 0; ; more++) {
    try {
      return await HttpServer.open({
        where: { host, port: port === 0 ? 0 : port + more },
        access: { names },
        handler: (request) => answer(request, options, renderings),
      });
    } catch (error) {
      const { message } = error as Error;
      const taken = message === 'address already in use' && port !== 0 && port + more < 65535;
      if (!taken || more >= others) throw new Error(`cannot serve status on ${listen}: ${message}`);
    }
  }
}

async function answer(request: HttpRequest, options: EndpointOptions, renderings: Renderings): Promise<Answer> {
  const { method, path, query } = request;
  if (method !== 'GET' && method !== 'HEAD') {
    throw new Refusal(405, 'method', 'Nothing here changes anything: only GET and HEAD.', { Allow: 'GET, HEAD' });
  }
  switch (path) {
    case '/health': {
      const healthy = options.healthy();
      return jsonAnswer(healthy ? 200 : 503, { healthy });
    }
    case '/ready': {
      const [healthy, reasons] = [options.healthy(), options.reasons()];
      const ready = reasons.length === 0;
      const strict = query.has('strict') && query.get('strict') !== 'false';
      return jsonAnswer(healthy && (ready || !strict) ? 200 : 503, { ready: healthy && ready, reasons });
    }
    case '/status': {
      const body = await renderings.of('status', () => [`${JSON.stringify(options.status())}\n`]);
      return { code: 200, type: JSON_TYPE, body };
    }
    case '/metrics': {
      const { prometheusText, METRICS_TYPE } = await import('../../report/prometheus.ts');
      const body = await renderings.of('metrics', async function* () {
        yield await prometheusText(sinkFigures(options.status(), options.kind).all);
      });
      return { code: 200, type: METRICS_TYPE, body };
    }
    default:
      for (const consumer of options.open()) {
        const own = consumer.answer?.(request);
        if (own) return own;
      }
      return textAnswer(404, 'There is /health, /ready, /status and /metrics.');
  }
}
