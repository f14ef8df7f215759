import type { Theme } from './case.ts';
import { admin } from './cases/admin/index.ts';
import { framing } from './cases/framing/index.ts';
import { messages } from './cases/messages/index.ts';
import { retries } from './cases/retries/index.ts';
import { routing } from './cases/routing/index.ts';
import { tcp } from './cases/tcp/index.ts';
import { timeouts } from './cases/timeouts/index.ts';
import { upstream } from './cases/upstream/index.ts';

/** All themes, in the order in which they run. */
export const themes: readonly Theme[] = [framing, messages, routing, retries, timeouts, upstream, tcp, admin];
