import type { StatGroup, StatVisitor } from './stats-registry.ts';

/** How often headers of one version were read, passed over because the version is not allowed, and wrong. */
interface VersionCounts {
  found: number;
  disallowed: number;
  error: number;
}

const none = (): VersionCounts => ({ found: 0, disallowed: 0, error: 0 });

/** What came of the PROXY protocol at listeners, Envoy's `proxy_proto.[STAT_PREFIX.]…`. */
export class ProxyProtocolStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix = 'envoy_proxy_proto_';
  readonly labels: Readonly<Record<string, string>>;
  notFoundAllowed = 0;
  notFoundDisallowed = 0;
  readonly versions: Readonly<Record<1 | 2, VersionCounts>> = { 1: none(), 2: none() };

  constructor(statPrefix: string) {
    this.prefix = statPrefix === '' ? 'proxy_proto.' : `proxy_proto.${statPrefix}.`;
    this.labels = statPrefix === '' ? {} : { proxy_proto_prefix: statPrefix };
  }

  visit(visitor: StatVisitor): void {
    visitor.number('not_found_allowed', 'counter', this.notFoundAllowed);
    visitor.number('not_found_disallowed', 'counter', this.notFoundDisallowed);
    for (const version of [1, 2] as const) {
      const counts = this.versions[version];
      for (const name of ['found', 'disallowed', 'error'] as const)
        visitor.number(`versions.v${version}.${name}`, 'counter', counts[name]);
    }
  }

  resetCounters(): void {
    this.notFoundAllowed = 0;
    this.notFoundDisallowed = 0;
    for (const version of [1, 2] as const) Object.assign(this.versions[version], none());
  }
}
