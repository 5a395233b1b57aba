import { isKind, notFound } from '../lib/errors.ts';
import { createHttpClient, type HttpRequest } from '../lib/http/client.ts';
import type { Endpoints, Session } from './session.ts';
import type { Share, ShareAccess, ShareClient } from './share.ts';

export interface ShareClientOptions {
  readonly endpoints: Endpoints;
  readonly serviceSession: Session;
}

interface WireShare {
  readonly id: string;
  readonly status: string;
  readonly share_proto: string;
}
interface WireLocation {
  readonly path: string;
  readonly preferred?: boolean;
}
interface WireAccess {
  readonly id: string;
  readonly access_type: string;
  readonly access_to: string;
  readonly state: string;
}

/** The first one with locks on rules of access. */
const microversion = '2.82';

/** The shared file system service of the catalog. */
export function createShareClient({ endpoints, serviceSession }: ShareClientOptions): ShareClient & { close(): Promise<void> } {
  const http = createHttpClient({ service: 'shared file system' });

  async function ask<T>(session: Session, method: NonNullable<HttpRequest['method']>, path: string, json?: unknown): Promise<T> {
    const base = await endpoints.url('shared-file-system');
    const headers = { 'x-auth-token': await session.token(), 'x-openstack-manila-api-version': microversion };
    return (await http.json<T>({ method, url: `${base}/${path}`, headers, ...(json === undefined ? {} : { json }) })).json;
  }
  const at = (shareId: string): string => `shares/${encodeURIComponent(shareId)}`;

  async function findAccess(shareId: string, { type, to }: ShareAccess): Promise<WireAccess | undefined> {
    const { access_list: rules } = await ask<{ readonly access_list: readonly WireAccess[] }>(
      serviceSession,
      'GET',
      `share-access-rules?share_id=${encodeURIComponent(shareId)}`,
    );
    return rules.find((rule) => rule.access_type === type && rule.access_to === to);
  }

  return {
    async show(session, shareId): Promise<Share> {
      try {
        const { share } = await ask<{ readonly share: WireShare }>(session, 'GET', at(shareId));
        const { export_locations: locations } = await ask<{ readonly export_locations: readonly WireLocation[] }>(
          session,
          'GET',
          `${at(shareId)}/export_locations`,
        );
        const location = locations.find(({ preferred }) => preferred === true) ?? locations[0];
        return { id: share.id, status: share.status, protocol: share.share_proto, exportLocation: location?.path ?? null };
      } catch (error) {
        if (isKind(error, 'notFound', 'invalid')) throw notFound(`Share ${shareId} could not be found.`, { cause: error });
        throw error;
      }
    },
    async allow(shareId, access) {
      if ((await findAccess(shareId, access)) !== undefined) return;
      await ask(serviceSession, 'POST', `${at(shareId)}/action`, {
        allow_access: {
          access_type: access.type,
          access_to: access.to,
          access_level: 'rw',
          lock_visibility: true,
          lock_deletion: true,
          lock_reason: 'Lock by nova',
        },
      });
    },
    async isAllowed(shareId, access) {
      const state = (await findAccess(shareId, access))?.state;
      return state === 'active' ? true : state === undefined || state === 'error' || state === 'denying' ? null : false;
    },
    async deny(shareId, access) {
      try {
        const rule = await findAccess(shareId, access);
        if (rule !== undefined)
          await ask(serviceSession, 'POST', `${at(shareId)}/action`, { deny_access: { access_id: rule.id, unrestrict: true } });
      } catch (error) {
        if (!isKind(error, 'notFound')) throw error;
      }
    },
    close: () => http.close(),
  };
}
