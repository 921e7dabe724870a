/**
 * Addresses of the names that checks, and receivers of alerts, ask again and again. getaddrinfo(3) holds one of the two
 * threads that libuv has for it, for half a minute where no server answers, and cannot be given up: what is asked meanwhile
 * would wait without end, and so would the names of brokers. So nobody asks for a name that is being asked, and of names
 * that are not known to be answered soon one is asked at a time:
 *
 *   answered soon the last time  ---> at once
 *   else                         ---> when its turn comes
 */
import { type LookupAddress, promises } from 'node:dns';
import type { LookupFunction } from 'node:net';

const SOON_MS = 1000;
/** A redirect may name any. */
const MOST_NAMES = 1000;

const soon = new Set<string>();
const asked = new Map<string, Promise<LookupAddress[]>>();
let turn: Promise<unknown> = Promise.resolve();

/** In place of node:dns's own. */
export const lookupName: LookupFunction = (name, { all }, done) => {
  addressesOf(name).then(
    (found) => (all ? done(null, found) : done(null, found[0]!.address, found[0]!.family)),
    (error: NodeJS.ErrnoException) => done(error, ''),
  );
};

function addressesOf(name: string): Promise<LookupAddress[]> {
  const before = asked.get(name);
  if (before) return before;
  if (asked.size >= MOST_NAMES) return Promise.reject(new Error(`${MOST_NAMES} names wait to be looked up`));
  const answer = (soon.has(name) ? ask(name) : inTurn(name)).finally(() => asked.delete(name));
  asked.set(name, answer);
  return answer;
}

function inTurn(name: string): Promise<LookupAddress[]> {
  const answer = turn.then(() => ask(name));
  turn = answer.catch(() => undefined);
  return answer;
}

async function ask(name: string): Promise<LookupAddress[]> {
  const began = performance.now();
  try {
    return await promises.lookup(name, { all: true });
  } finally {
    if (performance.now() - began > SOON_MS) soon.delete(name);
    else if (soon.size < MOST_NAMES) soon.add(name);
  }
}
