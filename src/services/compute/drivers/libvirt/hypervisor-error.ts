import { conflict, internal, notFound, unavailable, unsupported } from '../../../../lib/errors.ts';
import { LibvirtConnectionError, LibvirtError, LibvirtTimeoutError } from '../../../../lib/libvirt/index.ts';

/** A failure of libvirt in our words: what a user may read, the daemon's own message as the cause. */
export function hypervisorError(error: unknown): unknown {
  if (error instanceof LibvirtError) {
    const said = withoutPaths(error.message);
    const options = { cause: error };
    switch (error.errorName) {
      case 'noDomain':
        return notFound('The hypervisor does not know the guest.', { ...options, code: 'guest-not-found' });
      case 'operationInvalid':
        return conflict(`The guest's state does not allow it: ${said}`, { ...options, code: 'power-state' });
      case 'domainExists':
        return conflict('A guest of that name is on the hypervisor already.', { ...options, code: 'guest-exists' });
      case 'configUnsupported':
      case 'xmlError':
      case 'xmlDetail':
      case 'xmlInvalidSchema':
      case 'argumentUnsupported':
      case 'operationUnsupported':
      case 'noSupport':
      case 'cpuIncompatible':
        return unsupported(`The hypervisor cannot make such a guest: ${said}`, options);
      default:
        return internal(`The hypervisor failed: ${said}`, options);
    }
  }
  if (error instanceof LibvirtConnectionError || error instanceof LibvirtTimeoutError) {
    return unavailable('The hypervisor does not answer.', { cause: error, code: 'hypervisor-away' });
  }
  return error;
}

/** Paths of the host are none of a user's business. */
const withoutPaths = (message: string): string => message.replaceAll(/(^|[\s'"(=])\/[^\s'",)]+/g, '$1…').slice(0, 500);
