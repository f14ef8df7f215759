import type { HttpConnectionManager } from '../model/network-filter.ts';
import type { CompiledRoute } from '../route/virtual-host.ts';

/** True where requests may be upgraded to this: by their route where it says so, else by the connection manager. */
export function mayUpgrade(
  type: string,
  route: CompiledRoute | undefined,
  model: HttpConnectionManager,
): boolean {
  const wanted = (rule: { readonly type: string }): boolean => rule.type === type;
  const own = route?.action.kind === 'forward' ? route.action.model.upgrades.find(wanted) : undefined;
  return (own ?? model.upgrades.find(wanted))?.enabled === true;
}
