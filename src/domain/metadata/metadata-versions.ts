/** Versions of the EC2 tree; `latest` is the last. */
export const ec2Versions = [
  '1.0',
  '2007-01-19',
  '2007-03-01',
  '2007-08-29',
  '2007-10-10',
  '2007-12-15',
  '2008-02-01',
  '2008-09-01',
  '2009-04-04',
] as const;
export type Ec2Version = (typeof ec2Versions)[number];

/** Versions of the OpenStack tree; `latest` is the last. */
export const openstackVersions = [
  '2012-08-10',
  '2013-04-04',
  '2013-10-17',
  '2015-10-15',
  '2016-06-30',
  '2016-10-06',
  '2017-02-22',
  '2018-08-27',
  '2020-10-14',
  '2025-04-04',
] as const;
export type OpenstackVersion = (typeof openstackVersions)[number];

/** The version a path names, or null. */
export const ec2Version = (text: string): Ec2Version | null =>
  text === 'latest' ? '2009-04-04' : (ec2Versions.find((version) => version === text) ?? null);
export const openstackVersion = (text: string): OpenstackVersion | null =>
  text === 'latest' ? '2025-04-04' : (openstackVersions.find((version) => version === text) ?? null);

/** Whether something that came with `since` is in `version`; `1.0` is older than all dates. */
export const has = <V extends string>(version: V, since: NoInfer<V>): boolean =>
  version === '1.0' ? since === '1.0' : since === '1.0' || version >= since;
