import * as filter from '@lateen/protocol/envoy/extensions/filters/http/stateful_session/v3';
import { CookieBasedSessionState } from '@lateen/protocol/envoy/extensions/http/stateful_session/cookie/v3';
import { HeaderBasedSessionState } from '@lateen/protocol/envoy/extensions/http/stateful_session/header/v3';
import { Cookie } from '@lateen/protocol/envoy/type/http/v3';
import { isHeaderName } from '../codec/header-name.ts';
import type { HttpFilterConfig, SessionState, StatefulSession } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';
import { typeNameOf } from './typed-any.ts';

const sessionPolicy = fieldPolicy(filter.StatefulSession, ['sessionState', 'strict']);
const routePolicy = fieldPolicy(filter.StatefulSessionPerRoute, ['disabled', 'statefulSession']);
const cookieStatePolicy = fieldPolicy(CookieBasedSessionState, ['cookie']);
const headerStatePolicy = fieldPolicy(HeaderBasedSessionState, ['name']);
const cookiePolicy = fieldPolicy(Cookie, ['name', 'ttl', 'path']);

export const statefulSessionPolicies = [
  sessionPolicy,
  routePolicy,
  cookieStatePolicy,
  headerStatePolicy,
  cookiePolicy,
];

function decodeState(scope: Scope, message: filter.StatefulSession): SessionState | undefined {
  const any = message.sessionState?.typedConfig;
  if (any === undefined) return undefined;
  const at = scope.at('sessionState').at('typedConfig');
  if (typeNameOf(any) === CookieBasedSessionState.typeName) {
    const state = at.unpack(CookieBasedSessionState, any) ?? {};
    at.check(cookieStatePolicy, state);
    const { cookie = {} } = state;
    at.at('cookie').check(cookiePolicy, cookie);
    const { name = '', ttl = 0, path = '' } = cookie;
    if (!isHeaderName(name)) at.at('cookie').at('name').fail('must be the name of a cookie');
    return { kind: 'cookie', name, ttlSeconds: Math.floor(ttl / 1_000), path };
  }
  if (typeNameOf(any) === HeaderBasedSessionState.typeName) {
    const state = at.unpack(HeaderBasedSessionState, any) ?? {};
    at.check(headerStatePolicy, state);
    const { name = '' } = state;
    if (!isHeaderName(name)) at.at('name').fail('must be the name of a header');
    return { kind: 'header', name };
  }
  at.fail('must be kept in a cookie or in a header');
  return undefined;
}

/** How requests find the endpoint of their session. */
export function decodeStatefulSession(scope: Scope, message: filter.StatefulSession): StatefulSession {
  scope.check(sessionPolicy, message);
  const state = decodeState(scope, message);
  return { strict: message.strict ?? false, ...(state === undefined ? {} : { state }) };
}

export function decodeStatefulSessionRoute(
  scope: Scope,
  message: filter.StatefulSessionPerRoute,
): HttpFilterConfig {
  scope.check(routePolicy, message);
  if (message.disabled === true) return { kind: 'disabled' };
  const at = scope.at('statefulSession');
  return { kind: 'stateful_session', session: decodeStatefulSession(at, message.statefulSession ?? {}) };
}
