import { enableCompileCache } from 'node:module';
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import type { Inspection } from './services/inspect/inspect.ts';
import type { ManageDeps } from './services/manage/manage-deps.ts';
import type { SagaCommand } from './services/manage/saga/order-saga.ts';
import type { HealOptions } from './services/manage/placement/heal-allocations.ts';

enableCompileCache();

/** `kilonova`: the only file that wires command lines to what they run. Each command loads no more than it needs. */
const version = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;
const write = (text: string): void => void process.stderr.write(text);
const { defaultStatePath } = await import('./services/up/state-directory.ts');

const count =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    return value;
  };
const oneOf =
  <const C extends string>(...choices: readonly C[]) =>
  (text: string): C => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) throw new InvalidArgumentError(`It must be one of ${choices.join(', ')}.`);
    return choice;
  };

const program = new Command('kilonova')
  .description('OpenStack Compute in one command.')
  .version(version)
  .showHelpAfterError()
  .exitOverride();
const withState = (command: Command): Command => command.option('--state <dir>', 'where everything of the cloud lies', defaultStatePath());

interface UpArguments {
  readonly state: string;
  readonly driver?: 'libvirt' | 'fake';
  readonly fakeHosts?: number;
  readonly portBase?: number;
  readonly demo?: true;
  readonly detach?: true;
  readonly destroy?: true;
}

interface AuditArguments {
  readonly state: string;
  readonly verbose?: true;
  readonly delete?: true;
  readonly resource_provider?: string;
}

withState(program.command('up'))
  .description('bring a whole cloud up on this machine')
  .option('--driver <name>', 'libvirt (real guests) or fake (pretended ones)', oneOf('libvirt', 'fake'))
  .option('--fake-hosts <n>', 'how many hosts the fake driver pretends to be', count(1, 100_000))
  .option('--port-base <port>', 'the services take this port and the next ones; 0 lets the system choose', count(0, 65_500))
  .option('--demo', 'boot a server and show each step')
  .option('--detach', 'return when the cloud answers, and leave it running')
  .option('--destroy', 'delete all servers and networks when the cloud is stopped')
  .action(async (args: UpArguments) => {
    if (args.detach === true) {
      const { detach } = await import('./services/up/detach.ts');
      const message = await detach(
        import.meta.filename,
        process.argv.slice(2).filter((argument) => argument !== '--detach'),
        args.state,
      );
      write(message.text);
      process.exitCode = message.up ? 0 : message.exitCode;
      return;
    }
    const { up, welcome, explain, exitCodeOf } = await import('./services/up/up.ts');
    const tellParent = (message: object): void => void process.send?.(message);
    const began = performance.now();
    try {
      const running = await up({
        state: args.state,
        driver: args.driver ?? null,
        fakeHosts: args.fakeHosts ?? null,
        portBase: args.portBase ?? null,
        write,
      });
      const text = welcome(running, (performance.now() - began) / 1000);
      write(text);
      const ended = untilAsked(running, args.destroy === true);
      tellParent({ up: true, text });
      if (args.demo === true)
        await import('./services/up/demo.ts')
          .then(({ demo }) => demo(running, write))
          .catch((error: unknown) => write(`${explain(error)}\n`));
      if (process.send === undefined) write('\nCtrl-C stops the cloud; its servers live on.\n');
      await ended;
    } catch (error) {
      write(`${explain(error)}\n`);
      process.exitCode = exitCodeOf(error);
      tellParent({ up: false, text: `${explain(error)}\n`, exitCode: process.exitCode });
    }
    process.exit();
  });

/** Waits for the signal that stops the cloud, and stops it. A second signal ends at once. */
async function untilAsked(running: { stop(options: { readonly destroy: boolean }): Promise<void> }, destroy: boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<{ readonly destroy: boolean }>();
  let asked = false;
  const ask = (signal: NodeJS.Signals): void => {
    if (asked) process.exit(130);
    asked = true;
    resolve({ destroy: destroy || signal === 'SIGUSR2' });
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, ask);
  const how = await promise;
  write('\nStopping…\n');
  await running.stop(how);
}

withState(program.command('down'))
  .description('stop the cloud; its servers live on')
  .option('--destroy', 'delete all servers and networks first')
  .action(async ({ state, destroy }: { state: string; destroy?: true }) => {
    const { down } = await import('./services/up/detach.ts');
    const ran = await down(state, { timeoutMs: 150_000, destroy: destroy === true });
    write(ran ? `The cloud in ${state} is stopped.\n` : `No cloud runs in ${state}.\n`);
  });

withState(program.command('reset'))
  .description('stop the cloud and remove everything that is its own: guests, networks, data')
  .action(async ({ state }: { state: string }) => {
    const { reset } = await import('./services/up/reset.ts');
    const { guests } = await reset(state);
    write(`The cloud in ${state} is gone, with ${guests} guest${guests === 1 ? '' : 's'}.\n`);
  });

program
  .command('doctor')
  .description('say what this machine can do, and what is missing')
  .option('--json', 'for programs')
  .action(async ({ json }: { json?: true }) => {
    const { doctor } = await import('./services/doctor/doctor.ts');
    process.exitCode = await doctor({ json: json === true, write: (text) => void process.stdout.write(text) });
  });

const inspection = program
  .command('inspect')
  .description('look into a running cloud: what is being done, what is kept true, what is not as it must be');

async function runInspect(state: string, json: boolean, what: Inspection): Promise<void> {
  const [{ inspect, isNoCloud }, { stateDirectory, runningPid }] = await Promise.all([
    import('./services/inspect/inspect.ts'),
    import('./services/up/state-directory.ts'),
  ]);
  const directory = stateDirectory(state);
  const running = (await runningPid(directory)) !== null;
  try {
    process.exitCode = await inspect(
      { statePath: directory.path, openrc: directory.openrc, running, json, write: (text) => void process.stdout.write(text) },
      what,
    );
  } catch (error) {
    if (!isNoCloud(error)) throw error;
    write(`kilonova: ${error.message}\n`);
    process.exitCode = 4;
  }
}

withState(inspection.command('audit'))
  .description('compare what databases, placement, network and hosts say; exit code 1 when they disagree')
  .option('--repair', 'mend what can be mended without asking')
  .option('--host', 'list what belongs to the cloud on this host instead, whether it runs or not')
  .option('--cloud-id <id>', 'with --host: the cloud of a state directory that is gone')
  .option('--earlier <file>', 'with --host: what an earlier --host --json has printed, to see what of it is left')
  .option('--json', 'for programs')
  .action(
    async ({
      state,
      repair,
      host,
      json,
      cloudId,
      earlier,
    }: {
      state: string;
      repair?: true;
      host?: true;
      json?: true;
      cloudId?: string;
      earlier?: string;
    }) => {
      if (host !== true) return runInspect(state, json === true, { what: 'audit', repair: repair === true });
      const [{ hostLeftovers, leftoversText }, { hostMarks }, { stateDirectory, runningPid }] = await Promise.all([
        import('./services/inspect/host-leftovers.ts'),
        import('./services/up/host-marks.ts'),
        import('./services/up/state-directory.ts'),
      ]);
      const directory = stateDirectory(state);
      const running = (await runningPid(directory)) !== null;
      const look = await hostLeftovers(
        await hostMarks(directory, { ...(cloudId === undefined ? {} : { cloudId }), ...(earlier === undefined ? {} : { earlier }) }),
      );
      process.stdout.write(json === true ? `${JSON.stringify(look, null, 2)}\n` : leftoversText(look, running));
      process.exitCode = running || look.leftovers.length === 0 ? 0 : 1;
    },
  );
withState(inspection.command('sagas'))
  .description('list operations that have not ended')
  .option('--all', 'those that have ended, too')
  .option('--json', 'for programs')
  .action(({ state, all, json }: { state: string; all?: true; json?: true }) =>
    runInspect(state, json === true, { what: 'sagas', all: all === true }),
  );
withState(inspection.command('saga'))
  .description('show one operation, step by step')
  .argument('<id>')
  .option('--json', 'for programs')
  .action((id: string, { state, json }: { state: string; json?: true }) => runInspect(state, json === true, { what: 'saga', id }));
withState(inspection.command('moves'))
  .description('list moves of servers that have not ended, with their progress, and the newest that have')
  .option('--all', 'up to a thousand that have ended')
  .option('--json', 'for programs')
  .action(({ state, all, json }: { state: string; all?: true; json?: true }) =>
    runInspect(state, json === true, { what: 'moves', all: all === true }),
  );
withState(inspection.command('decisions'))
  .description('list what the scheduler decided, newest first')
  .option('--failed', 'only requests for which no host was found')
  .option('--json', 'for programs')
  .action(({ state, failed, json }: { state: string; failed?: true; json?: true }) =>
    runInspect(state, json === true, { what: 'decisions', failed: failed === true }),
  );
withState(inspection.command('decision'))
  .description('show why a request was placed where it is, or nowhere: host by host')
  .argument('<id>', 'of the decision, of a server, or of a request (req-…)')
  .option('--json', 'for programs')
  .action((id: string, { state, json }: { state: string; json?: true }) => runInspect(state, json === true, { what: 'decision', id }));
withState(inspection.command('reconcilers'))
  .description('list what the conductor keeps true, and how its last looks went')
  .option('--json', 'for programs')
  .action(({ state, json }: { state: string; json?: true }) => runInspect(state, json === true, { what: 'reconcilers' }));
withState(inspection.command('hosts'))
  .description('list compute hosts; exit code 1 when one is down')
  .option('--json', 'for programs')
  .action(({ state, json }: { state: string; json?: true }) => runInspect(state, json === true, { what: 'hosts' }));

for (const [kind, what] of [
  ['novncproxy', 'screens of servers over VNC, with the noVNC page'],
  ['spicehtml5proxy', 'screens of servers over SPICE'],
  ['serialproxy', 'serial ports of servers, with a terminal'],
] as const) {
  program
    .command(kind)
    .description(`show ${what}, beside a cloud that runs elsewhere`)
    .option('--config-file <file>', 'nova.conf with [keystone_authtoken] of the service user', '/etc/nova/nova.conf')
    .action(async ({ configFile }: { configFile: string }) => {
      const { runConsoleProxy } = await import('./services/consoles/run-console-proxy.ts');
      const proxy = await runConsoleProxy(kind, configFile, (warning) => write(`  ! ${warning}\n`));
      write(`${kind} listens on ${proxy.host}:${proxy.port}.\n`);
      await untilAsked(proxy, false);
      process.exit();
    });
}

const manage = program.command('manage').description('the operator’s commands');
const managePlacement = manage.command('placement').description('mend what placement knows of servers and hosts');

const manageSaga = manage.command('saga').description('help an operation on that does not end: kilonova inspect sagas');

async function runSagaOrder(state: string, options: SagaCommand): Promise<void> {
  const [{ orderSaga }, { stateDirectory, runningPid }] = await Promise.all([
    import('./services/manage/saga/order-saga.ts'),
    import('./services/up/state-directory.ts'),
  ]);
  const directory = stateDirectory(state);
  const running = (await runningPid(directory)) !== null;
  process.exitCode = await orderSaga(
    { statePath: directory.path, openrc: directory.openrc, running, write: (text) => void process.stdout.write(text), warn: write },
    options,
  );
}

const sagaOrder = (name: 'resume' | 'undo' | 'force', description: string): Command =>
  withState(manageSaga.command(name)).description(description).argument('<id>', 'of the operation').option('--json', 'for programs');
sagaOrder('resume', 'have its present step tried at once, by whichever conductor is there').action(
  (id: string, { state, json }: { state: string; json?: true }) => runSagaOrder(state, { id, order: 'resume', json: json === true }),
);
sagaOrder('undo', 'call it off and take back what it has done').action((id: string, { state, json }: { state: string; json?: true }) =>
  runSagaOrder(state, { id, order: 'undo', json: json === true }),
);
sagaOrder('force', 'pass over the step that cannot go on, and go on with the next; shows what follows and asks for --yes')
  .option('--end', 'end the whole operation as it is, instead')
  .option('--yes', 'do it')
  .action((id: string, { state, json, end, yes }: { state: string; json?: true; end?: true; yes?: true }) =>
    runSagaOrder(state, { id, order: end === true ? 'end' : 'force', json: json === true, yes: yes === true }),
  );

/** Runs a command on the databases and the placement of a cloud; its exit code is Nova's, 255 for what is not foreseen. */
async function runManage(state: string, run: (deps: ManageDeps) => Promise<number>): Promise<void> {
  const { openControlPlane } = await import('./services/up/open-control-plane.ts');
  try {
    const deps = await openControlPlane(state, (text) => void process.stdout.write(text));
    try {
      process.exitCode = await run(deps);
    } finally {
      await deps.close();
    }
  } catch (error) {
    const { explain } = await import('./services/up/up.ts');
    write(`${explain(error)}\n`);
    process.exitCode = 255;
  }
}

withState(managePlacement.command('heal_allocations'))
  .description('give servers on hosts the allocations they lack')
  .option('--max-count <n>', 'servers to look at, at most')
  .option('--verbose', 'tell of servers that need nothing, too')
  .option('--dry-run', 'change nothing')
  .option('--instance <uuid>', 'only this server')
  .option('--cell <uuid>', 'only servers of this cell')
  .option('--skip-port-allocations', 'leave ports alone')
  .option('--force', 'with --instance: replace the allocations it has')
  .action((options: HealOptions & { readonly state: string }) =>
    runManage(options.state, async (deps) =>
      (await import('./services/manage/placement/heal-allocations.ts')).healAllocations(deps, options),
    ),
  );
withState(managePlacement.command('audit'))
  .description('list allocations of nobody; exit code 3 when there are some')
  .option('--verbose', 'tell what is looked at')
  .option('--delete', 'give them back')
  .option('--resource_provider <uuid>', 'only of this provider')
  .action(({ state, verbose, delete: give, resource_provider: only }: AuditArguments) =>
    runManage(state, async (deps) =>
      (await import('./services/manage/placement/audit.ts')).auditAllocations(deps, {
        ...(verbose === undefined ? {} : { verbose }),
        ...(give === undefined ? {} : { delete: give }),
        ...(only === undefined ? {} : { resourceProvider: only }),
      }),
    ),
  );
withState(managePlacement.command('sync_aggregates'))
  .description('put resource providers into the aggregates that their hosts are in')
  .option('--verbose', 'tell of hosts that need nothing, too')
  .action((options: { readonly state: string; readonly verbose?: true }) =>
    runManage(options.state, async (deps) =>
      (await import('./services/manage/placement/sync-aggregates.ts')).syncAggregates(deps, options),
    ),
  );
manage
  .command('config')
  .argument('<what>', 'sample: print nova.conf with every option', oneOf('sample'))
  .action(async () => {
    const { sampleConf } = await import('./config/index.ts');
    process.stdout.write(sampleConf());
  });

try {
  await program.parseAsync();
} catch (error) {
  const { CommanderError } = await import('commander');
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    const { explain, exitCodeOf } = await import('./services/up/up.ts');
    write(`${explain(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}
