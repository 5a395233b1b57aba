import { describe, expect, it } from 'vitest';
import { KilonovaError } from '../../../../lib/errors.ts';
import { planRule, type AskedRule } from './rule-plan.ts';

const codeOf = (rule: AskedRule): string => {
  try {
    planRule(rule);
    return 'accepted';
  } catch (error) {
    return error instanceof KilonovaError ? (error.code ?? error.kind) : String(error);
  }
};

describe('a security group rule', () => {
  it('is kept in one form, however it was spelled', () => {
    expect(
      planRule({
        direction: 'ingress',
        ethertype: 'ipv4',
        protocol: 'TCP',
        port_range_min: '22',
        port_range_max: 22,
        remote_ip_prefix: '10.0.0.7/24',
      }),
    ).toEqual({
      direction: 'ingress',
      ethertype: 'IPv4',
      protocol: 'tcp',
      protocol_number: 6,
      port_range_min: 22,
      port_range_max: 22,
      remote_ip_prefix: '10.0.0.7/24',
      remote_group_id: null,
    });
    expect(planRule({ direction: 'egress', protocol: 'any', remote_ip_prefix: '10.0.0.7' })).toMatchObject({
      protocol: null,
      remote_ip_prefix: '10.0.0.7/32',
    });
    expect(planRule({ direction: 'egress', ethertype: 'IPv6', remote_ip_prefix: '2001:DB8:0::1/64' }).remote_ip_prefix).toBe(
      '2001:db8::1/64',
    );
    expect(planRule({ direction: 'egress', protocol: 6 }).protocol_number).toBe(
      planRule({ direction: 'egress', protocol: 'tcp' }).protocol_number,
    );
  });

  it.each<[string, AskedRule]>([
    ['HTTPBadRequest', { direction: 'inwards' }],
    ['SecurityGroupRuleInvalidEtherType', { direction: 'ingress', ethertype: 'IPX' }],
    ['SecurityGroupRuleInvalidProtocol', { direction: 'ingress', protocol: 'tcp ' }],
    ['SecurityGroupRuleInvalidProtocol', { direction: 'ingress', protocol: '256' }],
    ['SecurityGroupRuleInvalidProtocol', { direction: 'ingress', protocol: '-1' }],
    ['SecurityGroupRuleInvalidProtocol', { direction: 'ingress', protocol: '__proto__' }],
    ['SecurityGroupProtocolRequiredWithPorts', { direction: 'ingress', port_range_min: 22, port_range_max: 22 }],
    ['SecurityGroupInvalidPortRange', { direction: 'ingress', protocol: 'tcp', port_range_min: 23, port_range_max: 22 }],
    ['SecurityGroupInvalidPortRange', { direction: 'ingress', protocol: 'udp', port_range_min: 0, port_range_max: 65536 }],
    ['SecurityGroupInvalidPortRange', { direction: 'ingress', protocol: 'tcp', port_range_min: 22 }],
    ['SecurityGroupInvalidPortValue', { direction: 'ingress', protocol: 'tcp', port_range_min: '22x', port_range_max: 22 }],
    ['SecurityGroupInvalidIcmpValue', { direction: 'ingress', protocol: 'icmp', port_range_min: 256 }],
    ['SecurityGroupMissingIcmpType', { direction: 'ingress', protocol: 'icmp', port_range_max: 0 }],
    ['SecurityGroupInvalidProtocolForPortRange', { direction: 'ingress', protocol: 'vrrp', port_range_min: 1, port_range_max: 1 }],
    ['SecurityGroupRuleParameterConflict', { direction: 'ingress', ethertype: 'IPv4', remote_ip_prefix: '::/0' }],
    ['SecurityGroupRuleParameterConflict', { direction: 'ingress', ethertype: 'IPv6', remote_ip_prefix: '::ffff:10.0.0.1' }],
    ['SecurityGroupMultipleRemoteEntites', { direction: 'ingress', remote_ip_prefix: '10.0.0.0/8', remote_group_id: 'g' }],
    ['HTTPBadRequest', { direction: 'ingress', remote_ip_prefix: '10.0.0.0/33' }],
    ['SecurityGroupEthertypeConflictWithProtocol', { direction: 'ingress', ethertype: 'IPv4', protocol: 'icmpv6' }],
  ])('is refused as %s', (code, rule) => {
    expect(codeOf(rule)).toBe(code);
  });
});
