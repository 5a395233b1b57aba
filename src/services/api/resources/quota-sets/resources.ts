import type { Window } from '../../../../lib/http/microversion.ts';

type Windows = Readonly<Record<string, Window>>;
const all = (names: readonly string[], window: Window): Windows => Object.fromEntries(names.map((name) => [name, window]));

const own = ['instances', 'cores', 'ram', 'metadata_items', 'key_pairs'];
const groups = ['server_groups', 'server_group_members'];
const files = all(['injected_files', 'injected_file_content_bytes', 'injected_file_path_bytes'], { until: '2.56' });
const networks = ['fixed_ips', 'floating_ips', 'security_groups', 'security_group_rules'];

const setWindows = { ...all(own, {}), ...all(groups, {}), ...files, ...all(networks, { until: '2.35' }) };
const classSetWindows = { ...all(own, {}), ...files, ...all(networks, { until: '2.49' }) };

/** Resources with a quota, and when they are seen and may be set. */
export const quotaWindows = {
  set: { shown: setWindows, writable: setWindows },
  classSet: { shown: { ...classSetWindows, ...all(groups, { since: '2.50' }) }, writable: { ...classSetWindows, ...all(groups, {}) } },
} as const satisfies Readonly<Record<string, { readonly shown: Windows; readonly writable: Windows }>>;
