/** What the checks say beside what Prometheus' node_exporter says of the same moment. */
// Slow: starts node_exporter.
import { test } from 'node:test';
import { HostFiles } from '../../src/checks/files.ts';
import { compareWith, noExporter, startExporter } from '../support/node-exporter.ts';

test('node_exporter says the same of the same moment', { skip: noExporter }, async (t) => {
  const host = new HostFiles();
  t.after(() => host.close());
  using exporter = await startExporter();
  t.diagnostic(`${await compareWith(host, exporter.scrape)} series compared`);
});
