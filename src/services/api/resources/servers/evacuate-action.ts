import { hostNotFound } from '../../../../domain/faults.ts';
import { invalid, notFound } from '../../../../lib/errors.ts';
import { versionedBody } from '../../../../lib/http/versioned-body.ts';
import Type from 'typebox';
import { findService } from '../../../../store/services.ts';
import { serverAction } from '../../deps.ts';
import { isUpNow } from '../../hosts.ts';
import { does } from '../../microversions.ts';
import { generatePassword } from '../../passwords.ts';
import { Bool, Fqdn, toBoolean } from '../../schemas.ts';
import { hostOf } from './find-server.ts';
import { operate, refuseWrongState } from './operate.ts';
import { askedBy } from './resize-actions.ts';
import { isComputeHost } from './source-host.ts';

const EvacuateServer = versionedBody('EvacuateServer', {
  host: { type: Fqdn },
  adminPass: { type: Type.String() },
  onSharedStorage: { until: '2.13', required: true, type: Bool },
  force: { since: '2.29', until: '2.67', type: Bool },
});

export const evacuateAction = serverAction({
  key: 'evacuate',
  summary: 'Make a server anew on another host, its own being down',
  policy: 'os_compute_api:os-evacuate',
  body: EvacuateServer,
  reply: { status: 200 },
  handle: async ({ body, loaded, ctx, deps }) => {
    const { instance } = loaded;
    const { host = null } = body;
    const onSharedStorage = body.onSharedStorage !== undefined && toBoolean(body.onSharedStorage);
    const forced = body.force !== undefined && toBoolean(body.force);
    if (forced && host === null) throw invalid("Can't force to a non-provided destination");
    if (onSharedStorage && body.adminPass !== undefined) throw invalid("admin password can't be changed on existing disk");
    if (host !== null && !(await isComputeHost(deps, host))) throw notFound(hostNotFound(host).message);
    if (host !== null && host === instance.host) throw invalid("The target host can't be the same one.");
    refuseWrongState('evacuate', instance);
    const sourceHost = hostOf(instance);
    const service = await findService(deps.stores, { host: sourceHost, binary: 'nova-compute' });
    if (service !== null && isUpNow(deps, service)) throw invalid(`Compute service of ${sourceHost} is still in use.`);
    const adminPass = body.adminPass ?? generatePassword(deps.settings.DEFAULT.password_length);
    const params = {
      ...askedBy(ctx),
      sourceHost,
      host,
      filtersAsked: !forced && does(ctx, 'evacuationHostJudged'),
      start: !does(ctx, 'evacuatedOff'),
      adminPass,
    };
    const silent = does(ctx, 'evacuatedWithoutPassword') || !deps.settings.api.enable_instance_password;
    const answer = silent ? undefined : onSharedStorage ? {} : { adminPass };
    await ctx.intend?.({ status: 200, ...(answer === undefined ? {} : { body: answer }) });
    // a lock is against changes by users; a server that is lost with its host is brought back all the same
    await operate(deps, ctx, loaded, 'evacuate', { name: 'evacuate-instance', params }, { whileLocked: true });
    return answer;
  },
});
