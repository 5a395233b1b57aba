import { invalid } from '../../../../lib/errors.ts';
import { Reply } from '../../../../lib/http/route.ts';
import { findCandidates } from '../../../../domain/placement/find-candidates.ts';
import { readCandidateQuery } from '../../../../domain/placement/read-candidate-query.ts';
import { renderCandidates } from '../../candidates/render-candidates.ts';
import { markFresh, route } from '../../deps.ts';
import { noSuchTraits } from '../../errors.ts';
import { unknownNames } from '../../store/names.ts';

export const candidateRoutes = [
  route({
    method: 'GET',
    path: '/allocation_candidates',
    since: '1.10',
    summary: 'List the ways to satisfy a request for resources',
    policy: 'placement:allocation_candidates:list',
    reply: { status: 200 },
    async handle({ ctx, deps }) {
      const request = readCandidateQuery(ctx.rawQuery, ctx);
      const { groups, rootRequired, rootForbidden } = request;
      const [noClass] = await unknownNames(
        deps.database,
        'resource_classes',
        groups.flatMap(({ resources }) => [...resources.keys()]),
      );
      if (noClass !== undefined) throw invalid(`Invalid resource class in resources parameter: No such resource class ${noClass}.`);
      const traits = [
        ...groups.flatMap(({ required, forbidden }) => [...required.flat(), ...forbidden]),
        ...rootRequired,
        ...rootForbidden,
      ];
      const missing = await unknownNames(deps.database, 'traits', traits);
      if (missing.length > 0) throw noSuchTraits(missing);
      const view = await deps.view.read();
      markFresh(ctx, deps);
      const found = findCandidates(view, request, deps.randomizes ? Number.parseInt(deps.ids.uuid().slice(0, 8), 16) : undefined);
      if (found.cut) deps.log.warn({ candidates: found.candidates.length, query: ctx.rawQuery }, 'the search for candidates was cut');
      return new Reply(200, Buffer.from(renderCandidates(view, found, ctx)), {
        'content-type': 'application/json',
        ...(found.cut ? { 'x-kilonova-incomplete': 'the search ended at its bounds; there may be more candidates' } : {}),
      });
    },
  }),
];
