import { Reply } from '../../../../lib/http/route.ts';
import { versionedBody } from '../../../../lib/http/versioned-body.ts';
import Type from 'typebox';
import { serverAction } from '../../deps.ts';
import { selfUrl } from '../../links.ts';
import { Base64, Bool, Description, DiskConfig, Fqdn, HostnameLabel, Ipv4, Ipv6, Metadata, Name, Uuid } from '../../schemas.ts';
import { Personality } from './injected-files.ts';
import { rebuildServer, type RebuiltServer } from './rebuild-server.ts';
import { detailOf } from './routes.ts';
import { rebuiltServerView } from './view.ts';

const orNull = <T extends Type.TSchema>(type: T) => Type.Union([type, Type.Null()]);

/** `rebuild`. What is left out stays as it is; the metadata that is given replaces all of it. */
export const RebuildServer = versionedBody('RebuildServer', {
  imageRef: { required: true, type: Uuid },
  name: { type: Name },
  adminPass: { type: Type.String() },
  metadata: { type: Metadata },
  preserve_ephemeral: { type: Bool },
  'OS-DCF:diskConfig': { type: DiskConfig },
  accessIPv4: { type: Ipv4 },
  accessIPv6: { type: Ipv6 },
  personality: { until: '2.56', type: Personality },
  description: { since: '2.19', type: Description },
  key_name: { since: '2.54', type: orNull(Name) },
  user_data: { since: '2.57', type: orNull(Base64(65_535)) },
  trusted_image_certificates: {
    since: '2.63',
    type: orNull(Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 50, uniqueItems: true })),
  },
  hostname: [
    { since: '2.90', until: '2.93', type: HostnameLabel },
    { since: '2.94', type: Fqdn },
  ],
});

export const rebuildActions = [
  serverAction({
    key: 'rebuild',
    summary: 'Make the disk of a server anew from an image',
    policy: 'os_compute_api:servers:rebuild',
    body: RebuildServer,
    reply: { status: 202, key: 'server', view: rebuiltServerView },
    handle: async ({ body, loaded, ctx, deps }) => {
      const answerOf = async ({ instance, adminPass }: RebuiltServer): Promise<Reply> => {
        const detail = await detailOf(deps, ctx, { instance, cellId: loaded.cellId });
        const shown = deps.settings.api.enable_instance_password ? adminPass : null;
        const server = rebuiltServerView.render({ ...detail, adminPass: shown }, ctx);
        return new Reply(202, { server }, { location: selfUrl(ctx, 'servers', instance.id) });
      };
      const intend = ctx.intend === undefined ? undefined : async (wanted: RebuiltServer) => ctx.intend?.(await answerOf(wanted));
      return answerOf(await rebuildServer(deps, ctx, loaded, body, intend));
    },
  }),
];
