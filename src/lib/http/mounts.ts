import type { Caller } from './caller.ts';
import { HttpError } from './http-error.ts';
import type { Mount } from './service-spec.ts';

/** The prefixes that a service's routes are served under. */
export interface Mounts {
  readonly all: readonly Mount[];
  /** The mount a route belongs to, the longest that fits. */
  of(routeUrl: string): Mount | undefined;
  /** Whether a path is below a mount that names no project. */
  reach(path: string): boolean;
  /** Refuses a project in the URL that is not the caller's. */
  checkProject(params: Readonly<Record<string, string>>, caller: Caller | null): void;
}

export function mountsOf(given: readonly (string | Mount)[] = ['']): Mounts {
  const all = given.map((mount): Mount => (typeof mount === 'string' ? { prefix: mount } : mount));
  const byRoute = new Map<string, Mount | undefined>(); // there are few routes, each asked for many times
  const namesProject = all.some(({ prefix }) => prefix.includes(':projectId'));
  return {
    all,
    of(routeUrl) {
      if (!byRoute.has(routeUrl)) {
        const fitting = all.filter(({ prefix }) => routeUrl.startsWith(prefix));
        byRoute.set(routeUrl, fitting.toSorted((a, b) => b.prefix.length - a.prefix.length)[0]);
      }
      return byRoute.get(routeUrl);
    },
    reach: (path) => all.some(({ prefix }) => !prefix.includes(':') && path.startsWith(`${prefix}/`) && path.length > prefix.length + 1),
    checkProject(params, caller) {
      const inUrl = params['projectId'];
      if (inUrl === undefined || caller === null || !namesProject || inUrl === caller.projectId) return;
      throw new HttpError(
        400,
        `Malformed request URL: URL's project_id '${inUrl}' doesn't match Context's project_id '${caller.projectId ?? ''}'`,
      );
    },
  };
}
