import Type from 'typebox';
import { hostNotFound } from '../../../../domain/faults.ts';
import { invalid } from '../../../../lib/errors.ts';
import { versionedBody } from '../../../../lib/http/versioned-body.ts';
import { waitUntil } from '../../../../lib/retry.ts';
import { getInstance, type LocatedInstance } from '../../../../store/instances.ts';
import { findMove } from '../../../../store/moves.ts';
import { serverAction, type ApiDeps } from '../../deps.ts';
import { does } from '../../microversions.ts';
import { Bool, Fqdn, toBoolean } from '../../schemas.ts';
import { ownerOf, refuseLocked } from './find-server.ts';
import { operate, refuseWrongState } from './operate.ts';
import { askedBy } from './resize-actions.ts';
import { isComputeHost, upHostOf } from './source-host.ts';

const LiveMigrateServer = versionedBody('LiveMigrateServer', {
  host: { required: true, type: Type.Union([Fqdn, Type.Null()]) },
  block_migration: [
    { until: '2.24', required: true, type: Bool },
    { since: '2.25', required: true, type: Type.Union([Bool, Type.Literal('auto')]) },
  ],
  disk_over_commit: { until: '2.24', required: true, type: Bool },
  force: { since: '2.30', until: '2.67', type: Bool },
});

/** How long an answer waits for what speaks against a live migration, where clients expect to be told. */
const judgedWithinMs = 30_000;

export const liveMigrateAction = serverAction({
  key: 'os-migrateLive',
  summary: 'Move a server to another host while it runs',
  policy: 'os_compute_api:os-migrate-server:migrate_live',
  body: LiveMigrateServer,
  reply: { status: 202 },
  handle: async ({ body, loaded, ctx, deps }) => {
    const { instance } = loaded;
    const { host } = body;
    const forced = body.force !== undefined && toBoolean(body.force);
    if (host !== null) ctx.authorize('os_compute_api:os-migrate-server:migrate_live:host', ownerOf(loaded));
    if (forced && host === null) throw invalid("Can't force to a non-provided destination");
    refuseLocked(ctx, instance);
    refuseWrongState('liveMigrate', instance);
    const from = await upHostOf(deps, instance);
    if (host !== null && !(await isComputeHost(deps, host))) throw invalid(hostNotFound(host).message);
    if (host === from) throw invalid(`Unable to migrate instance (${instance.id}) to current host (${host}).`);
    const id = deps.ids.uuid();
    await operate(deps, ctx, loaded, 'liveMigrate', {
      name: 'live-migrate',
      id,
      params: { ...askedBy(ctx), host, filtersAsked: !forced && does(ctx, 'liveMigrationHostJudged') },
    });
    if (!does(ctx, 'liveMigrationJudgedLater')) await refuseWhenJudged(deps, loaded, id);
  },
});

/** Waits until the guest is on its way or cannot go, and says why it cannot. */
async function refuseWhenJudged(deps: ApiDeps, { instance, cellId }: LocatedInstance, moveId: string): Promise<void> {
  const database = deps.stores.cell(cellId);
  const judged = await waitUntil(
    async () => {
      const move = await findMove(database, { id: moveId });
      return move === null || ['accepted', 'preparing'].includes(move.status) ? null : move;
    },
    { clock: deps.clock, timeoutMs: judgedWithinMs, everyMs: 50, what: 'The judgement of a live migration' },
  ).catch(() => null); // then it is judged later
  if (judged?.status !== 'error') return;
  const { instance: now } = await getInstance(deps.stores, instance.id);
  throw invalid(now.fault?.message ?? 'Migration pre-check error.');
}
