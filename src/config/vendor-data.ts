import { readFileSync } from 'node:fs';
import { invalid } from '../lib/errors.ts';
import type { Settings } from './nova-conf.ts';

/** The operator's static vendor data, which every guest is shown; a file that cannot be read is an error that names it. */
export function staticVendorData(settings: Settings): Readonly<Record<string, unknown>> {
  const path = settings.api.vendordata_jsonfile_path;
  if (path === null) return {};
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw invalid(`[api] vendordata_jsonfile_path: ${path} cannot be read as JSON.`, { cause: error });
  }
}
