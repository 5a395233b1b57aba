import { networkInterfaces } from 'node:os';

/** Networks on this host begin with these three bytes. */
const taken = (): ReadonlySet<string> =>
  new Set(
    Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ family }) => family === 'IPv4')
      .map(({ address }) => address.split('.').slice(0, 3).join('.')),
  );

/** Two networks of 256 addresses that clash with nothing on this host, other clouds on it included: for servers, and for their floating IPs. */
export function freeNetworks(): { readonly privateCidr: string; readonly externalCidr: string } {
  const used = taken();
  const first = (prefix: string, from: number): string => {
    for (let third = from; third < 256; third++) if (!used.has(`${prefix}.${third}`)) return `${prefix}.${third}.0/24`;
    return `${prefix}.${from}.0/24`;
  };
  return { privateCidr: first('10.20', 0), externalCidr: first('172.24', 4) };
}
