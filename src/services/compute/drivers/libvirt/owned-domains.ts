import { conflict, invalid, notFound, type KilonovaError } from '../../../../lib/errors.ts';
import { isUuid } from '../../../../lib/ids.ts';
import { findDomain, getMetadata, isLibvirtError, listDomains, type DomainRef, type LibvirtClient } from '../../../../lib/libvirt/index.ts';
import { cloudOfMark, markNamespace } from './guest-mark.ts';

/** The domains of one cloud: those that carry its mark. Others do not exist, and one that stands in the way is never touched. */
export interface OwnedDomains {
  /** Known to be ours without asking. */
  remembers(id: string): boolean;
  remember(id: string): void;
  forget(id: string): void;
  isOurs(client: LibvirtClient, domain: DomainRef): Promise<boolean>;
  all(client: LibvirtClient): Promise<readonly DomainRef[]>;
  /** Null when there is none; throws `conflict` for one of somebody else under this id. */
  find(client: LibvirtClient, id: string): Promise<DomainRef | null>;
  /** The same, and `notFound` when there is none. */
  get(client: LibvirtClient, id: string): Promise<DomainRef>;
}

export const guestNotFound = (id: string): KilonovaError => notFound(`There is no guest ${id} on this host.`, { code: 'guest-not-found' });

export function ownedDomains(cloudId: string): OwnedDomains {
  const known = new Set<string>();
  const self: OwnedDomains = {
    remembers: (id) => known.has(id),
    remember: (id) => void known.add(id),
    forget: (id) => void known.delete(id),
    async isOurs(client, domain) {
      const mark = await getMetadata(client, domain, markNamespace);
      const ours = mark !== null && cloudOfMark(mark) === cloudId;
      if (ours) known.add(domain.uuid);
      return ours;
    },
    async all(client) {
      const domains = await listDomains(client);
      const ours = await Promise.all(domains.map((domain) => self.isOurs(client, domain).catch(goneIsNotOurs)));
      return domains.filter((_, index) => ours[index]);
    },
    async find(client, id) {
      if (!isUuid(id)) throw invalid(`'${id}' is not the id of an instance.`);
      const domain = await findDomain(client, id);
      if (domain === null) return null;
      if (!(await self.isOurs(client, domain)))
        throw conflict(`Domain ${id} on this hypervisor belongs to somebody else.`, { code: 'foreign-guest' });
      return domain;
    },
    async get(client, id) {
      const domain = await self.find(client, id);
      if (domain === null) throw guestNotFound(id);
      return domain;
    },
  };
  return self;
}

/** A domain may go away between the list and the look at it. */
const goneIsNotOurs = (error: unknown): false => {
  if (isLibvirtError(error, 'noDomain')) return false;
  throw error;
};
