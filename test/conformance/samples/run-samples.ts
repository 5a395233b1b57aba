import { openStackClient } from '../openstack.ts';
import type { StartedCloud } from '../started-cloud.ts';
import type { Verdict } from '../verdict.ts';
import { cloudSession } from './cloud-session.ts';
import { compareShapes } from './compare-shapes.ts';
import { publishedSamples, type PublishedSample } from './published-samples.ts';
import { sampleRequests } from './sample-requests.ts';
import { sampleWorld, type SampleWorld } from './sample-world.ts';

/** Holds the answers of a cloud against those that a checkout of Nova shows, by keys and kinds, at each microversion it shows one for. */
export async function runSamples(cloud: StartedCloud, checkout: string, only: RegExp): Promise<Verdict[]> {
  const openstack = openStackClient(cloud.environment);
  const [samples, image, network, session] = await Promise.all([
    publishedSamples(checkout),
    openstack.json('image', 'show', 'tiny'),
    openstack.json('network', 'show', 'private'),
    cloudSession(cloud.environment),
  ]);
  await using world = await sampleWorld(session, { imageId: image.id, networkId: network.id });
  const verdicts: Verdict[] = [];
  for (const sample of samples) if (only.test(`${sample.name} ${sample.version}`)) verdicts.push(await judge(world, sample));
  return verdicts;
}

async function judge(world: SampleWorld, { name, version, content }: PublishedSample): Promise<Verdict> {
  const title = `${name} ${version}`;
  const request = sampleRequests[name];
  if (request === undefined) return { name: title, outcome: 'skipped', reason: 'no request is written for it', detail: '' };
  try {
    const { status, body } = await request(world, version);
    if (status >= 300) return { name: title, outcome: 'failed', reason: `answered ${status}`, detail: JSON.stringify(body) };
    const differences = compareShapes(content, body).map(({ path, what }) => `${path} ${what}`);
    if (differences.length === 0) return { name: title, outcome: 'passed', reason: '', detail: '' };
    return { name: title, outcome: 'failed', reason: differences.join(', '), detail: JSON.stringify(body, null, 1) };
  } catch (error) {
    return { name: title, outcome: 'failed', reason: String(error), detail: '' };
  }
}
