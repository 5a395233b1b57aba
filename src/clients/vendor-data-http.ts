import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import { messageOf, unavailable } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';

/** What a service of the operator is told of a guest, in Nova's words. */
export interface VendorDataQuestion {
  readonly 'project-id': string;
  readonly 'instance-id': string;
  readonly 'image-id': string | null;
  readonly 'user-data': string | null;
  readonly hostname: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly 'boot-roles': string;
}

export interface VendorDataOptions {
  /** `name@url`: under which name the answer of which service is shown to guests. */
  readonly targets: readonly string[];
  /** Certificates that those of the services are judged by, in PEM; the system's where there is none. */
  readonly certificates: string | null;
  readonly connectSeconds: number;
  readonly readSeconds: number;
  /** Whether a service that fails leaves the guest without any of it; otherwise it is left out. */
  readonly failureIsFatal: boolean;
  readonly log: Log;
}

/** Asks the operator's services what a guest is to know, all of them at once. */
export interface VendorDataClient {
  ask(question: VendorDataQuestion): Promise<Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}

/** More than this no service may answer. */
const maxBytes = 1_048_576;

export function createVendorDataClient(options: VendorDataOptions): VendorDataClient {
  const { log } = options;
  const ca = options.certificates === null ? {} : { ca: readFileSync(options.certificates, 'utf8') };
  const agent = new Agent({ connect: { timeout: options.connectSeconds * 1000, ...ca } });
  const targets = new Map<string, string>();
  for (const target of options.targets) {
    const at = target.indexOf('@');
    if (at < 1) log.warn({ target }, 'a target of vendor data has no name; it is passed over');
    else if (targets.has(target.slice(0, at)))
      log.warn({ target }, 'a target of vendor data has a name that another one has; it is passed over');
    else targets.set(target.slice(0, at), target.slice(at + 1));
  }

  async function answerOf(url: string, question: VendorDataQuestion): Promise<unknown> {
    const timeout = options.readSeconds * 1000;
    const answer = await request(url, {
      dispatcher: agent,
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', 'user-agent': 'openstack-nova-vendordata' },
      body: JSON.stringify(question),
      headersTimeout: timeout,
      bodyTimeout: timeout,
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new Error('The answer is too large.');
      chunks.push(chunk);
    }
    if (answer.statusCode < 200 || answer.statusCode >= 300) throw new Error(`The service answered ${answer.statusCode}.`);
    const text = Buffer.concat(chunks).toString('utf8');
    return text === '' ? {} : (JSON.parse(text) as unknown);
  }

  return {
    async ask(question) {
      const answers = await Promise.all(
        [...targets].map(async ([name, url]) => {
          try {
            return [name, await answerOf(url, question)] as const;
          } catch (error) {
            log.warn({ service: name, instanceId: question['instance-id'], reason: messageOf(error) }, 'a service of vendor data failed');
            if (options.failureIsFatal) throw unavailable(`Vendor data of '${name}' cannot be had.`, { cause: error });
            return [name, {}] as const;
          }
        }),
      );
      return Object.fromEntries(answers);
    },
    close: () => agent.close(),
  };
}
