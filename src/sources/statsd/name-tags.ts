/** Tags that stand in the name: InfluxDB's `name,k=v`, Librato's `name#k=v`, SignalFx's `name[k=v]rest`. */
import type { Manner } from './manner.ts';
import type { Tag } from './tags.ts';

const FORMS: Record<Manner['nameTags'][number], RegExp> = {
  influx: /^(?<name>[^,]+),(?<tags>.+)$/,
  librato: /^(?<name>[^#]+)#(?<tags>.+)$/,
  signalfx: /^(?<name>[^[]*)\[(?<tags>[^\]]*)\](?<rest>.*)$/,
};

/** Null: there are none of the ways that are looked for, or what looks so is not `k=v,k=v`. */
export function tagsInName(name: string, ways: Manner['nameTags']): { name: string; tags: Tag[] } | null {
  for (const way of ways) {
    const found = FORMS[way].exec(name)?.groups;
    if (!found) continue;
    const tags: Tag[] = [];
    for (const pair of found.tags!.split(',')) {
      const equals = pair.indexOf('=');
      if (equals <= 0) return null;
      tags.push([pair.slice(0, equals), pair.slice(equals + 1)]);
    }
    const rest = found.name! + (found.rest ?? '');
    if (rest !== '') return { name: rest, tags };
  }
  return null;
}
