/** Options of `sink.opensearch` for tests, as a file would give them. */
import type { OpenSearchOptions } from '../../src/consumers/opensearch/options.ts';
import { configFrom } from '../../src/options.ts';

/** Written as in a file: one node, without replicas, as a single node has no room for them. */
export function sinkOptions(url: string, written: Record<string, unknown> = {}): OpenSearchOptions {
  const { template, ...rest } = written;
  const one = {
    urls: [url],
    template: { replicas: '0', refresh_interval: '1s', ...(template as object | undefined) },
    ...rest,
  };
  const config = configFrom({ kafka: { brokers: ['127.0.0.1:1'] }, sink: { opensearch: [one] } }, {});
  const [spec] = config.sink.opensearch!;
  return spec!.options as OpenSearchOptions;
}
