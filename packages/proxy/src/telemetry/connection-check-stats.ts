import { NumberGroup } from './number-group.ts';

const names = {
  total: ['total', 'counter'],
  error: ['error', 'counter'],
  timeout: ['timeout', 'counter'],
  denied: ['denied', 'counter'],
  disabled: ['disabled', 'counter'],
  failureModeAllowed: ['failure_mode_allowed', 'counter'],
  ok: ['ok', 'counter'],
  cxClosed: ['cx_closed', 'counter'],
  active: ['active', 'gauge'],
} as const;

/** What a service said of connections, Envoy's `ext_authz.STAT_PREFIX.…`. */
export class ConnectionCheckStats extends NumberGroup<typeof names> {
  constructor(statPrefix: string) {
    super(`ext_authz.${statPrefix}.`, 'envoy_ext_authz_', { ext_authz_prefix: statPrefix }, names);
  }
}
