/**
 * Elasticsearch as far as setup, rollover and retention ask it, and answer otherwise than OpenSearch: names of indices have
 * the day in them, templates are told back with their own words, who is beaten at a rollover is told so in others. The server
 * itself cannot be had here: its answers are those of its documentation (8.x).
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

interface FakeStream {
  generation: number;
  /** Of each index when it was made. */
  indices: { index_name: string; created: number; docs: number }[];
}

// biome-ignore lint/suspicious/noExplicitAny: JSON
type Body = any;

export class FakeElasticsearch {
  url = '';
  readonly streams = new Map<string, FakeStream>();
  readonly templates = new Map<string, Body>();
  readonly asked: string[] = [];
  /** The next rollover is one that somebody else was faster at. */
  beaten = false;

  static async start(t: TestContext): Promise<FakeElasticsearch> {
    const fake = new FakeElasticsearch();
    const server = createServer(async (request, response) => {
      let text = '';
      for await (const piece of request) text += piece;
      fake.#answer(request, text === '' ? null : JSON.parse(text), response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    fake.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return fake;
  }

  #answer({ method, url }: IncomingMessage, body: Body, response: ServerResponse): void {
    const path = url!.replace(/\?.*/, '');
    this.asked.push(`${method} ${path}`);
    const [status, answer] = this.#of(method!, path.split('/').slice(1), body);
    response.writeHead(status, { 'X-Elastic-Product': 'Elasticsearch', 'Content-Type': 'application/json' });
    response.end(JSON.stringify(answer));
  }

  #of(method: string, [first = '', second = '', third = '']: string[], body: Body): [number, Body] {
    if (first === '') {
      return [200, { version: { number: '8.15.3', build_flavor: 'default' }, tagline: 'You Know, for Search' }];
    }
    if (/_template$/.test(first)) return this.#template(method, first, second, body);
    if (first === '_data_stream') return this.#stream(method, second);
    if (second === '_rollover') return this.#rollOver(first, body.conditions);
    if (second === '_stats' && third === 'docs') {
      const all = [...this.streams.values()].flatMap(({ indices }) => indices);
      const wanted = all.filter(({ index_name }) => first.split(',').includes(index_name));
      const indices = wanted.map(({ index_name, docs }) => [index_name, { primaries: { docs: { count: docs } } }]);
      return [200, { indices: Object.fromEntries(indices) }];
    }
    if (second === '_settings') {
      const settings = this.streams
        .get(first)!
        .indices.map(({ index_name, created }) => [index_name, { settings: { 'index.creation_date': `${created}` } }]);
      return [200, Object.fromEntries(settings)];
    }
    if (method === 'DELETE') return this.#delete(first);
    return [404, missing(first)];
  }

  #template(method: string, kind: string, name: string, body: Body): [number, Body] {
    const key = `${kind}/${name}`;
    const one = kind.slice(1);
    if (method === 'GET') {
      const found = this.templates.get(key);
      if (!found)
        return [
          404,
          { error: { type: 'resource_not_found_exception', reason: `${one} matching [${name}] not found` } },
        ];
      return [200, { [`${one}s`]: [{ name, [one]: found }] }];
    }
    const unknown = Object.keys(body.data_stream ?? {}).find(
      (field) => !['hidden', 'allow_custom_routing'].includes(field),
    );
    if (unknown)
      return [
        400,
        { error: { type: 'x_content_parse_exception', reason: `[data_stream_template] unknown field [${unknown}]` } },
      ];
    const told = structuredClone(body);
    // It tells settings back as text, and of a data stream what it may be.
    const index = told.template?.settings?.index;
    for (const name of Object.keys(index ?? {})) if (!Array.isArray(index[name])) index[name] = String(index[name]);
    if (told.data_stream) told.data_stream = { hidden: false, allow_custom_routing: false };
    this.templates.set(key, told);
    return [200, { acknowledged: true }];
  }

  #stream(method: string, names: string): [number, Body] {
    if (method === 'PUT') {
      if (this.streams.has(names))
        return [
          400,
          { error: { type: 'resource_already_exists_exception', reason: `data_stream [${names}] already exists` } },
        ];
      this.add(names, [0]);
      return [200, { acknowledged: true }];
    }
    const all = names.split(',');
    const absent = all.find((name) => !this.streams.has(name));
    if (absent !== undefined) return [404, missing(absent)];
    const data_streams = all.map((name) => {
      const { generation, indices } = this.streams.get(name)!;
      return {
        name,
        timestamp_field: { name: '@timestamp' },
        generation,
        status: 'GREEN',
        indices: indices.map(({ index_name }) => ({
          index_name,
          index_uuid: 'x',
          prefer_ilm: true,
          managed_by: 'Unmanaged',
        })),
        system: false,
        replicated: false,
        rollover_on_write: false,
      };
    });
    return [200, { data_streams }];
  }

  #rollOver(name: string, conditions: Body): [number, Body] {
    if (this.beaten) {
      this.beaten = false;
      return [
        400,
        {
          error: {
            type: 'resource_already_exists_exception',
            reason: `index [${this.#nameOf(name, 9)}/x] already exists`,
          },
        },
      ];
    }
    const stream = this.streams.get(name)!;
    const newest = stream.indices.at(-1)!;
    const rolls = newest.docs >= (conditions.max_docs ?? Number.POSITIVE_INFINITY);
    const old_index = newest.index_name;
    if (rolls) this.#next(name, stream, Date.now());
    const new_index = rolls ? stream.indices.at(-1)!.index_name : this.#nameOf(name, stream.generation + 1);
    return [
      200,
      {
        acknowledged: rolls,
        shards_acknowledged: rolls,
        old_index,
        new_index,
        rolled_over: rolls,
        dry_run: false,
        lazy: false,
      },
    ];
  }

  #delete(index: string): [number, Body] {
    for (const [name, stream] of this.streams) {
      const at = stream.indices.findIndex(({ index_name }) => index_name === index);
      if (at < 0) continue;
      if (at === stream.indices.length - 1) {
        const reason = `index [${index}] is the write index for data stream [${name}] and cannot be deleted`;
        return [400, { error: { type: 'illegal_argument_exception', reason } }];
      }
      stream.indices.splice(at, 1);
      return [200, { acknowledged: true }];
    }
    return [404, missing(index)];
  }

  /** A stream whose indices were made so many milliseconds ago. */
  add(name: string, ages: readonly number[], docs = 1): void {
    const stream: FakeStream = { generation: 0, indices: [] };
    this.streams.set(name, stream);
    for (const age of ages) this.#next(name, stream, Date.now() - age, docs);
  }

  #next(name: string, stream: FakeStream, created: number, docs = 0): void {
    stream.generation++;
    stream.indices.push({ index_name: this.#nameOf(name, stream.generation), created, docs });
  }

  #nameOf(name: string, generation: number): string {
    return `.ds-${name}-2026.11.30-${String(generation).padStart(6, '0')}`;
  }
}

function missing(name: string): Body {
  return { error: { type: 'index_not_found_exception', reason: `no such index [${name}]` }, status: 404 };
}
