import type { IdentityClient } from '../../clients/identity.ts';
import type { PlacementClient } from '../../clients/placement.ts';
import type { Settings } from '../../config/index.ts';
import type { RequestSpec } from '../../domain/request-spec.ts';
import type { HostFilter, Placing } from './filters/filter.ts';
import { stateOf } from './host-states.ts';
import type { HostViews } from './host-view.ts';
import { judgeHosts } from './judge-hosts.ts';

interface JudgeDeps {
  readonly views: Pick<HostViews, 'current'>;
  readonly placement: Pick<PlacementClient, 'traits'>;
  readonly identity: Pick<IdentityClient, 'serviceSession'>;
  readonly filters: readonly HostFilter[];
  readonly settings: Settings;
}

/**
 * Whether the host a server is on takes its new image: by the filters that look at images, and by the traits it asks for. Room, zone and
 * neighbours do not change; nothing is claimed or given back.
 */
export async function judgeHost(
  { views, placement, identity, filters, settings }: JudgeDeps,
  { spec, host, node }: { readonly spec: RequestSpec; readonly host: string; readonly node: string },
): Promise<{ readonly accepted: boolean; readonly message: string }> {
  const refuse = (why: string) => ({
    accepted: false,
    message: `No valid host was found. The host of the server does not take the image: ${why}.`,
  });
  const view = await views.current();
  const known = [...view.nodesByUuid.values()].find((candidate) => candidate.host === host && candidate.name === node);
  if (known === undefined) return refuse('it is not known');
  const state = stateOf(view, known, undefined, [], settings.DEFAULT.default_availability_zone);
  const placing: Placing = {
    spec: { ...spec, ignoreHosts: [] },
    group: null,
    settings,
    topology: null,
    pciRequests: [],
    hintedHosts: new Map(),
    kept: new Map(),
    imagePropertiesOn: (name) => view.imagePropertiesOn(name),
  };
  const [reason] = judgeHosts([state], placing, filters.filter(({ onRebuild }) => onRebuild === true), false).reasons; // prettier-ignore
  if (reason !== undefined) return refuse(reason.example);
  const wishes = Object.entries(spec.image?.properties ?? {}).filter(([key]) => key.startsWith('trait:'));
  if (wishes.length === 0) return { accepted: true, message: '' };
  const { traits } = await placement.traits(identity.serviceSession, known.uuid);
  const broken = wishes.find(([key, value]) => (value === 'required') !== traits.includes(key.slice('trait:'.length)));
  return broken === undefined ? { accepted: true, message: '' } : refuse(`${broken[0].slice('trait:'.length)} is ${broken[1]}`);
}
