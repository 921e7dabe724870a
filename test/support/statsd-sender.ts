/**
 * `statsd-sender.ts FOLDER TIMES`: sends so many samples to each of unixgram and unixstream in the folder, and stays until
 * its input ends: which container it is in can be told as long as it lives.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { datagramSender } from './unix-datagrams.ts';

const [folder, times] = [process.argv[2]!, Number(process.argv[3])];
const datagrams = datagramSender(`${folder}/unixgram`);
datagrams.send(Array(times).fill('gram:1|c|#container.id:forged'));
const stream = connect(`${folder}/unixstream`);
await once(stream, 'connect');
stream.end('stream:1|c\n'.repeat(times));
await once(stream, 'close');
for await (const _ of process.stdin);
await datagrams.end();
