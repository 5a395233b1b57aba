import { readFile } from 'node:fs/promises';
import { programs } from '../../../lib/command/programs.ts';
import { runCommand } from '../../../lib/command/run-command.ts';
import { messageOf } from '../../../lib/errors.ts';
import { good, missing, warning, type Check } from '../check.ts';
import { inNamespace } from '../in-namespace.ts';

/** What an ability of the kernel or of a program is tried with, inside a namespace that is thrown away. */
interface Trial {
  readonly id: string;
  readonly about: string;
  readonly commands: readonly {
    readonly program: 'ip' | 'nft' | 'conntrack' | 'sysctl';
    readonly args: readonly string[];
    readonly input?: string;
  }[];
  readonly works: string;
  readonly remedy: string;
}

const link = (name: string, ...how: readonly string[]) => ({ program: 'ip', args: ['link', 'add', 'name', name, ...how] }) as const;
const ruleset = (input: string) => ({ program: 'nft', args: ['-f', '-'], input }) as const;

const trials: readonly Trial[] = [
  {
    id: 'namespaces',
    about: 'Network namespaces',
    commands: [{ program: 'ip', args: ['link', 'set', 'dev', 'lo', 'up'] }],
    works: 'can be made',
    remedy: 'apt-get install --no-install-recommends iproute2',
  },
  { id: 'bridges', about: 'Bridges', commands: [link('kn-bridge', 'type', 'bridge')], works: 'can be made', remedy: 'modprobe bridge' },
  {
    id: 'veth',
    about: 'Virtual cables',
    commands: [link('kn-a', 'type', 'veth', 'peer', 'name', 'kn-b')],
    works: 'can be made (veth)',
    remedy: 'modprobe veth',
  },
  {
    id: 'nftables',
    about: 'nftables',
    commands: [
      ruleset(`table bridge kn { chain c { type filter hook forward priority 0; ether type ip counter drop
}
}
table inet kn { chain c { type filter hook prerouting priority -150; ct zone set 7
}
}
table ip kn { chain c { type nat hook postrouting priority 100; meta mark 1 masquerade
}
}
`),
    ],
    works: 'bridge filters, connection tracking and address translation',
    remedy: 'modprobe -a nf_tables nft_chain_nat nft_masq nft_ct nft_meta_bridge',
  },
];

const connectionsOfBridges = 'table bridge kn_ct { chain c { type filter hook forward priority 0; ct state established accept\n}\n}\n';

/** What carries the packets of guests. `ip netns` changes nothing for anybody else: every trial has a namespace of its own. */
export const networkChecks: readonly Check[] = [
  ...trials.map(({ id, about, commands, works, remedy }): Check => ({
    id,
    about,
    neededFor: ['realGuests', 'tests'],
    async look(signal) {
      const problem = await inNamespace(id, commands, signal);
      return problem === null ? good(works) : missing(problem, remedy);
    },
  })),
  {
    id: 'bridge-tracking',
    about: 'Security groups',
    neededFor: ['realGuests', 'tests'],
    async look(signal) {
      const netfilter = await readFile('/proc/sys/net/bridge/bridge-nf-call-iptables', 'utf8').then(
        () => true,
        () => false,
      );
      if (netfilter) return good('br_netfilter follows connections on bridges');
      const problem = await inNamespace('bridge-tracking', [ruleset(connectionsOfBridges)], signal);
      return problem === null
        ? good('the kernel follows connections on bridges (NF_CONNTRACK_BRIDGE)')
        : missing(`neither br_netfilter nor bridge conntrack: ${problem}`, 'modprobe br_netfilter || modprobe nf_conntrack_bridge');
    },
  },
  {
    id: 'vxlan',
    about: 'VXLAN',
    neededFor: [],
    async look(signal) {
      const problem = await inNamespace('vxlan', [link('kn-vxlan', 'type', 'vxlan', 'id', '7', 'dstport', '4789')], signal);
      return problem === null ? good('can be made') : warning(`cannot be made: ${problem}; networks stay on one host`, 'modprobe vxlan');
    },
  },
  {
    id: 'conntrack',
    about: 'Forgetting connections',
    neededFor: ['realGuests', 'tests'],
    async look(signal) {
      const problem = await inNamespace('conntrack', [{ program: 'conntrack', args: ['-C'] }], signal);
      return problem === null
        ? good('conntrack reaches the kernel')
        : missing(problem, 'apt-get install --no-install-recommends conntrack; modprobe nf_conntrack_netlink');
    },
  },
  ...(['dnsmasq', 'haproxy'] as const).map((program): Check => ({
    id: program,
    about: program === 'dnsmasq' ? 'DHCP' : 'Metadata proxy',
    neededFor: ['realGuests', 'tests'],
    async look(signal) {
      try {
        const { stdout } = await runCommand({ program, args: [program === 'dnsmasq' ? '--version' : '-v'], signal });
        return good(`${program} ${/version (\S+)/i.exec(stdout)?.[1] ?? 'of unknown version'}`);
      } catch (error) {
        return missing(messageOf(error), `apt-get install --no-install-recommends ${programs[program].package}`);
      }
    },
  })),
  {
    id: 'forwarding',
    about: 'IPv4 forwarding',
    neededFor: [],
    async look() {
      const on = (await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8')).trim() === '1';
      return on
        ? good('on')
        : warning('off: guests reach each other and this host, but nothing beyond it', 'sysctl -w net.ipv4.ip_forward=1');
    },
  },
];
