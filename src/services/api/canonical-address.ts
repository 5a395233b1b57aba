import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { invalid } from '../../lib/errors.ts';

/** The one spelling of an address (RFC 5952 for version 6), as it is kept and shown whichever way it came. */
export function canonicalAddress(field: 'accessIPv4' | 'accessIPv6', text: string): string {
  const version = field === 'accessIPv4' ? 4 : 6;
  if (isIP(text) !== version || text.includes('%'))
    throw invalid(`Invalid input for field/attribute ${field}. Value: ${text}. '${text}' is not a 'ipv${version}'`);
  return ipaddr.parse(text).toString();
}
