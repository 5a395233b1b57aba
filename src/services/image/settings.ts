/** Limits of the image service, under Glance's option names. */
export interface ImageLimits {
  /** Most bytes of one image. */
  readonly imageSizeCap: number;
  /** Most bytes of all images of a project; null is unlimited. */
  readonly userStorageQuota: number | null;
  readonly imagePropertyQuota: number;
  readonly imageTagQuota: number;
  readonly imageMemberQuota: number;
  /** Items of a page when none are asked for, and at most. */
  readonly limitParamDefault: number;
  readonly apiLimitMax: number;
}

export const defaultLimits: ImageLimits = {
  imageSizeCap: 1_099_511_627_776,
  userStorageQuota: null,
  imagePropertyQuota: 128,
  imageTagQuota: 128,
  imageMemberQuota: 128,
  limitParamDefault: 25,
  apiLimitMax: 1000,
};
