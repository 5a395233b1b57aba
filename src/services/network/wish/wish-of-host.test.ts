import { describe, expect, it } from 'vitest';
import { wishOfHost } from './wish-of-host.ts';
import type { PortOfWish, WishRows } from './wish-rows.ts';

const port = (id: string, more: Partial<PortOfWish> = {}): PortOfWish => ({
  id,
  network_id: 'net-1',
  device_id: '',
  mac_address: `fa:16:3e:00:00:0${id.length}`,
  fixed_ips: [],
  allowed_address_pairs: [],
  port_security_enabled: true,
  security_groups: [],
  admin_state_up: true,
  ...more,
});

const nothing: WishRows = {
  host: 'h1',
  networks: [],
  subnets: [],
  ports: [],
  dhcpPorts: [],
  leases: [],
  routers: [],
  routerPorts: [],
  floatingIps: [],
  rules: [],
  members: [],
  peers: [],
};

const anyRule = {
  direction: 'ingress',
  ethertype: 'IPv4',
  protocol: null,
  port_range_min: null,
  port_range_max: null,
  remote_ip_prefix: null,
  remote_group_id: null,
};

const whole: WishRows = {
  ...nothing,
  networks: [
    { id: 'net-1', mtu: 1450, external: false, network_type: 'vxlan', segmentation_id: 7, dhcp_host: 'h1' },
    { id: 'net-2', mtu: 1500, external: true, network_type: 'local', segmentation_id: null, dhcp_host: null },
  ],
  subnets: [
    {
      id: 'sub-1',
      network_id: 'net-1',
      cidr: '10.0.0.0/24',
      gateway_ip: '10.0.0.1',
      enable_dhcp: true,
      dns_nameservers: ['9.9.9.9'],
      host_routes: [{ destination: '10.9.0.0/16', nexthop: '10.0.0.5' }],
    },
    {
      id: 'sub-2',
      network_id: 'net-2',
      cidr: '172.24.4.0/24',
      gateway_ip: '172.24.4.1',
      enable_dhcp: false,
      dns_nameservers: [],
      host_routes: [],
    },
  ],
  ports: [
    port('aaaaaaaa-bbbb-cccc', {
      fixed_ips: [{ subnet_id: 'sub-1', ip_address: '10.0.0.7' }],
      security_groups: ['group-1'],
      allowed_address_pairs: [
        { ip_address: '10.0.0.99', mac_address: 'fa:16:3e:00:00:99' },
        { ip_address: 'fd00::/64', mac_address: 'fa:16:3e:00:00:98' },
      ],
    }),
  ],
  dhcpPorts: [port('dhcp', { fixed_ips: [{ subnet_id: 'sub-1', ip_address: '10.0.0.2' }] })],
  leases: [
    {
      port_id: 'aaaaaaaa-bbbb-cccc',
      network_id: 'net-1',
      mac_address: 'fa:16:3e:00:00:01',
      ip_address: '10.0.0.7',
      dns_name: 'web.example.org',
      device_id: 'server-1',
      device_owner: 'compute:nova',
      project_id: 'alpha',
    },
    {
      port_id: 'elsewhere',
      network_id: 'net-1',
      mac_address: 'fa:16:3e:00:00:02',
      ip_address: '10.0.0.8',
      dns_name: '',
      device_id: 'router-1',
      device_owner: 'network:router_interface',
      project_id: 'alpha',
    },
  ],
  routers: [
    {
      id: 'router-1',
      admin_state_up: true,
      gateway_port_id: 'gateway',
      enable_snat: true,
      routes: [{ destination: '10.8.0.0/16', nexthop: '10.0.0.6' }],
    },
    { id: 'router-2', admin_state_up: false, gateway_port_id: null, enable_snat: true, routes: [] },
  ],
  routerPorts: [
    port('gateway', { network_id: 'net-2', device_id: 'router-1', fixed_ips: [{ subnet_id: 'sub-2', ip_address: '172.24.4.9' }] }),
    port('inside', { device_id: 'router-1', fixed_ips: [{ subnet_id: 'sub-1', ip_address: '10.0.0.1' }] }),
  ],
  floatingIps: [{ id: 'fip', router_id: 'router-1', floating_ip_address: '172.24.4.10', fixed_ip_address: '10.0.0.7' }],
  rules: [
    { ...anyRule, id: 'rule-1', security_group_id: 'group-1', remote_group_id: 'group-2' },
    {
      ...anyRule,
      id: 'rule-2',
      security_group_id: 'group-1',
      protocol: 'tcp',
      port_range_min: 22,
      port_range_max: 22,
      remote_ip_prefix: '0.0.0.0/0',
    },
  ],
  members: ['10.0.0.7', '10.0.1.0/24', '10.0.1.5', '10.0.1.5/32', 'fd00::5'].map((address) => ({ security_group_id: 'group-2', address })),
  peers: [{ host: 'h2', tunnel_ip: '192.0.2.2' }],
};

describe('the wish of a host', () => {
  it('is empty where nothing concerns it', () => {
    expect(wishOfHost(nothing)).toEqual({ networks: [], ports: [], routers: [], securityGroups: [], peers: [] });
  });

  it('holds everything that concerns it', () => {
    expect(wishOfHost(whole)).toMatchInlineSnapshot(`
      {
        "networks": [
          {
            "dhcp": {
              "addresses": [
                "10.0.0.2/24",
              ],
              "macAddress": "fa:16:3e:00:00:04",
              "portId": "dhcp",
            },
            "external": false,
            "id": "net-1",
            "leases": [
              {
                "deviceId": "server-1",
                "hostName": "web",
                "ipAddress": "10.0.0.7",
                "macAddress": "fa:16:3e:00:00:01",
                "portId": "aaaaaaaa-bbbb-cccc",
                "projectId": "alpha",
              },
              {
                "deviceId": null,
                "hostName": "host-10-0-0-8",
                "ipAddress": "10.0.0.8",
                "macAddress": "fa:16:3e:00:00:02",
                "portId": "elsewhere",
                "projectId": null,
              },
            ],
            "mtu": 1450,
            "segmentationId": 7,
            "subnets": [
              {
                "cidr": "10.0.0.0/24",
                "dhcpEnabled": true,
                "dnsNameservers": [
                  "9.9.9.9",
                ],
                "gatewayIp": "10.0.0.1",
                "hostRoutes": [
                  {
                    "destination": "10.9.0.0/16",
                    "nexthop": "10.0.0.5",
                  },
                ],
                "id": "sub-1",
              },
            ],
          },
          {
            "dhcp": null,
            "external": true,
            "id": "net-2",
            "leases": [],
            "mtu": 1500,
            "segmentationId": null,
            "subnets": [
              {
                "cidr": "172.24.4.0/24",
                "dhcpEnabled": false,
                "dnsNameservers": [],
                "gatewayIp": "172.24.4.1",
                "hostRoutes": [],
                "id": "sub-2",
              },
            ],
          },
        ],
        "peers": [
          {
            "host": "h2",
            "tunnelIp": "192.0.2.2",
          },
        ],
        "ports": [
          {
            "adminStateUp": true,
            "allowedAddressPairs": [
              {
                "ipAddress": "10.0.0.99/32",
                "macAddress": "fa:16:3e:00:00:99",
              },
              {
                "ipAddress": "fd00::/64",
                "macAddress": "fa:16:3e:00:00:98",
              },
            ],
            "device": "tapaaaaaaaa-bb",
            "id": "aaaaaaaa-bbbb-cccc",
            "ipAddresses": [
              "10.0.0.7",
            ],
            "macAddress": "fa:16:3e:00:00:018",
            "networkId": "net-1",
            "portSecurityEnabled": true,
            "securityGroupIds": [
              "group-1",
            ],
          },
        ],
        "routers": [
          {
            "floatingIps": [
              {
                "fixedIpAddress": "10.0.0.7",
                "floatingIpAddress": "172.24.4.10",
                "id": "fip",
              },
            ],
            "gateway": {
              "addresses": [
                "172.24.4.9/24",
              ],
              "macAddress": "fa:16:3e:00:00:07",
              "networkId": "net-2",
              "nextHop": "172.24.4.1",
              "portId": "gateway",
              "snat": true,
            },
            "id": "router-1",
            "interfaces": [
              {
                "addresses": [
                  "10.0.0.1/24",
                ],
                "macAddress": "fa:16:3e:00:00:06",
                "networkId": "net-1",
                "portId": "inside",
              },
            ],
            "routes": [
              {
                "destination": "10.8.0.0/16",
                "nexthop": "10.0.0.6",
              },
            ],
          },
        ],
        "securityGroups": [
          {
            "id": "group-1",
            "memberAddresses": [],
            "rules": [
              {
                "direction": "ingress",
                "ethertype": "IPv4",
                "id": "rule-1",
                "portRangeMax": null,
                "portRangeMin": null,
                "protocol": null,
                "remoteGroupId": "group-2",
                "remoteIpPrefix": null,
              },
              {
                "direction": "ingress",
                "ethertype": "IPv4",
                "id": "rule-2",
                "portRangeMax": 22,
                "portRangeMin": 22,
                "protocol": "tcp",
                "remoteGroupId": null,
                "remoteIpPrefix": "0.0.0.0/0",
              },
            ],
          },
          {
            "id": "group-2",
            "memberAddresses": [
              "10.0.0.7/32",
              "10.0.1.0/24",
              "fd00::5/128",
            ],
            "rules": [],
          },
        ],
      }
    `);
  });

  it('gives leases only to the host that serves the network', () => {
    const elsewhere = wishOfHost({ ...whole, host: 'h3' });
    expect(elsewhere.networks.map(({ dhcp, leases }) => ({ dhcp, leases }))).toEqual([
      { dhcp: null, leases: [] },
      { dhcp: null, leases: [] },
    ]);
  });
});
