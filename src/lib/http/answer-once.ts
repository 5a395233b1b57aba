import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import type { Log } from '../log.ts';
import type { Answer } from './fault-format.ts';
import { HttpError } from './http-error.ts';
import type { RequestContext } from './route.ts';

/** What is known of a request that carried this key before. */
export type Claim =
  /** Nobody has, or whoever did is gone without an answer: it is ours to carry out, under this request id. */
  | { readonly kind: 'ours'; readonly requestId: string; readonly resumed: boolean; readonly intended: Uint8Array | null }
  | { readonly kind: 'answered'; readonly requestId: string; readonly answer: Uint8Array }
  /** It is being carried out just now. */
  | { readonly kind: 'busy' }
  /** It was another request. */
  | { readonly kind: 'other' };

/** Keeps which keys were used, for what, and what was answered; every key for one day. */
export interface IdempotencyStore {
  claim(key: string, request: { readonly fingerprint: string; readonly requestId: string }): Promise<Claim>;
  /** Says that the request is still being carried out. */
  keepAlive(key: string): Promise<void>;
  /** What will be answered when the request has been carried out. */
  intend(key: string, answer: Uint8Array): Promise<void>;
  answer(key: string, answer: Uint8Array): Promise<void>;
  /** Leaves the request to whoever comes with the key next. */
  giveUp(key: string): Promise<void>;
}

export interface OnceOnly {
  readonly store: IdempotencyStore;
  /** Whether what the request of this id asked for was written down, though nobody may have been told. */
  readonly wasCarriedOut: (requestId: string) => Promise<boolean>;
}

const keepAliveMs = 10_000;
const keyForm = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;

/** The key a request carries; null without one. */
export function idempotencyKeyOf({ headers }: Pick<RequestContext, 'headers'>): string | null {
  const key = headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key !== 'string' || !keyForm.test(key))
    throw new HttpError(400, 'An Idempotency-Key must be 1 to 255 printable ASCII characters.');
  return key;
}

/**
 * Carries a request out once for its key, however often it is sent: the same key with the same content is given the first answer, with
 * other content it is refused. Keys belong to the user in the project. Answers may hold passwords, so they are kept encrypted under the
 * key itself, which is kept only as a hash.
 */
export async function answerOnce(
  { store, wasCarriedOut }: OnceOnly,
  request: { readonly key: string; readonly content: unknown; readonly ctx: RequestContext; readonly status: number; readonly log: Log },
  run: (ctx: RequestContext) => Promise<Answer>,
  faultOf: (error: unknown) => Answer,
): Promise<Answer & { readonly requestId: string }> {
  const { ctx, log } = request;
  const whole = JSON.stringify([ctx.caller.projectId, ctx.caller.userId, request.key]);
  const key = hash(`key ${whole}`);
  const sealed = sealing(whole);
  const fingerprint = hash(JSON.stringify([ctx.method, ctx.path, canonical(request.content)]));
  const claim = await store.claim(key, { fingerprint, requestId: ctx.requestId });
  if (claim.kind === 'other') throw new HttpError(422, 'This Idempotency-Key was used for another request.');
  if (claim.kind === 'busy') throw new HttpError(409, 'A request with this Idempotency-Key is being carried out.', { 'retry-after': '1' });
  const { requestId } = claim;
  if (claim.kind === 'answered') return { ...sealed.open(claim.answer), requestId };
  if (claim.resumed && (await wasCarriedOut(requestId))) {
    // whoever carried it out died before the answer was kept: it would have been this one
    const answer = claim.intended === null ? { status: request.status } : sealed.open(claim.intended);
    await store.answer(key, sealed.seal(answer));
    return { ...answer, requestId };
  }
  const timer = setInterval(() => {
    store
      .keepAlive(key)
      .catch((error: unknown) => log.warn({ err: error, requestId }, 'a claim on an Idempotency-Key could not be renewed'));
  }, keepAliveMs);
  try {
    const within: RequestContext = Object.create(ctx, {
      requestId: { value: requestId, enumerable: true },
      intend: { value: (answer: Answer) => store.intend(key, sealed.seal(answer)), enumerable: true },
    }) as RequestContext;
    const answer = await run(within);
    await store.answer(key, sealed.seal(answer));
    return { ...answer, requestId };
  } catch (error) {
    const fault = faultOf(error);
    if (fault.status < 500) await store.answer(key, sealed.seal(fault));
    else await store.giveUp(key); // it may have been carried out all the same: who comes next looks
    throw error;
  } finally {
    clearInterval(timer);
  }
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The same text for the same JSON, whatever the order of its keys. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, held]) => [name, canonical(held)]);
}

/** Encrypts answers with what only the caller knows. */
function sealing(secret: string): { seal(answer: Answer): Uint8Array; open(sealed: Uint8Array): Answer } {
  const key = Buffer.from(hkdfSync('sha256', secret, 'kilonova idempotency', 'answer', 32));
  return {
    seal(answer) {
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, iv);
      const text = Buffer.concat([cipher.update(JSON.stringify(answer), 'utf8'), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), text]);
    },
    open(sealed) {
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12)).setAuthTag(sealed.subarray(12, 28));
      const text = Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]).toString('utf8');
      return JSON.parse(text) as Answer;
    },
  };
}
