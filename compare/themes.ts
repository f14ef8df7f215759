import type { Theme } from './case.ts';
import { admin } from './cases/admin/index.ts';
import { balancing } from './cases/balancing/index.ts';
import { chains } from './cases/chains/index.ts';
import { clusters } from './cases/clusters/index.ts';
import { drain } from './cases/drain/index.ts';
import { filters } from './cases/filters/index.ts';
import { forwarding } from './cases/forwarding/index.ts';
import { framing } from './cases/framing/index.ts';
import { http2 } from './cases/http2/index.ts';
import { gates } from './cases/gates/index.ts';
import { log } from './cases/log/index.ts';
import { messages } from './cases/messages/index.ts';
import { proxyProtocol } from './cases/proxy-protocol/index.ts';
import { mongo } from './cases/mongo/index.ts';
import { redis } from './cases/redis/index.ts';
import { retries } from './cases/retries/index.ts';
import { routing } from './cases/routing/index.ts';
import { services } from './cases/services/index.ts';
import { tcp } from './cases/tcp/index.ts';
import { timeouts } from './cases/timeouts/index.ts';
import { tlsIn } from './cases/tls-in/index.ts';
import { tlsOut } from './cases/tls-out/index.ts';
import { tracing } from './cases/tracing/index.ts';
import { upstream } from './cases/upstream/index.ts';

/** All themes, in the order in which they run. */
export const themes: readonly Theme[] = [
  framing,
  messages,
  forwarding,
  routing,
  filters,
  services,
  retries,
  timeouts,
  upstream,
  balancing,
  clusters,
  http2,
  log,
  tracing,
  tcp,
  mongo,
  redis,
  gates,
  chains,
  drain,
  proxyProtocol,
  tlsIn,
  tlsOut,
  admin,
];
