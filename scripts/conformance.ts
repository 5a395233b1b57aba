import { existsSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { clientExpectations } from '../test/conformance/client/expectations.ts';
import { takeTour } from '../test/conformance/client/take-tour.ts';
import { closingTable, type SuiteReport } from '../test/conformance/closing-table.ts';
import { sampleExpectations } from '../test/conformance/samples/expectations.ts';
import { runSamples } from '../test/conformance/samples/run-samples.ts';
import { startedCloud } from '../test/conformance/started-cloud.ts';
import { enabledFilters } from '../test/conformance/tempest/configuration.ts';
import { tempestExpectations } from '../test/conformance/tempest/expectations.ts';
import { runTempest } from '../test/conformance/tempest/run-tempest.ts';
import { outcomeOf } from '../test/support/kilonova.ts';

/**
 * Clients that others wrote, against a cloud that was started as an operator starts it, with hypervisors that pretend (test/conformance/README.md):
 *
 *     npm run conformance                                 the openstack client and Tempest
 *     npm run conformance -- tempest --only test_keypairs
 *     npm run conformance -- samples ../nova              the samples of a checkout of Nova
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: '' },
    hosts: { type: 'string', default: '8' },
    workers: { type: 'string', default: '2' },
    cloud: { type: 'string' },
    details: { type: 'boolean', default: false },
  },
});
/** What is off in a cloud by default and tried here; servers of no zone in particular stay out of those that tests make. */
const settings = `[DEFAULT]
default_schedule_zone = nova
[serial_console]
enabled = true
[spice]
enabled = true
[filter_scheduler]
enabled_filters = ${enabledFilters.join(', ')}`;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const suites: Readonly<Record<string, (directory: string, cloud: Awaited<ReturnType<typeof startedCloud>>) => Promise<SuiteReport>>> = {
  tempest: async (directory, cloud) => ({
    suite: 'tempest',
    verdicts: await runTempest({
      cloud,
      directory,
      only: values.only === '' ? 'tempest\\.api\\.compute' : `tempest\\.api\\.compute.*(${values.only})`,
      workers: Number(values.workers),
      say,
    }),
    expectations: tempestExpectations,
  }),
  client: async (directory, cloud) => ({
    suite: 'client',
    verdicts: await takeTour(cloud, directory, say),
    expectations: clientExpectations,
  }),
  samples: async (_directory, cloud) => ({
    suite: 'samples',
    verdicts: await runSamples(cloud, checkout, new RegExp(values.only)),
    expectations: sampleExpectations,
  }),
};

const [first, checkout = ''] = positionals;
const wanted = first === undefined ? ['client', 'tempest'] : [first];
if (first === 'samples' && !existsSync(join(checkout, 'doc/api_samples'))) {
  process.stderr.write('Name a checkout of Nova: npm run conformance -- samples ../nova\n');
  process.exit(2);
}
const unknown = wanted.find((name) => suites[name] === undefined);
if (unknown !== undefined) {
  process.stderr.write(`There is no suite '${unknown}'; there are ${Object.keys(suites).join(', ')}.\n`);
  process.exit(2);
}
const installed = await outcomeOf('sh', [join(import.meta.dirname, 'bootstrap.sh'), '--for', 'conformance']);
if (installed.code !== 0) {
  process.stderr.write(installed.error);
  process.exit(installed.code);
}
const directory = await mkdtemp(join(tmpdir(), 'kilonova-conformance-report-'));
const reports: SuiteReport[] = [];
{
  await using cloud = await startedCloud({ hosts: Number(values.hosts), existing: values.cloud ?? null, settings });
  for (const name of wanted) reports.push(await suites[name]!(directory, cloud));
}
const { text, good } = closingTable(reports);
process.stdout.write(`\n${text}`);
const failures = reports.flatMap(({ verdicts }) => verdicts.filter(({ outcome }) => outcome === 'failed'));
await writeFile(join(directory, 'failures.txt'), failures.map(({ name, detail }) => `${name}\n${detail}\n`).join('\n'));
if (values.details) for (const { name, detail } of failures) say(`\n${name}\n${detail}`);
say(`Details of failures are in ${directory}/failures.txt.`);
process.exitCode = good ? 0 : 1;
