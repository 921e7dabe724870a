/** `runnel sink topk --setup`: nothing has to be made in Redis, but it has to be one that counts can be kept in. */
import type { ConsumerSpec } from '../kind.ts';
import type { TopkOptions } from './options.ts';
import { Store } from './store.ts';

export async function setUpTopk({ options }: ConsumerSpec<TopkOptions>): Promise<string[]> {
  const store = new Store(options.redis);
  try {
    await store.connect({ fit: true });
  } finally {
    store.close();
  }
  const written = options.windows.filter(({ base }) => base === null).map(({ name }) => name);
  const unions = options.windows.filter(({ base }) => base !== null).map(({ name }) => name);
  return [
    `Redis at ${store.name} ${store.version ?? 'of a version that it does not tell'} is fit for it`,
    ...store.warnings.map((warning) => `but: ${warning}`),
    `windows that are written: ${written.join(', ')}${unions.length > 0 ? `; added up when they are read: ${unions.join(', ')}` : ''}`,
  ];
}
