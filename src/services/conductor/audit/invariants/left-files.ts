import { messageOf } from '../../../../lib/errors.ts';
import { listServices } from '../../../../store/services.ts';
import type { ConductorDeps } from '../../deps.ts';
import { eachAtOnce } from '../at-once.ts';
import type { Finding, Invariant } from '../invariant.ts';
import { knownInstances, type KnownInstance } from '../known-instances.ts';

/** Hosts asked at the same time, and how long one may take. */
const atOnce = 24;
const patienceMs = 10_000;
/** What is younger may belong to something that has just begun, or ended. */
const leastAgeSeconds = 600;

interface SeenFile {
  readonly host: string;
  readonly instanceId: string;
  readonly name: string;
  readonly ageSeconds: number;
}

/** Directories of guests that are there, and of those set aside, are judged with their guests; cached images are the cache's own. */
export const leftFiles: Invariant = {
  name: 'file-is-guest',
  says: 'The files of guests on a host are those of servers that are on it.',
  async check({ deps, signal, cannotSee }) {
    const hosts = (await listServices(deps.stores)).filter(({ binary }) => binary === 'nova-compute').map(({ host }) => host);
    const seen: SeenFile[] = [];
    await eachAtOnce(atOnce, hosts, async (host) => {
      try {
        const { files } = await deps.agentOn(host).leftFiles({}, { signal, timeoutMs: patienceMs });
        for (const file of files) if (file.ageSeconds >= leastAgeSeconds) seen.push({ host, ...file });
      } catch (error) {
        signal.throwIfAborted();
        cannotSee(host, messageOf(error));
      }
    });
    const known = await knownInstances(
      deps.stores,
      seen.map(({ instanceId }) => instanceId),
    );
    return seen.flatMap((file) => findingOf(deps, file, known.get(file.instanceId) ?? []));
  },
};

function findingOf(deps: ConductorDeps, { host, instanceId, name, ageSeconds }: SeenFile, rows: readonly KnownInstance[]): Finding[] {
  const live = rows.find((row) => row.live);
  const isCopy = name !== instanceId && name.startsWith(`${instanceId}/`);
  // a server on the host may have lost its guest, and still have its disks; a copy of them is needed only while a snapshot goes on
  if (live?.host === host && !isCopy && name === instanceId) return [];
  const whose =
    rows.length === 0
      ? 'no cell knows such a server'
      : live === undefined
        ? 'the server is deleted'
        : isCopy || live.host === host
          ? 'nothing is being done that needs it'
          : `the server is on ${live.host ?? 'no host'}`;
  // a host that shares its disks with others shows what belongs to theirs
  const isSafe = rows.length > 0 && (live === undefined || isCopy);
  return [
    {
      subject: `file ${name} on ${host}`,
      what: `It lies on ${host} for ${Math.floor(ageSeconds / 60)} min, and ${whose}.`,
      repair: isSafe
        ? `Remove it from ${host}.`
        : `See whose it is; if ${host} shares its disks with no other host, and nothing in it is needed any more, remove it there.`,
      excusedBy: [instanceId],
      ...(isSafe ? { mend: () => removeFile(deps, host, instanceId, name) } : {}),
    },
  ];
}

async function removeFile(deps: ConductorDeps, host: string, instanceId: string, name: string): Promise<void> {
  const rows = (await knownInstances(deps.stores, [instanceId])).get(instanceId) ?? [];
  if (rows.some((row) => row.live) && !name.startsWith(`${instanceId}/`)) return;
  const epoch = Math.max(0, ...rows.map((row) => row.epoch));
  await deps.agentOn(host).removeLeftFile({ instanceId, name }, { key: `${instanceId}/audit/${deps.ids.uuid()}`, epoch });
}
