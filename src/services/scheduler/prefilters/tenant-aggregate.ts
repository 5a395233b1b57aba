import type { Prefilter } from './prefilter.ts';

/** Keeps a project to the aggregates that name it in a key beginning with `filter_tenant_id`. */
export const requireTenantAggregate: Prefilter = {
  name: 'require_tenant_aggregate',
  apply({ spec, settings, aggregates }, { memberOf }) {
    if (!settings.scheduler.limit_tenants_to_placement_aggregate) return null;
    const own = aggregates.filter(({ metadata }) =>
      Object.entries(metadata).some(([key, value]) => key.startsWith('filter_tenant_id') && value === spec.projectId),
    );
    if (own.length > 0) memberOf.push(own.map(({ uuid }) => uuid));
    else if (settings.scheduler.placement_aggregate_required_for_tenants) return `No hosts available for tenant ${spec.projectId}`;
    return null;
  },
};
