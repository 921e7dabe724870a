/** What each mechanism of `kafka.sasl` needs, and what belongs to another one. */
import type { CommonConfig } from './config.ts';
import type { Path, Saying } from './errors.ts';

type Sasl = NonNullable<CommonConfig['kafka']['sasl']>;
type Key = Exclude<keyof Sasl, 'mechanism'>;

const WHAT: Record<Key, string> = {
  username: 'who the agent logs in as',
  password: 'the secret that goes with the name',
  token_file: 'a file that holds a token',
  token_url: 'where a token is had',
  client_id: 'who asks for the token',
  client_secret: 'the secret that goes with client_id',
  scope: 'what the token is for',
  region: "the cluster's region, for example eu-central-1",
};

interface Needs {
  always: readonly Key[];
  may: readonly Key[];
}

function needsOf(mechanism: Sasl['mechanism'], fromUrl: boolean): Needs {
  switch (mechanism) {
    case 'oauthbearer':
      if (fromUrl) return { always: ['token_url', 'client_id', 'client_secret'], may: ['scope'] };
      return { always: ['token_file'], may: [] };
    case 'aws-msk-iam':
      return { always: ['region'], may: [] };
    default:
      return { always: ['username', 'password'], may: [] };
  }
}

/** `isSet`: also where what was set cannot be used, which was said already. */
export function checkLogin({ tls, sasl }: CommonConfig['kafka'], refuse: Saying, isSet: (path: Path) => boolean): void {
  if (!sasl) return;
  const { mechanism } = sasl;
  const place = ['kafka', 'sasl'];
  const { always, may } = needsOf(mechanism, isSet([...place, 'token_url']));
  for (const key of always) {
    if (isSet([...place, key])) continue;
    const or = key === 'token_file' ? ', or token_url: where one is had' : '';
    refuse(place, `needs ${key}: ${WHAT[key]}${or}`);
  }
  for (const key of Object.keys(WHAT) as Key[]) {
    if (sasl[key] === undefined || always.includes(key) || may.includes(key)) continue;
    if (key === 'token_file' && mechanism === 'oauthbearer')
      refuse([...place, key], 'contradicts token_url: a token is had from one of the two');
    else refuse([...place, key], `is not for mechanism: ${mechanism}: leave it out, or name another mechanism`);
  }
  if (mechanism === 'aws-msk-iam' && !tls) {
    refuse(place, 'with aws-msk-iam needs TLS: write tls: {} beside it');
  }
}
