import type { PlacementClient } from '../../clients/placement.ts';
import type { IdentityClient } from '../../clients/identity.ts';
import type { Settings } from '../../config/index.ts';
import type { RequestSpec } from '../../domain/request-spec.ts';
import { imageMisfit } from './filters/image-properties-filter.ts';
import type { HostView } from './host-view.ts';

interface JudgeDeps {
  readonly views: { current(): Promise<HostView> };
  readonly placement: Pick<PlacementClient, 'traits'>;
  readonly identity: Pick<IdentityClient, 'serviceSession'>;
  readonly settings: Settings;
}

/**
 * Whether the host a server is on takes its new image: whether it can run it, and has the traits it asks for. Room, zone and
 * neighbours do not change; nothing is claimed or given back.
 */
export async function judgeHost(
  { views, placement, identity, settings }: JudgeDeps,
  { spec, host, node }: { readonly spec: RequestSpec; readonly host: string; readonly node: string },
): Promise<{ readonly accepted: boolean; readonly message: string }> {
  const refuse = (why: string) => ({ accepted: false, message: `No valid host was found. ${host} does not take the image: ${why}.` });
  const { nodesByUuid } = await views.current();
  const known = [...nodesByUuid.values()].find((candidate) => candidate.host === host && candidate.name === node);
  if (known === undefined) return refuse('it is not known');
  const properties = spec.image?.properties ?? {};
  const misfit = imageMisfit(known.facts, properties, settings);
  if (misfit !== null) return refuse(misfit.because);
  const wishes = Object.entries(properties).filter(([key]) => key.startsWith('trait:'));
  if (wishes.length === 0) return { accepted: true, message: '' };
  const { traits } = await placement.traits(identity.serviceSession, known.uuid);
  const broken = wishes.find(([key, value]) => (value === 'required') !== traits.includes(key.slice('trait:'.length)));
  return broken === undefined ? { accepted: true, message: '' } : refuse(`${broken[0].slice('trait:'.length)} is ${broken[1]}`);
}
