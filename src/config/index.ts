export { loadSettings, readSettings, sampleConf, type LoadedSettings, type Settings } from './nova-conf.ts';
export { staticVendorData } from './vendor-data.ts';
export { policyOverrides } from './policy-file.ts';
