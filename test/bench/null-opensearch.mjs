// Answers every bulk request as written without looking at it, and the little else that a sink asks:  null-opensearch.mjs STREAMS
import { createServer } from 'node:http';

const streams = process.argv[2].split(',');
const shards = '"timed_out":false,"_shards":{"total":1,"successful":1,"failed":0}';
const data_streams = streams.map((name) => ({ name, generation: 1, indices: [{ index_name: `.ds-${name}-000001` }] }));
const ANSWERS = [
  [/_bulk/, '{"took":1,"errors":false,"items":[]}'],
  [/^\/_data_stream/, JSON.stringify({ data_streams })],
  [/_refresh$|_search/, `{${shards},"hits":{"hits":[]}}`],
  [/^\/$/, '{"version":{"number":"2.19.1","distribution":"opensearch"}}'],
];

const server = createServer((asked, answer) => {
  asked.on('data', () => {});
  asked.on('end', () => {
    const text = ANSWERS.find(([path]) => path.test(asked.url))?.[1] ?? '{}';
    answer.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length }).end(text);
  });
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
