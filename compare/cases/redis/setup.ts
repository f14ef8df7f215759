import { admin, clusterOf, socketAddress, typeOf } from '../../bootstrap.ts';
import type { CompareCase, Ports, Setup, Step } from '../../case.ts';
import { encode, redisEndpoint } from './endpoint.ts';

export interface RedisSetup {
  /** Laid over the filter, and over its `settings`. */
  readonly filter?: object;
  readonly settings?: object;
  readonly clusters?: (ports: Ports) => readonly object[];
}

/** A listener with a Redis proxy. */
export const redisBootstrap =
  ({ filter = {}, settings = {}, clusters = ({ up }) => [clusterOf('up', [up])] }: RedisSetup) =>
  (ports: Ports): object => ({
    admin: admin(ports),
    static_resources: {
      listeners: [
        {
          name: 'main',
          address: socketAddress(ports.main),
          filter_chains: [
            {
              filters: [
                {
                  name: 'redis',
                  typed_config: {
                    '@type': typeOf('filters.network.redis_proxy.v3.RedisProxy'),
                    stat_prefix: 'main',
                    prefix_routes: { catch_all_route: { cluster: 'up' } },
                    ...filter,
                    settings: { op_timeout: '3s', ...settings },
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: clusters(ports),
    },
  });

/** What one client sends, commands and other steps. */
export const says = (what: string, send: readonly Step[], more: Partial<CompareCase> = {}): CompareCase => ({
  what,
  clients: [{ send }],
  protocol: 'tcp',
  ...more,
});

/** Commands sent at once. */
export const asks = (
  what: string,
  commands: string | readonly string[],
  more: Partial<CompareCase> = {},
): CompareCase => says(what, [[commands].flat().map(encode).join('')], more);

/** Commands each of which is sent when nothing of the one before is left to come. */
export const inTurn = (
  what: string,
  commands: readonly string[],
  more: Partial<CompareCase> = {},
): CompareCase =>
  says(
    what,
    commands.flatMap((one) => [encode(one), { waitMs: 60 }]),
    more,
  );

export const redisSetup = (name: string, setup: RedisSetup, ...cases: readonly CompareCase[]): Setup => ({
  name,
  bootstrap: redisBootstrap(setup),
  dialogues: (ports) => ({
    up: redisEndpoint(ports),
    up2: redisEndpoint(ports, true),
    up3: redisEndpoint(ports, true),
  }),
  cases,
});
