import { sql } from 'kysely';
import type { HostReport } from '../../../contracts/network-agent.ts';
import { queueEvent } from '../compute-events/queue-event.ts';
import type { NetworkDeps } from '../deps.ts';
import { deviceOwner } from '../resources/ports/device-owners.ts';
import { write } from '../store/write.ts';

interface ReportedPort {
  readonly id: string;
  readonly device_id: string;
  readonly device_owner: string;
}

/** Takes in what a host says of itself: ports it has wired become active, ports it has lost go down, and compute is told of both. */
export async function takeReport(deps: NetworkDeps, host: string, report: HostReport): Promise<void> {
  await write(deps, async (tx, touched) => {
    const now = deps.clock.now();
    const events = { tx, touched, now };
    const wired = [...new Set(report.wiredPortIds)];
    const agent = await tx
      .selectFrom('agents')
      .select(['wish_revision', 'configurations'])
      .where('host', '=', host)
      .forUpdate()
      .executeTakeFirst();
    if (agent === undefined) return;
    await tx
      .updateTable('agents')
      .set({ configurations: JSON.stringify(report.agent.configurations), problems: JSON.stringify(report.problems) })
      .where('host', '=', host)
      .execute();
    // where the others' tunnels end is part of every host's wish
    if (agent.configurations['tunneling_ip'] !== report.agent.configurations['tunneling_ip']) {
      for (const other of await tx.selectFrom('agents').select('host').execute()) touched.hosts.add(other.host);
    }

    if (deps.dataPlane === 'none') return; // ports are active as soon as they are bound

    const { rows: up } = await sql<ReportedPort>`UPDATE ports SET status = 'ACTIVE', revision_number = revision_number + 1
      WHERE id = ANY(${wired}::text[]) AND binding_host = ${host} AND vif_type = 'bridge' AND admin_state_up AND status <> 'ACTIVE'
      RETURNING id, device_id, device_owner`.execute(tx);
    await queueEvent(events, 'network-vif-plugged', ...up);

    const { rows: down } = await sql<ReportedPort>`UPDATE ports SET status = 'DOWN', revision_number = revision_number + 1
      WHERE binding_host = ${host} AND status = 'ACTIVE' AND NOT id = ANY(${wired}::text[])
      RETURNING id, device_id, device_owner`.execute(tx);
    await queueEvent(events, 'network-vif-unplugged', ...down);

    // a port that is prepared on a second host for a live migration
    const { rows: prepared } = await sql<ReportedPort>`UPDATE inactive_bindings i SET wired = true FROM ports p
      WHERE p.id = i.port_id AND i.host = ${host} AND i.port_id = ANY(${wired}::text[]) AND NOT i.wired
      RETURNING p.id, p.device_id, p.device_owner`.execute(tx);
    await queueEvent(events, 'network-vif-plugged', ...prepared);

    if (report.revision >= agent.wish_revision) await servicePortsAreUp(tx, host, report);
  });
}

/** A host that agrees with its newest wish runs the DHCP servers and routers in it, save those it has trouble with. */
async function servicePortsAreUp(tx: Parameters<Parameters<typeof write>[1]>[0], host: string, report: HostReport): Promise<void> {
  const troubled = report.problems.map((problem) => problem.id);
  await sql`UPDATE ports SET status = 'ACTIVE' WHERE status <> 'ACTIVE' AND (
      (device_owner = ${deviceOwner.dhcp} AND network_id IN (SELECT id FROM networks WHERE dhcp_host = ${host} AND NOT id = ANY(${troubled}::text[])))
      OR (device_owner IN (${deviceOwner.routerInterface}, ${deviceOwner.routerGateway}) AND device_id IN (SELECT id FROM routers WHERE host = ${host} AND NOT id = ANY(${troubled}::text[]))))`.execute(
    tx,
  );
  await sql`UPDATE floating_ips SET status = 'ACTIVE' WHERE status <> 'ACTIVE' AND port_id IS NOT NULL
    AND router_id IN (SELECT id FROM routers WHERE host = ${host} AND NOT id = ANY(${troubled}::text[]))`.execute(tx);
}
