import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sampleConf } from '../src/config/index.ts';
import { openApi, type OpenApiSource } from '../src/lib/http/openapi.ts';
import { computeMicroversions } from '../src/services/api/microversions.ts';
import { policyRules } from '../src/services/api/policy.ts';
import { actionRoutes, routes } from '../src/services/api/resources/index.ts';
import { versionRoutes } from '../src/services/api/resources/versions/routes.ts';
import { identityRoutes } from '../src/services/identity/routes.ts';
import { dataRoutes } from '../src/services/image/resources/data.ts';
import { documentRoutes } from '../src/services/image/resources/documents.ts';
import { imageRoutes } from '../src/services/image/resources/images.ts';
import { memberRoutes } from '../src/services/image/resources/members.ts';
import { tagRoutes } from '../src/services/image/resources/tags.ts';
import { networkRoutes } from '../src/services/network/routes.ts';
import { placementRoutes } from '../src/services/placement/application.ts';
import { microversions as placementMicroversions } from '../src/services/placement/microversions.ts';
import { volumeMicroversions } from '../src/services/volume/microversions.ts';
import { versionRoutes as volumeVersionRoutes } from '../src/services/volume/resources/documents.ts';
import { volumeActionRoutes, volumeRoutes } from '../src/services/volume/routes.ts';

/**
 * The one door of generated files: written by `npm run generate`; with `--check` nothing is written, and the exit code is 1 when one is not
 * what it would be. Each depends on the code alone, never on the machine.
 */
const root = join(import.meta.dirname, '..');

const services: Readonly<Record<string, OpenApiSource>> = {
  compute: {
    title: 'Compute',
    apiVersion: 'v2.1',
    description: 'The Compute API (Nova v2.1), as Kilonova serves it.',
    mount: '/v2.1',
    routes,
    actionRoutes,
    rootRoutes: versionRoutes,
    microversions: computeMicroversions,
  },
  identity: {
    title: 'Identity',
    apiVersion: 'v3',
    description: 'The Identity API (Keystone v3), as Kilonova serves it.',
    routes: identityRoutes,
  },
  image: {
    title: 'Image',
    apiVersion: 'v2',
    description: 'The Image API (Glance v2), as Kilonova serves it.',
    routes: [...documentRoutes, ...imageRoutes, ...dataRoutes, ...memberRoutes, ...tagRoutes],
  },
  network: {
    title: 'Network',
    apiVersion: 'v2.0',
    description: 'The Network API (Neutron v2.0), as Kilonova serves it.',
    routes: networkRoutes,
  },
  placement: {
    title: 'Placement',
    apiVersion: '1.0',
    description: 'The Placement API, as Kilonova serves it.',
    routes: placementRoutes,
    microversions: placementMicroversions,
  },
  volume: {
    title: 'Block Storage',
    apiVersion: 'v3',
    description: 'The Block Storage API (Cinder v3), as Kilonova serves it.',
    mount: '/v3',
    routes: volumeRoutes,
    actionRoutes: volumeActionRoutes,
    rootRoutes: volumeVersionRoutes,
    microversions: volumeMicroversions,
  },
};

function samplePolicy(): string {
  const rules = Object.entries(policyRules).map(([name, { check, description }]) => `# ${description}\n#"${name}": "${check}"\n`);
  return `# Every rule of the Compute API with its default. Generated from src/services/api/policy.ts by: npm run generate\n\n${rules.join('\n')}`;
}

const generated: Readonly<Record<string, () => string>> = {
  ...Object.fromEntries(
    Object.entries(services).map(([name, source]) => [`openapi/${name}.json`, () => `${JSON.stringify(openApi(source), null, 2)}\n`]),
  ),
  'docs/operators/nova.conf.sample': () =>
    `# Every option that is known, with its default. Generated from src/config/schema.ts by: npm run generate\n\n${sampleConf()}`,
  'docs/operators/policy.yaml.sample': samplePolicy,
};

const check = process.argv.includes('--check');
const stale: string[] = [];
for (const [path, make] of Object.entries(generated)) {
  const file = join(root, path);
  const text = make();
  if ((await readFile(file, 'utf8').catch(() => null)) === text) continue;
  stale.push(path);
  if (check) continue;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}
if (check && stale.length > 0) {
  process.stderr.write(`Not current, run npm run generate: ${stale.join(', ')}\n`);
  process.exitCode = 1;
} else process.stdout.write(stale.length === 0 ? 'All generated files are current.\n' : `Written: ${stale.join(', ')}\n`);
