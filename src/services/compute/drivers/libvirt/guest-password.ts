import { conflict, unsupported } from '../../../../lib/errors.ts';
import { isLibvirtError, setUserPassword, type DomainRef, type LibvirtClient } from '../../../../lib/libvirt/index.ts';

/** Has the agent inside a guest set a password. What goes wrong is told without it. */
export async function setGuestPassword(client: LibvirtClient, domain: DomainRef, user: string, password: string): Promise<void> {
  try {
    await setUserPassword(client, domain, user, password);
  } catch (error) {
    if (isLibvirtError(error, 'argumentUnsupported', 'configUnsupported'))
      throw conflict('QEMU guest agent is not enabled', { code: 'no-agent', cause: error });
    if (isLibvirtError(error, 'agentUnresponsive'))
      throw unsupported('Unable to set password on instance', { code: 'no-agent', cause: error });
    if (isLibvirtError(error, 'internalError', 'operationFailed', 'agentUnsynced'))
      throw conflict(`Failed to set admin password on ${domain.uuid} because the agent in the guest refused it`, { cause: error });
    throw error;
  }
}
