import { matchesExtraSpec } from './extra-spec-match.ts';
import { pass, reject, type HostFilter } from './filter.ts';

/** Properties of images as Nova knows them; an operator's own do not count. */
const isStandardProperty = (name: string): boolean => /^(hw|img|os)_/.test(name);

/** Keeps hosts whose aggregates do not restrict an image property to other values. */
export const aggregateImagePropertiesIsolation: HostFilter = {
  name: 'AggregateImagePropertiesIsolation',
  once: true,
  onRebuild: true,
  concerns: ({ spec }) => Object.keys(spec.image?.properties ?? {}).some(isStandardProperty),
  check(host, { spec, settings }) {
    const { aggregate_image_properties_isolation_namespace: namespace, aggregate_image_properties_isolation_separator: separator } =
      settings.filter_scheduler;
    const prefix = namespace === null ? '' : `${namespace}${separator}`;
    for (const [key, allowed] of Object.entries(host.aggregateMetadata)) {
      if (!key.startsWith(prefix)) continue;
      const property = key.slice(prefix.length);
      const value = isStandardProperty(property) ? spec.image?.properties[property] : undefined;
      if (value !== undefined && !allowed.includes(value))
        return reject('kept for other images', `its aggregates want ${property} to be ${allowed.join(' or ')}, not ${value}`);
    }
    return pass;
  },
};

const scope = 'aggregate_instance_extra_specs';

/** Keeps hosts whose aggregates say what the flavor's extra specs ask for: those in this filter's scope, and those in none. */
export const aggregateInstanceExtraSpecsFilter: HostFilter = {
  name: 'AggregateInstanceExtraSpecsFilter',
  once: true,
  concerns: ({ spec }) => Object.keys(spec.flavor.extraSpecs).some((key) => !key.includes(':') || key.startsWith(`${scope}:`)),
  check(host, { spec }) {
    for (const [key, requirement] of Object.entries(spec.flavor.extraSpecs)) {
      if (key.includes(':') && !key.startsWith(`${scope}:`)) continue;
      const name = key.includes(':') ? key.slice(scope.length + 1) : key;
      const values = host.aggregateMetadata[name];
      if (values === undefined) return reject('in no aggregate the flavor asks for', `its aggregates do not say what ${name} is`);
      if (!values.some((value) => matchesExtraSpec(value, requirement)))
        return reject('in no aggregate the flavor asks for', `its aggregates say ${name} is ${values.join(' or ')}, not ${requirement}`);
    }
    return pass;
  },
};

/** Keeps hosts whose aggregates are for the project, or for all. */
export const aggregateMultiTenancyIsolation: HostFilter = {
  name: 'AggregateMultiTenancyIsolation',
  once: true,
  check({ aggregateMetadata }, { spec }) {
    const projects = Object.entries(aggregateMetadata).flatMap(([key, values]) => (key.startsWith('filter_tenant_id') ? values : []));
    return projects.length === 0 || projects.includes(spec.projectId)
      ? pass
      : reject('kept for other projects', 'its aggregates are for other projects');
  },
};

/** Keeps hosts whose aggregates allow the flavor by name, or any. */
export const aggregateTypeAffinityFilter: HostFilter = {
  name: 'AggregateTypeAffinityFilter',
  once: true,
  check({ aggregateMetadata }, { spec }) {
    const flavors = aggregateMetadata['instance_type'];
    return flavors === undefined || flavors.includes(spec.flavor.name)
      ? pass
      : reject('kept for other flavors', `its aggregates are for ${flavors.join(' or ')}`);
  },
};
