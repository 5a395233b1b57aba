import type { Migration } from '../../../lib/sql/database.ts';
import { providers } from './0001-providers.ts';
import { claims } from './0002-claims.ts';
import { usageNotes } from './0003-usage-notes.ts';
import { shortClaims } from './0004-short-claims.ts';

/** The schema of placement's own database, step by step. */
export const migrations: readonly Migration[] = [providers, claims, usageNotes, shortClaims];
