/** DogStatsD tags: `env:prod,team:a:b,beta` is env = prod, team = a:b, beta = ''. */

/** Key and value; a tag without a value has ''. */
export type Tag = readonly [string, string];

/** Tags in the order sent, without empty ones, without what is meant for the Datadog agent alone, and without `host:`. */
export function parseTags(text: string): { tags: Tag[]; host?: string } {
  const tags: Tag[] = [];
  let host: string | undefined;
  for (const sent of text.split(',')) {
    const tag = sent.startsWith('#') ? sent.slice(1) : sent;
    const colon = tag.indexOf(':');
    if (tag === '' || colon === 0) continue;
    const key = colon < 0 ? tag : tag.slice(0, colon);
    const value = colon < 0 ? '' : tag.slice(colon + 1);
    if (key === 'host' && colon > 0) host = value;
    else if (!key.startsWith('dd.internal.')) tags.push([key, value]);
  }
  return host === undefined ? { tags } : { tags, host };
}
