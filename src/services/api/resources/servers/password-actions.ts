import Type from 'typebox';
import type { Instance } from '../../../../domain/instance.ts';
import { passwordPieces } from '../../../../domain/metadata/stored-password.ts';
import { conflict, isKind, toWireError, type WireError } from '../../../../lib/errors.ts';
import { HttpError } from '../../../../lib/http/http-error.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { changeInstance, type LocatedInstance } from '../../../../store/instances.ts';
import { settleSaga } from '../../../../store/sagas.ts';
import { serverAction, type ApiDeps } from '../../deps.ts';
import { encryptForKey } from './encrypt-for-key.ts';
import { hostOf, refuseLocked } from './find-server.ts';
import { operate } from './operate.ts';

const ChangePassword = plainBody('ChangePassword', Type.Object({ adminPass: Type.String() }, { additionalProperties: false }));

/** How long a host may take; then the operation ends without its word. */
const patienceMs = 60_000;

export const passwordActions = [
  serverAction({
    key: 'changePassword',
    summary: 'Set the administrator’s password inside the guest of a server',
    policy: 'os_compute_api:os-admin-password',
    body: ChangePassword,
    reply: { status: 202 },
    handle: ({ body, loaded, ctx, deps }) => changePassword(deps, ctx, loaded, body.adminPass),
  }),
];

/** Whom a guest's administrator is, as far as its image says. */
const administratorOf = ({ image }: Instance): string =>
  image?.properties['os_admin_user'] ?? (image?.properties['os_type'] === 'windows' ? 'Administrator' : 'root');

/** The password goes from here to the host and is written down nowhere; the saga that ends the operation hears how it went. */
async function changePassword(deps: ApiDeps, ctx: RequestContext, located: LocatedInstance, password: string): Promise<void> {
  const { instance, cellId } = located;
  refuseLocked(ctx, instance);
  const id = deps.ids.uuid();
  const begun = await operate(deps, ctx, located, 'setAdminPassword', { id, name: 'change-password', heldMs: 2 * patienceMs });
  const database = deps.stores.cell(cellId);
  const settle = async (failure: WireError | null): Promise<void> => {
    await settleSaga(database, id, { outcome: { failure } });
    deps.conductor.wake({}).catch((error: unknown) => deps.log.debug({ err: error }, 'conductor was not woken; it will look by itself'));
  };
  try {
    await deps
      .agentOn(hostOf(begun))
      .setPassword(
        { instanceId: instance.id, user: administratorOf(instance), password },
        { key: `${instance.id}/${id}/password`, epoch: begun.epoch, timeoutMs: patienceMs },
      );
    const encrypted = instance.publicKey === null ? null : encryptForKey(instance.publicKey.data, password);
    if (encrypted !== null)
      await changeInstance(database, instance.id, (now) => ({
        systemMetadata: { ...now.systemMetadata, ...passwordPieces(encrypted) },
      }));
  } catch (error) {
    await settle(toWireError(error));
    if (isKind(error, 'unsupported')) throw new HttpError(501, error.message);
    throw isKind(error, 'conflict') ? error : conflict('Unable to set password on instance', { cause: error });
  }
  await settle(null);
}
