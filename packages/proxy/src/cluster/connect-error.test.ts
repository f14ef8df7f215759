import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectErrorText, opensslErrorText } from './connect-error.ts';

test('errors of the system and of OpenSSL become the words that Envoy has for them', () => {
  const system = (code: string): Error => Object.assign(new Error('connect'), { code });
  assert.equal(connectErrorText(system('ECONNREFUSED')), 'delayed connect error: Connection refused');
  assert.equal(connectErrorText(system('ENETUNREACH')), 'immediate connect error: Network is unreachable');
  assert.equal(connectErrorText(system('EWHAT')), 'delayed connect error: EWHAT');
  assert.equal(connectErrorText(new Error('no code')), 'delayed connect error: no code');
  const tls = (number: number, reason: string): string =>
    `TLS_error:|${number}:SSL routines:OPENSSL_internal:${reason}:TLS_error_end`;
  const of = (text: string): string => opensslErrorText(`error:0A000000:SSL routines::${text}`);
  assert.equal(of('wrong version number'), tls(268435703, 'WRONG_VERSION_NUMBER'));
  assert.equal(of('ssl/tls alert certificate unknown'), tls(268436502, 'SSLV3_ALERT_CERTIFICATE_UNKNOWN'));
  assert.equal(of('tlsv1 alert unknown ca'), tls(268436504, 'TLSV1_ALERT_UNKNOWN_CA'));
  assert.match(of('something new'), /^TLS_error:\|:SSL routines:OPENSSL_internal:SOMETHING_NEW:/);
});
