import { api, quota, osloLimit, osloPolicy, cors } from './groups/api.ts';
import { vnc, spice, serialConsole, mks, console, consoleauth } from './groups/consoles.ts';
import { defaults } from './groups/defaults.ts';
import { compute, libvirt, imageCache } from './groups/hypervisor.ts';
import { kilonova } from './groups/kilonova.ts';
import { database, apiDatabase, keystoneAuthtoken, neutron, glance, cinder } from './groups/neighbours.ts';
import { scheduler, filterScheduler, metrics, pci, workarounds, placement } from './groups/scheduling.ts';

/** Every setting, under Nova's own group and option names; what Kilonova adds is in `[kilonova]`. */
export const novaSchema = {
  DEFAULT: defaults,
  api,
  database,
  api_database: apiDatabase,
  quota,
  oslo_limit: osloLimit,
  scheduler,
  filter_scheduler: filterScheduler,
  metrics,
  pci,
  workarounds,
  image_cache: imageCache,
  libvirt,
  vnc,
  spice,
  serial_console: serialConsole,
  mks,
  console,
  consoleauth,
  neutron,
  glance,
  compute,
  cinder,
  placement,
  cors,
  keystone_authtoken: keystoneAuthtoken,
  oslo_policy: osloPolicy,
  kilonova,
};
