/** Spans as services send them: 15 attributes of a resource, 3 scopes, 6 spans a trace, 4 to 9 attributes a span. */
import { randomBytes } from 'node:crypto';
import { randomOf } from './random.ts';

type Value = string | number;

export function attribute(key: string, value: Value): object {
  return { key, value: typeof value === 'number' ? { intValue: value } : { stringValue: value } };
}

const attributes = (pairs: Record<string, Value>) => Object.entries(pairs).map(([key, value]) => attribute(key, value));

const RESOURCE = {
  'service.name': 'shop',
  'service.version': '1.14.2',
  'service.instance.id': '627cc493-f310-47de-96bd-71410b7dec09',
  'deployment.environment.name': 'prod',
  'host.name': 'web-1',
  'process.pid': 4711,
  'process.executable.name': 'node',
  'process.runtime.name': 'nodejs',
  'process.runtime.version': '26.10.0',
  'telemetry.sdk.language': 'nodejs',
  'telemetry.sdk.name': 'opentelemetry',
  'telemetry.sdk.version': '2.8.0',
  'k8s.pod.name': 'shop-7c9f8b6d4-x2kqp',
  'k8s.namespace.name': 'shop',
  'k8s.node.name': 'node-17',
};
const SCOPES = [
  { name: '@opentelemetry/instrumentation-http', version: '0.223.0' },
  { name: '@opentelemetry/instrumentation-pg', version: '0.71.0' },
  { name: '@opentelemetry/instrumentation-ioredis', version: '0.66.0' },
];
const ROUTES = ['/cart/{id}', '/orders', '/orders/{id}', '/login', '/products', '/products/{id}', '/search', '/health'];
const PER_TRACE = 6;
const BEGAN = 1_796_000_000_000_000_000n;

/** An ExportTraceServiceRequest, as `encodeRequest` takes it. */
export function traceBatch(spans: number, random = randomOf(7), bytes: (n: number) => Buffer = randomBytes): object {
  const scopeSpans = SCOPES.map((scope) => ({ scope, spans: [] as object[] }));
  let [traceId, rootId] = [bytes(16), bytes(8)];
  for (let i = 0; i < spans; i++) {
    const isRoot = i % PER_TRACE === 0;
    if (isRoot) [traceId, rootId] = [bytes(16), bytes(8)];
    const route = ROUTES[Math.floor(random() * ROUTES.length)]!;
    const scope = isRoot ? 0 : 1 + Math.floor(random() * 2);
    const start = BEGAN + BigInt(i) * 1_000_000n;
    const duration = BigInt(Math.floor(-Math.log(1 - random() * 0.9999) * 2e7));
    scopeSpans[scope]!.spans.push({
      traceId,
      spanId: isRoot ? rootId : bytes(8),
      ...(isRoot ? {} : { parentSpanId: rootId }),
      name: isRoot ? `GET ${route}` : scope === 1 ? 'SELECT shop.orders' : 'GET',
      kind: isRoot ? 2 : 3,
      startTimeUnixNano: String(start),
      endTimeUnixNano: String(start + duration),
      attributes: attributes(attributesOf(scope, route, i, random)),
      ...(random() < 0.05 ? { events: [exceptionAt(start)] } : {}),
      status: random() < 0.02 ? { code: 2, message: 'boom' } : {},
      flags: 0x101,
    });
  }
  const schemaUrl = 'https://opentelemetry.io/schemas/1.37.0';
  return { resourceSpans: [{ resource: { attributes: attributes(RESOURCE) }, scopeSpans, schemaUrl }] };
}

function exceptionAt(time: bigint): object {
  const said = attributes({ 'exception.type': 'Error', 'exception.message': 'boom' });
  return { name: 'exception', timeUnixNano: String(time), attributes: said };
}

function attributesOf(scope: number, route: string, i: number, random: () => number): Record<string, Value> {
  if (scope === 1)
    return {
      'db.system.name': 'postgresql',
      'db.namespace': 'shop',
      'db.query.text':
        'SELECT id, total, state FROM orders WHERE customer = $1 AND created > $2 ORDER BY created DESC LIMIT 50',
      'server.address': 'pg-1',
      'server.port': 5432,
      'db.operation.name': 'SELECT',
    };
  if (scope === 2)
    return {
      'db.system.name': 'redis',
      'db.query.text': `GET cart:${Math.floor(random() * 1e6)}`,
      'server.address': 'redis-1',
      'server.port': 6379,
    };
  return {
    'http.request.method': 'GET',
    'http.route': route,
    'url.path': route.replace('{id}', String(Math.floor(random() * 1e6))),
    'url.scheme': 'https',
    'server.address': 'shop.example.com',
    'server.port': 443,
    'http.response.status_code': random() < 0.02 ? 500 : 200,
    'client.address': `10.0.${i % 256}.${(i * 7) % 256}`,
    'user_agent.original': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
  };
}
