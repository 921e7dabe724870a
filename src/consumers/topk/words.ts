/** What is wrong with Redis, in a sentence that says what to do. */

const REPLIES: readonly (readonly [RegExp, string])[] = [
  [
    /^(WRONGPASS|NOAUTH|ERR invalid password|ERR AUTH)/,
    'it refuses the login: look at redis.username and redis.password',
  ],
  [
    /^NOPERM/,
    'the user has no right to do this: it needs +@read +@write +@scripting +@connection +info, and ~PREFIX:*',
  ],
  [/^READONLY/, 'it is a replica, which takes no writes: waiting for the primary'],
  [/^OOM/, 'it is out of memory (maxmemory): give it more, or lower max_names, keep or the number of rankings'],
  [/^LOADING/, 'it is still loading its data'],
  [/^MASTERDOWN/, 'it is a replica that has lost its primary'],
  [/^NOREPLICAS/, 'it has fewer replicas than min-replicas-to-write wants'],
  [/^MISCONF/, 'it cannot write to its disk, and takes no writes until it can (MISCONF)'],
  [/^BUSY/, "it is busy with somebody's script"],
  [/^CLUSTERDOWN|None of startup nodes|Failed to refresh slots/, 'the cluster is down, or a part of it'],
  [/^(MOVED|ASK|TRYAGAIN)|Too many Cluster redirections/, 'the cluster moves slots just now'],
  [/All sentinels are unreachable/, 'no sentinel answers, or none knows this master'],
  [/^ERR unknown command/, 'it is too old: 6.2 is needed'],
  [/Socket timeout|timed out|ETIMEDOUT/i, 'it does not answer'],
  [
    /Connection is closed|max retries per request|isn't writeable|ECONNRESET|EPIPE|UNCERTAIN_STATE/,
    'the connection is lost',
  ],
  [/ECONNREFUSED/, 'connection refused'],
  [/ENOTFOUND|EAI_AGAIN/, 'no such host'],
  [/certificate|self.signed|CERT_/i, 'its certificate is not trusted: look at redis.tls'],
  [/SSL|wrong version number|EPROTO/, 'it does not speak TLS as it should: redis:// or rediss://?'],
];

export function redisWords(error: Error): string {
  const last = (error as { lastNodeError?: Error }).lastNodeError;
  const { message } = last ?? error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  for (const [pattern, words] of REPLIES) if (pattern.test(message) || pattern.test(code)) return words;
  return message.split('\n')[0]!;
}
