import { rbacGate } from '../filter/rbac.ts';
import type { NetworkFilter } from '../model/network-filter.ts';
import { TappedWire } from '../wire/tapped-wire.ts';
import type { ListenerContext, ServeConnection } from './compiled-listener.ts';

/**
 * Rules over what a filter before them finds out of what a client sends: they decide before bytes are handed on, of the
 * first ones or of all (Envoy, `enforcement_type` of the RBAC network filter). Throws where a regular expression is none.
 */
export function watchRules(
  filter: NetworkFilter & { readonly kind: 'rbac' },
  { filterServices }: ListenerContext,
): (serve: ServeConnection) => ServeConnection {
  const judge = rbacGate(filter, filterServices.rbacReports('network', filter.statPrefix));
  return (serve) => (wire, info, onClosed) => {
    let isJudged = false;
    const tapped = new TappedWire(wire, {
      onReceived(buffer, start, end, pass) {
        if (info.refusal !== undefined) return;
        if (!isJudged || filter.isContinuous) {
          isJudged = true;
          const denied = judge(info);
          if (denied !== undefined) {
            info.refusal = { flags: 0, details: denied, reason: 'rbac_deny_close' };
            tapped.destroy();
            return;
          }
        }
        pass(buffer, start, end);
      },
      onEnded: (pass) => pass(),
      onFinished() {},
      onWritten() {},
      onClosed() {},
    });
    return serve(tapped, info, onClosed);
  };
}
