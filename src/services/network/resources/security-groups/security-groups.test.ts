import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testNetworkService, type TestNetworkService } from '../../test-support/network-service.ts';

let net: TestNetworkService;
beforeAll(async () => {
  net = await testNetworkService();
});
afterAll(() => net[Symbol.asyncDispose]());

const typeOf = async (answer: ReturnType<TestNetworkService['ask']>): Promise<unknown> =>
  (await answer).body?.NeutronError?.type ?? (await answer).status;

interface Rule {
  readonly direction: string;
  readonly ethertype: string;
  readonly remote_group_id: string | null;
}
const rulesOf = (group: { id: string; security_group_rules: readonly Rule[] }): unknown =>
  group.security_group_rules
    .map((rule) => `${rule.direction} ${rule.ethertype}${rule.remote_group_id === group.id ? ' own group' : ''}`)
    .toSorted();

describe('security groups', () => {
  it('begin with a default one, made once however many look first', async () => {
    const lists = await Promise.all(Array.from({ length: 8 }, () => net.ask('first.member', 'GET', 'security-groups')));
    const groups = lists.map(({ body }) => body.security_groups);
    expect(new Set(groups.map((each) => each.map((group: { id: string; name: string }) => `${group.name} ${group.id}`).join())).size).toBe(
      1,
    );
    expect(rulesOf(groups[0][0])).toEqual(['egress IPv4', 'egress IPv6', 'ingress IPv4 own group', 'ingress IPv6 own group']);
  });

  it('let out everything and in nothing when they are new', async () => {
    const group = await net.make('alpha.member', 'security-groups', { security_group: { name: 'web' } });
    expect(rulesOf(group)).toEqual(['egress IPv4', 'egress IPv6']);
  });

  it('have each rule once, whatever its spelling', async () => {
    const group = await net.make('alpha.member', 'security-groups', { security_group: { name: 'once' } });
    const rule = (more: Record<string, unknown>) =>
      net.ask('alpha.member', 'POST', 'security-group-rules', {
        security_group_rule: { security_group_id: group.id, direction: 'ingress', ...more },
      });
    const first = await rule({ protocol: 'tcp', port_range_min: 22, port_range_max: 22, remote_ip_prefix: '10.0.0.0/24' });
    expect([first.status, first.body.security_group_rule.protocol]).toEqual([201, 'tcp']);
    const again = await rule({ protocol: '6', port_range_min: '22', port_range_max: '22', remote_ip_prefix: '10.0.0.9/24' });
    expect([again.status, again.body.NeutronError]).toEqual([
      409,
      {
        type: 'SecurityGroupRuleExists',
        message: `Security group rule already exists. Rule id is ${first.body.security_group_rule.id}.`,
        detail: '',
      },
    ]);
    expect((await net.ask('alpha.member', 'DELETE', `security-group-rules/${first.body.security_group_rule.id}`)).status).toBe(204);
    expect((await rule({ protocol: 'tcp', port_range_min: 22, port_range_max: 22, remote_ip_prefix: '10.0.0.0/24' })).status).toBe(201);
  });

  it('stay while ports use them, and the default one stays anyway', async () => {
    const network = await net.make('alpha.member', 'networks', { network: {} });
    const group = await net.make('alpha.member', 'security-groups', { security_group: { name: 'used' } });
    const port = await net.make('alpha.member', 'ports', { port: { network_id: network.id, security_groups: [group.id] } });
    expect(await typeOf(net.ask('alpha.member', 'DELETE', `security-groups/${group.id}`))).toBe('SecurityGroupInUse');
    await net.ask('alpha.member', 'DELETE', `ports/${port.id}`);
    expect(await typeOf(net.ask('alpha.member', 'DELETE', `security-groups/${group.id}`))).toBe(204);
    const [byDefault] = (await net.ask('alpha.member', 'GET', 'security-groups?name=default')).body.security_groups;
    expect(await typeOf(net.ask('alpha.member', 'DELETE', `security-groups/${byDefault.id}`))).toBe('SecurityGroupCannotRemoveDefault');
    expect(await typeOf(net.ask('alpha.member', 'PUT', `security-groups/${byDefault.id}`, { security_group: { name: 'x' } }))).toBe(
      'SecurityGroupCannotUpdateDefault',
    );
    expect(await typeOf(net.ask('alpha.member', 'POST', 'security-groups', { security_group: { name: 'default' } }))).toBe(
      'SecurityGroupDefaultAlreadyExists',
    );
  });

  it('of others are not there, neither to see, nor to change, nor to name', async () => {
    const group = await net.make('alpha.member', 'security-groups', { security_group: { name: 'mine' } });
    const [rule] = group.security_group_rules;
    const theirs = await net.make('beta.member', 'security-groups', { security_group: { name: 'theirs' } });
    const answers = await Promise.all([
      typeOf(net.ask('beta.member', 'GET', `security-groups/${group.id}`)),
      typeOf(net.ask('beta.member', 'PUT', `security-groups/${group.id}`, { security_group: {} })),
      typeOf(net.ask('beta.member', 'DELETE', `security-groups/${group.id}`)),
      typeOf(
        net.ask('beta.member', 'POST', 'security-group-rules', {
          security_group_rule: { security_group_id: group.id, direction: 'ingress' },
        }),
      ),
      typeOf(
        net.ask('beta.member', 'POST', 'security-group-rules', {
          security_group_rule: { security_group_id: theirs.id, direction: 'ingress', remote_group_id: group.id },
        }),
      ),
      typeOf(net.ask('beta.member', 'GET', `security-group-rules/${rule.id}`)),
      typeOf(net.ask('beta.member', 'DELETE', `security-group-rules/${rule.id}`)),
    ]);
    expect(answers).toEqual([
      ...Array.from({ length: 5 }, () => 'SecurityGroupNotFound'),
      'SecurityGroupRuleNotFound',
      'SecurityGroupRuleNotFound',
    ]);
    expect((await net.ask('beta.member', 'GET', `security-group-rules?security_group_id=${group.id}`)).body.security_group_rules).toEqual(
      [],
    );
  });

  it('have rules whose networks are shown as they were written, and count once however they were', async () => {
    const group = await net.make('prefixes.member', 'security-groups', { security_group: { name: 'prefixes' } });
    const rule = (prefix: string) => ({
      security_group_rule: { security_group_id: group.id, direction: 'ingress', remote_ip_prefix: prefix },
    });
    const { remote_ip_prefix: written, normalized_cidr: meant } = await net.make(
      'prefixes.member',
      'security-group-rules',
      rule('10.2.3.124/24'),
    );
    expect([written, meant]).toEqual(['10.2.3.124/24', '10.2.3.0/24']);
    expect(await typeOf(net.ask('prefixes.member', 'POST', 'security-group-rules', rule('10.2.3.1/24')))).toBe('SecurityGroupRuleExists');
  });

  it('are limited in number, and so are their rules', async () => {
    await net.ask('admin.admin', 'PUT', 'quotas/few', { quota: { security_group: 2, security_group_rule: 7 } });
    const group = await net.make('few.member', 'security-groups', { security_group: { name: 'one' } });
    expect(await typeOf(net.ask('few.member', 'POST', 'security-groups', { security_group: { name: 'two' } }))).toBe('OverQuota');
    const rules = await Promise.all(
      [1, 2, 3].map((port) =>
        typeOf(
          net.ask('few.member', 'POST', 'security-group-rules', {
            security_group_rule: {
              security_group_id: group.id,
              direction: 'ingress',
              protocol: 'tcp',
              port_range_min: port,
              port_range_max: port,
            },
          }),
        ),
      ),
    );
    expect(rules.map(String).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['201', 'OverQuota', 'OverQuota']);
  });
});
