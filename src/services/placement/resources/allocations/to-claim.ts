import type { RequestContext } from '../../../../lib/http/route.ts';
import { does } from '../../microversions.ts';
import type { Claim } from '../../store/allocations.ts';
import type { ConsumerBody } from './bodies.ts';

/** A consumer's part of a body as a claim. Generations guard it in versions that have them. */
export const toClaim = (consumer: string, body: ConsumerBody, ctx: RequestContext): Claim => ({
  consumer,
  projectId: body.project_id,
  userId: body.user_id,
  type: body.consumer_type ?? null,
  generation: does(ctx, 'consumerGenerations') ? (body.consumer_generation ?? null) : undefined,
  allocations: Object.fromEntries(Object.entries(body.allocations).map(([provider, { resources }]) => [provider.toLowerCase(), resources])),
});
