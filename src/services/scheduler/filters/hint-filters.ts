import { BlockList, isIP } from 'node:net';
import { pass, reject, type HostFilter, type Placing } from './filter.ts';

const hint = ({ spec }: Placing, name: string): readonly string[] => spec.schedulerHints[name] ?? [];

/** Keeps hosts that run none of the servers of the hint `different_host`. */
export const differentHostFilter: HostFilter = {
  name: 'DifferentHostFilter',
  once: true,
  concerns: (placing) => hint(placing, 'different_host').length > 0,
  check(host, placing) {
    const there = hint(placing, 'different_host').some((id) => placing.hintedHosts.get(id) === host.host);
    return there ? reject('with a server this one must not be beside', 'it runs a server of the hint different_host') : pass;
  },
};

/** Keeps hosts that run one of the servers of the hint `same_host`. */
export const sameHostFilter: HostFilter = {
  name: 'SameHostFilter',
  once: true,
  concerns: (placing) => hint(placing, 'same_host').length > 0,
  check(host, placing) {
    const ids = hint(placing, 'same_host');
    if (ids.length === 0 || ids.some((id) => placing.hintedHosts.get(id) === host.host)) return pass;
    return reject('without a server this one must be beside', 'it runs no server of the hint same_host');
  },
};

/** Keeps hosts whose address is in the network of the hints `build_near_host_ip` and `cidr`. */
export const simpleCidrAffinityFilter: HostFilter = {
  name: 'SimpleCIDRAffinityFilter',
  once: true,
  concerns: (placing) => hint(placing, 'build_near_host_ip').length > 0,
  check(host, placing) {
    const [address] = hint(placing, 'build_near_host_ip');
    if (address === undefined) return pass;
    const [cidr = '/24'] = hint(placing, 'cidr');
    return isWithin(host.facts.hostIp, address, Number(cidr.replace(/^\//, '')))
      ? pass
      : reject('in another network of hosts', `its address is not in ${address}/${cidr.replace(/^\//, '')}`);
  },
};

function isWithin(ip: string, network: string, bits: number): boolean {
  const [version, wanted] = [isIP(ip), isIP(network)];
  if (version === 0 || version !== wanted || !Number.isInteger(bits) || bits < 0 || bits > (version === 4 ? 32 : 128)) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(network, bits, family);
  return list.check(ip, family);
}
