import type { Expectation } from '../verdict.ts';

const ofTempest = 'skipped by Tempest itself, for a bug of its own';
const pretended = 'guests are pretended: nobody can log in to them';

/** What Tempest cannot find good, or does not try, on a cloud such as ours; each with its reason. */
export const tempestExpectations: readonly Expectation[] = [
  {
    outcome: 'failed',
    name: /test_live_migration_serial_console$/,
    says: /not in ''/,
    because:
      'this Tempest cannot send text over a WebSocket: its send_frame takes letters for numbers (ValueError) before anything is sent',
  },
  {
    outcome: 'failed',
    name: /test_multiattach_rw_volume_update_failure$/,
    says: /not being migrated by the volume service/,
    because:
      'wants a swap refused with 400 for its attachments; Nova refuses it before that, with 409, unless the volume service is migrating the volume',
  },
  {
    outcome: 'skipped',
    says: /nova-network is (gone|not available)/,
    because: 'nova-network is gone from Nova since Rocky; its routes answer 404 or 410',
  },
  {
    outcome: 'skipped',
    says: /FixedIPs\w+ skipped as neutron is available/,
    because: 'os-fixed-ips is gone from Nova since Rocky; its routes answer 410',
  },
  {
    outcome: 'skipped',
    says: /os-agents API is not supported/,
    because: 'os-agents is gone from Nova since Victoria; its routes answer 410',
  },
  {
    outcome: 'skipped',
    says: /Nova cert is not available/,
    because: 'os-certificates is gone from Nova since Ocata; its routes answer 410',
  },
  { outcome: 'skipped', says: /resetNetwork server action is not supported/, because: 'os-resetNetwork is gone from Nova since Victoria' },
  {
    outcome: 'skipped',
    says: /Swapping volumes is not supported/,
    because: 'Nova swaps a volume in the course of a migration by the volume service only; the embedded one migrates none',
  },
  {
    outcome: 'skipped',
    says: /Neutron (does not check|allows duplicate)/,
    because: 'asks for what nova-network did; security groups are those of the network service',
  },
  { outcome: 'skipped', says: /Skipped until bug/, because: ofTempest },
  { outcome: 'skipped', says: /[Vv]alidation (tests are disabled|should be enabled|must be enabled|is not enabled)/, because: pretended },
  { outcome: 'skipped', says: /[Vv]alidation.*(required|disabled)|SSH/, because: pretended },
  { outcome: 'skipped', says: /network extension: trunk is not enabled/, because: 'the embedded network service has no trunks' },
  {
    outcome: 'skipped',
    says: /volume service is not available|Cinder (is )?not available|Cinder isn't available/i,
    because: 'the cloud has no volume service',
  },
  { outcome: 'skipped', says: /unified limits/i, because: 'unified limits are off: quotas are those of Compute itself' },
];
