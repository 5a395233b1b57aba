/** `2026-08-21T10:11:12Z`, as servers, images and faults show moments. */
export const seconds = (moment: string): string => `${moment.slice(0, 19)}Z`;
/** `2026-08-21T10:11:12.000000`, as everything else does. */
export const microseconds = (moment: string | null): string | null =>
  moment === null ? null : `${moment.slice(0, 19)}.${/\.(\d{1,6})/.exec(moment)?.[1]?.padEnd(6, '0') ?? '000000'}`;
