// nginx, by its stub_status: the example of a check of your own. In nginx:
//   location = /stub_status { stub_status; allow 127.0.0.1; deny all; }
// In runnel.yaml:
//   metrics:
//     checks:
//       - {name: nginx, type: module, path: /etc/runnel/checks/nginx.js, options: {url: http://127.0.0.1/stub_status}}
import { defineCheck } from '@runnel/agent/check';

const FORM =
  /Active connections: (\d+)\s+server accepts handled requests\s+(\d+) (\d+) (\d+)\s+Reading: (\d+) Writing: (\d+) Waiting: (\d+)/;

export default defineCheck({
  async run({ gauge, total, status, options, signal }) {
    const answer = await fetch(options.url, { signal });
    const found = FORM.exec(await answer.text());
    if (!answer.ok || !found) {
      status(2, `${options.url} answers ${answer.status}, and no stub_status`);
      return;
    }
    const [active, accepted, handled, requests, reading, writing, waiting] = found.slice(1).map(Number);
    gauge('nginx.connections.active', active, {}, '{connection}');
    gauge('nginx.connections.current', reading, { state: 'reading' }, '{connection}');
    gauge('nginx.connections.current', writing, { state: 'writing' }, '{connection}');
    gauge('nginx.connections.current', waiting, { state: 'waiting' }, '{connection}');
    total('nginx.connections.accepted', accepted, {}, '{connection}');
    total('nginx.connections.dropped', accepted - handled, {}, '{connection}');
    total('nginx.requests', requests, {}, '{request}');
  },
});
