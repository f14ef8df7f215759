import { createHash } from 'node:crypto';
import type { ServiceRoute } from './service-table.ts';

export interface TranslationOptions {
  /** All service addresses: what no rule translates there is refused at once. */
  readonly serviceCidr: string;
  /** Where NodePorts answer. */
  readonly nodeAddress: string;
}

const services = 'LATEEN-SERVICES';
const postrouting = 'LATEEN-POSTROUTING';
const refuse = 'LATEEN-REFUSE';

/** The rules that hang our chains into the kernel's; loaded once. */
export const hookRules = [
  '*nat',
  `:${services} - [0:0]`,
  `:${postrouting} - [0:0]`,
  `-A PREROUTING -j ${services}`,
  `-A OUTPUT -j ${services}`,
  `-A POSTROUTING -j ${postrouting}`,
  'COMMIT',
  '*filter',
  `:${refuse} - [0:0]`,
  `-A FORWARD -j ${refuse}`,
  `-A OUTPUT -j ${refuse}`,
  'COMMIT',
  '',
].join('\n');

/** What `iptables-restore --noflush` reads, and the chains that are in it. */
export interface TranslationRules {
  readonly text: string;
  readonly chains: ReadonlySet<string>;
}

/**
 * All rules for these routes. `former` are the chains of the rules before; those that are no longer needed are
 * taken away in the same step.
 */
export function translationRules(
  routes: readonly ServiceRoute[],
  options: TranslationOptions,
  former: ReadonlySet<string> = new Set(),
): TranslationRules {
  const chains = new Set<string>();
  const dispatch: string[] = [];
  const nodePorts: string[] = [];
  const balance: string[] = [];
  const backendAddresses = new Set<string>();
  for (const route of routes) {
    if (route.backends.length === 0) continue;
    const chain = chainOf(route);
    const protocol = route.protocol.toLowerCase();
    chains.add(chain);
    for (const address of route.addresses) {
      dispatch.push(`-A ${services} -d ${address}/32 -p ${protocol} --dport ${route.port} -j ${chain}`);
    }
    if (route.nodePort !== undefined) {
      nodePorts.push(
        `-A ${services} -d ${options.nodeAddress}/32 -p ${protocol} --dport ${route.nodePort} -j ${chain}`,
      );
    }
    balance.push(...balanceRules(chain, protocol, route));
    for (const { ip } of route.backends) backendAddresses.add(ip);
  }
  const gone = [...former].filter((chain) => !chains.has(chain));
  const lines = [
    '*nat',
    `:${services} - [0:0]`,
    `:${postrouting} - [0:0]`,
    ...[...chains, ...gone].map((chain) => `:${chain} - [0:0]`),
    ...dispatch,
    ...nodePorts,
    ...balance,
    // A pod that reaches itself through a service would answer itself directly, past the translation.
    ...[...backendAddresses].map((ip) => `-A ${postrouting} -s ${ip}/32 -d ${ip}/32 -j MASQUERADE`),
    ...gone.map((chain) => `-X ${chain}`),
    'COMMIT',
    '*filter',
    `:${refuse} - [0:0]`,
    // Only what no rule above has translated still bears a service's address here.
    `-A ${refuse} -d ${options.serviceCidr} -p tcp -j REJECT --reject-with tcp-reset`,
    `-A ${refuse} -d ${options.serviceCidr} -j REJECT --reject-with icmp-port-unreachable`,
    ...externalRefusals(routes),
    'COMMIT',
    '',
  ];
  return { text: lines.join('\n'), chains };
}

/** Each backend takes its share of what the ones before it have let pass: 1/n, then 1/(n-1), … */
function balanceRules(chain: string, protocol: string, route: ServiceRoute): string[] {
  const { backends, affinitySeconds } = route;
  const targetOf = (index: number): string => {
    const backend = backends[index];
    return `-j DNAT --to-destination ${backend?.ip}:${backend?.port}`;
  };
  const listOf = (index: number): string => `${chain}-${backends[index]?.ip}`.slice(0, 48);
  const rules: string[] = [];
  if (affinitySeconds !== undefined) {
    for (let i = 0; i < backends.length; i++) {
      const recent = `-m recent --name ${listOf(i)} --update --seconds ${affinitySeconds} --reap --rsource`;
      rules.push(`-A ${chain} -p ${protocol} ${recent} ${targetOf(i)}`);
    }
  }
  for (let i = 0; i < backends.length; i++) {
    const left = backends.length - i;
    const share = left === 1 ? '' : `-m statistic --mode random --probability ${(1 / left).toFixed(10)} `;
    const note = affinitySeconds === undefined ? '' : `-m recent --name ${listOf(i)} --set --rsource `;
    rules.push(`-A ${chain} -p ${protocol} ${share}${note}${targetOf(i)}`);
  }
  return rules;
}

function externalRefusals(routes: readonly ServiceRoute[]): string[] {
  return routes
    .filter((route) => route.backends.length === 0)
    .flatMap((route) =>
      route.addresses.slice(1).map((address) => {
        const how = route.protocol === 'TCP' ? 'tcp-reset' : 'icmp-port-unreachable';
        const match = `-d ${address}/32 -p ${route.protocol.toLowerCase()} --dport ${route.port}`;
        return `-A ${refuse} ${match} -j REJECT --reject-with ${how}`;
      }),
    );
}

/** Chain names have at most 28 characters. */
function chainOf(route: ServiceRoute): string {
  const digest = createHash('sha256').update(`${route.name} ${route.protocol}`).digest('hex');
  return `LATEEN-SVC-${digest.slice(0, 16).toUpperCase()}`;
}
