import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { invalid, messageOf } from '../lib/errors.ts';
import type { Settings } from './nova-conf.ts';

/** The rules of the operator's `[oslo_policy] policy_file`, by name; none when there is no such file. A relative path begins where nova.conf lies. */
export function policyOverrides(settings: Settings, novaConf: string): Readonly<Record<string, string>> {
  const path = resolve(dirname(novaConf), settings.oslo_policy.policy_file);
  if (!existsSync(path)) return {};
  let rules: unknown;
  try {
    rules = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw invalid(`The policy file ${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  const entries = Object.entries(rules ?? {});
  const wrong = entries.find(([, check]) => typeof check !== 'string');
  if (wrong !== undefined || typeof rules !== 'object')
    throw invalid(`The policy file ${path}: rule '${wrong?.[0] ?? ''}' must be a text such as "role:admin".`);
  return Object.fromEntries(entries) as Record<string, string>;
}
