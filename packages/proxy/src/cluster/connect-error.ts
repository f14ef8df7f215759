import { codeOf } from '@lateen/core';

/** The system's words for what a connection can fail of; Envoy shows them after "delayed connect error". */
const words: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EHOSTUNREACH: 'No route to host',
  EMFILE: 'Too many open files',
  ENETUNREACH: 'Network is unreachable',
  ENOENT: 'No such file or directory',
  ETIMEDOUT: 'Connection timed out',
};

/** Reasons of BoringSSL's numbers, as operators search for them. */
const tlsReasons: Readonly<Record<string, number>> = {
  WRONG_VERSION_NUMBER: 247,
  UNSUPPORTED_PROTOCOL: 240,
  CERTIFICATE_VERIFY_FAILED: 125,
  HTTP_REQUEST: 156,
  NO_SHARED_CIPHER: 184,
  PEER_DID_NOT_RETURN_A_CERTIFICATE: 192,
};

/** Alerts of TLS (RFC 8446 section 6.2) have numbers from here on. */
const alertBase = 1_000;
const alerts: Readonly<Record<string, number>> = {
  UNEXPECTED_MESSAGE: 10,
  BAD_RECORD_MAC: 20,
  HANDSHAKE_FAILURE: 40,
  BAD_CERTIFICATE: 42,
  UNSUPPORTED_CERTIFICATE: 43,
  CERTIFICATE_REVOKED: 44,
  CERTIFICATE_EXPIRED: 45,
  CERTIFICATE_UNKNOWN: 46,
  ILLEGAL_PARAMETER: 47,
  UNKNOWN_CA: 48,
  ACCESS_DENIED: 49,
  DECODE_ERROR: 50,
  DECRYPT_ERROR: 51,
  PROTOCOL_VERSION: 70,
  INTERNAL_ERROR: 80,
  UNRECOGNIZED_NAME: 112,
  CERTIFICATE_REQUIRED: 116,
  NO_APPLICATION_PROTOCOL: 120,
};
const tlsLibrary = 16 * 2 ** 24;

const tlsErrorStart = 'TLS_error:';

/** True for what {@link tlsErrorText} gave. */
export function isTlsError(text: string): boolean {
  return text.startsWith(tlsErrorStart);
}

/** A failure of TLS by OpenSSL's name, `WRONG_VERSION_NUMBER`, in the words that Envoy has for it; `detail` says more. */
export function tlsErrorText(reason: string, detail = ''): string {
  const alert = alerts[/ALERT_(.*)$/.exec(reason)?.[1] ?? ''];
  const number = alert === undefined ? tlsReasons[reason] : alertBase + alert;
  const id = number === undefined ? '' : String(tlsLibrary + number);
  return `${tlsErrorStart}|${id}:SSL routines:OPENSSL_internal:${reason}:${detail === '' ? '' : `${detail}:`}TLS_error_end`;
}

/** The same for an error as OpenSSL writes it: `error:0A00010B:SSL routines::wrong version number`. */
export function opensslErrorText(error: string): string {
  const words = error.slice(error.lastIndexOf(':') + 1).toUpperCase();
  return tlsErrorText(words.replaceAll(' ', '_').replace('SSL/TLS_', 'SSLV3_'));
}

/** Why a connection could not be made, as Envoy says it (`%UPSTREAM_TRANSPORT_FAILURE_REASON%`). */
export function connectErrorText(error: Error): string {
  const code = codeOf(error) ?? '';
  const moment = code === 'ENETUNREACH' || code === 'EADDRNOTAVAIL' ? 'immediate' : 'delayed';
  return `${moment} connect error: ${words[code] ?? (code === '' ? error.message : code)}`;
}
