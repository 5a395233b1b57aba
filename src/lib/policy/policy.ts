import { invalid } from '../errors.ts';
import type { Caller } from '../http/caller.ts';

/** What a rule is asked about: attributes of the thing, such as its `project_id`. */
export type PolicyTarget = Readonly<Record<string, unknown>>;

/** One rule of a service, in oslo.policy's language. */
export interface PolicyRule {
  readonly check: string;
  readonly description: string;
}

export interface Policy {
  /** Whether `caller` may do what `rule` guards to `target`. An unknown rule refuses everybody. */
  allows(rule: string, caller: Caller, target: PolicyTarget): boolean;
  readonly rules: ReadonlyMap<string, string>;
}

type Check = (caller: Caller, target: PolicyTarget) => boolean;

/** Credentials under the names policy files use for them. */
const credential: Readonly<Record<string, (caller: Caller) => unknown>> = {
  user_id: (c) => c.userId,
  project_id: (c) => c.projectId,
  tenant_id: (c) => c.projectId,
  domain_id: (c) => c.domainId,
  user_domain_id: (c) => c.userDomainId,
  project_domain_id: (c) => c.projectDomainId,
  is_admin: (c) => c.isAdmin,
  system_scope: (c) => (c.system ? 'all' : null),
};

/**
 * Compiles the rules of a service; `overrides` are those of the operator's policy file and win.
 * The language is oslo.policy's: `role:`, `rule:`, `attribute:%(target)s`, `@`, `!`, `not`, `and`, `or`, parentheses.
 */
export function createPolicy(defaults: Readonly<Record<string, PolicyRule>>, overrides: Readonly<Record<string, string>> = {}): Policy {
  const sources = new Map(Object.entries(defaults).map(([name, { check }]) => [name, check]));
  for (const [name, check] of Object.entries(overrides)) sources.set(name, check);
  const compiled = new Map<string, Check>();
  const inProgress = new Set<string>();

  const compileRule = (name: string): Check => {
    const done = compiled.get(name);
    if (done !== undefined) return done;
    const source = sources.get(name);
    if (source === undefined) return () => false;
    if (inProgress.has(name)) throw invalid(`Policy rule '${name}' refers to itself.`);
    inProgress.add(name);
    const check = parse(name, source, compileRule);
    inProgress.delete(name);
    compiled.set(name, check);
    return check;
  };
  for (const name of sources.keys()) compileRule(name);
  return { rules: sources, allows: (rule, caller, target) => compiled.get(rule)?.(caller, target) ?? false };
}

/** Recursive descent over `or` < `and` < `not` < atom, as oslo.policy reads a check string. */
function parse(name: string, source: string, ruleNamed: (name: string) => Check): Check {
  const tokens = source.match(/\(|\)|[^\s()]*%\([^)]*\)s[^\s()]*|[^\s()]+/g) ?? [];
  let next = 0;
  const fail = (): never => {
    throw invalid(`Policy rule '${name}' cannot be read: '${source}' near '${tokens[next] ?? 'its end'}'.`);
  };
  const either = (): Check => {
    let left = both();
    while (tokens[next]?.toLowerCase() === 'or') {
      next++;
      const [a, b] = [left, both()];
      left = (c, t) => a(c, t) || b(c, t);
    }
    return left;
  };
  const both = (): Check => {
    let left = unary();
    while (tokens[next]?.toLowerCase() === 'and') {
      next++;
      const [a, b] = [left, unary()];
      left = (c, t) => a(c, t) && b(c, t);
    }
    return left;
  };
  const unary = (): Check => {
    const token = tokens[next++];
    if (token === undefined) return fail();
    if (token.toLowerCase() === 'not') {
      const inner = unary();
      return (c, t) => !inner(c, t);
    }
    if (token === '(') {
      const inner = either();
      if (tokens[next++] !== ')') fail();
      return inner;
    }
    return atom(token);
  };
  const atom = (token: string): Check => {
    if (token === '@') return () => true;
    if (token === '!') return () => false;
    const colon = token.indexOf(':');
    if (colon < 0) return fail();
    const [kind, match] = [token.slice(0, colon), token.slice(colon + 1)];
    if (kind === 'rule') return ruleNamed(match);
    if (kind === 'role') return (c) => c.roles.includes(match.toLowerCase());
    const attribute = /^%\((.+)\)s$/.exec(match)?.[1];
    const has = credential[kind];
    const left: (c: Caller) => unknown = has ?? (() => kind.replaceAll(/^['"]|['"]$/g, ''));
    return (c, t) => {
      const wanted = attribute === undefined ? match : t[attribute];
      const owned = left(c);
      return wanted !== undefined && wanted !== null && owned !== null && String(owned).toLowerCase() === String(wanted).toLowerCase();
    };
  };
  if (source.trim() === '') return () => true;
  const check = either();
  if (next < tokens.length) fail();
  return check;
}
