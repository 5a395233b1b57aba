/** Limits and names of the volume service, under Cinder's option names. */
export interface VolumeSettings {
  /** What a project may have unless its own quota says otherwise; -1 is unlimited. */
  readonly quotaVolumes: number;
  readonly quotaSnapshots: number;
  readonly quotaGigabytes: number;
  readonly perVolumeSizeLimit: number;
  /** Name of the type of volumes that ask for none. */
  readonly defaultVolumeType: string;
  readonly availabilityZone: string;
  /** Items of a page at most. */
  readonly maxLimit: number;
  /** Address that NBD exports for other hosts listen on; empty serves this host only. */
  readonly nbdListen: string;
  /** Directory with the certificates that exports over TCP are secured by; empty is none. */
  readonly nbdTlsDirectory: string;
  /** Long operations that run at the same time. */
  readonly concurrentTasks: number;
}

export const defaultVolumeSettings: VolumeSettings = {
  quotaVolumes: 10,
  quotaSnapshots: 10,
  quotaGigabytes: 1000,
  perVolumeSizeLimit: -1,
  defaultVolumeType: '__DEFAULT__',
  availabilityZone: 'nova',
  maxLimit: 1000,
  nbdListen: '',
  nbdTlsDirectory: '',
  concurrentTasks: 3,
};
