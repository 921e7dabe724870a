/**
 * `GET /topk/RANKING?window=10m`: what `runnel topk --json` prints. Names come out of records, so they are served on
 * loopback only, as nothing else of the endpoint shows what a record holds.
 */
import { type Answer, type HttpRequest, jsonAnswer, textAnswer } from '../../http/answer.ts';
import { splitAddress } from '../../http/listen.ts';
import type { RankingKeys } from './keys.ts';
import type { TopkOptions } from './options.ts';
import type { RedisConnection } from './redis.ts';
import { readRanking } from './report.ts';
import { type AskedWindow, wishOf } from './wish.ts';

export interface RankingSource {
  keys: RankingKeys;
  ask<T>(read: (redis: RedisConnection) => Promise<T>): Promise<T>;
  /** Where the endpoint listens. */
  listen: string;
}

const PATH = /^\/topk\/([^/]+)$/;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

/** Null: it has no such ranking. */
export function answerTopk(
  { path, query }: Pick<HttpRequest, 'path' | 'query'>,
  options: TopkOptions,
  source: RankingSource,
): Promise<Answer> | null {
  const wanted = PATH.exec(path)?.[1];
  const ranking = options.rankings.find(({ name }) => name === wanted);
  if (!ranking) return null;
  if (!LOOPBACK.test(splitAddress(source.listen).host)) {
    const message = 'Names are served on loopback only, and admin.listen is another address: runnel topk shows them.';
    return Promise.resolve(textAnswer(403, message));
  }
  const asked: AskedWindow = {};
  for (const [key, value] of query) if (KNOWN.includes(key)) asked[key as keyof AskedWindow] = value;
  const wish = wishOf(asked, options, Date.now());
  if (typeof wish === 'string') return Promise.resolve(textAnswer(400, `${wish}.`));
  return source
    .ask((redis) => readRanking(redis, source.keys, ranking, wish.window, wish))
    .then(
      (ranked) => jsonAnswer(200, ranked),
      (error: Error) => textAnswer(503, `${error.message}.`),
    );
}

const KNOWN = ['window', 'at', 'last', 'limit', 'lowest'];
