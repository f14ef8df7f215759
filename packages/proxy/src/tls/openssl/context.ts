import { problem, ok, type Result } from '@lateen/core';
import type { TlsVersion } from '../../model/tls.ts';
import type { NativeCertificate } from './certificate-chooser.ts';
import type { ClientHello } from './client-hello.ts';
import type { Pointer } from './functions.ts';
import type { StapleChoice } from './ocsp-stapler.ts';
import type { Openssl } from './openssl.ts';
import { readAll, readPrivateKey } from './pem.ts';

/** What connections of one kind are made with. PEM throughout. */
export interface ContextOptions {
  readonly certificates: readonly {
    readonly chain: Buffer;
    readonly privateKey: Buffer;
    readonly passphrase: string | undefined;
  }[];
  /** Chooses for a client where there are several; none: OpenSSL does, by the kind of key. */
  readonly chooseCertificate?: (hello: ClientHello) => number;
  /** Answers clients that ask for an OCSP response; none: OpenSSL goes on without. */
  readonly staple?: StapleChoice;
  /** Session keys are told of the connections that want it. */
  readonly tellsKeys?: boolean;
  readonly roots: readonly Buffer[];
  /** In place of roots: those of each trust domain, with its revocation lists. */
  readonly trustDomains?: readonly { readonly name: string; readonly bundle: Buffer }[];
  readonly revocationLists: readonly Buffer[];
  /** Only the peer's own certificate must not be revoked; else every one of its chain. */
  readonly revocationOfLeafOnly?: boolean;
  /** The most issuers between a peer's certificate and a root; default 100. */
  readonly maxVerifyDepth?: number | undefined;
  /** Default TLS 1.2 to 1.3. */
  readonly minVersion: TlsVersion | undefined;
  readonly maxVersion: TlsVersion | undefined;
  /** OpenSSL's list for the versions before 1.3; empty: its default. */
  readonly ciphers: string;
  /** OpenSSL's names, separated by colons; empty: its default. */
  readonly groups: string;
  /** The same, of signature algorithms. */
  readonly signatureAlgorithms?: string;
  /** Chosen from where a client offers some, in this order. */
  readonly alpn: readonly string[];
  readonly sessionTimeoutMs: number | undefined;
  readonly ticketsDisabled: boolean;
  /** Of 80 bytes each, as {@link TicketKeys} uses them; none: keys of the context's own. */
  readonly ticketKeys?: readonly Buffer[];
  /** Sessions are resumed only where this is the same; at most 32 bytes. */
  readonly sessionScope?: Buffer;
}

/** Commands of SSL_CTX_ctrl. */
export const control = {
  mode: 33,
  sessionCache: 44,
  chainCertificate: 89,
  groups: 92,
  signatureAlgorithms: 98,
  minVersion: 123,
  maxVersion: 124,
} as const;
/** SSL_MODE_AUTO_RETRY, SSL_MODE_RELEASE_BUFFERS: a connection that is idle keeps no record buffer. */
const mode = 0x04 | 0x10;
/** SSL_OP_NO_RENEGOTIATION, and SSL_OP_NO_TICKET. */
const noRenegotiation = 2 ** 30;
const noTicket = 2 ** 14;
/** X509_V_FLAG_CRL_CHECK, and X509_V_FLAG_CRL_CHECK_ALL. */
const checkLists = 0x4;
const checkAllLists = 0x8;
const versionNumber: Readonly<Record<TlsVersion, number>> = {
  'TLSv1.0': 0x301,
  'TLSv1.1': 0x302,
  'TLSv1.2': 0x303,
  'TLSv1.3': 0x304,
};

/** An `SSL_CTX`; freed when it is not used any more. */
export interface TlsContext {
  readonly pointer: Pointer;
  /** Our own, in the order in which they were given. */
  readonly certificates: Pointer[];
}

/** Makes a context; the problem names what OpenSSL does not take. */
export function createContext(openssl: Openssl, options: ContextOptions): Result<TlsContext> {
  const { c } = openssl;
  c.ERR_clear_error();
  const pointer = c.SSL_CTX_new(c.TLS_method());
  const context: TlsContext = { pointer, certificates: [] };
  openssl.freeWith(context, () => c.SSL_CTX_free(pointer));
  c.SSL_CTX_ctrl(pointer, control.mode, mode, null);
  c.SSL_CTX_set_options(pointer, noRenegotiation + (options.ticketsDisabled ? noTicket : 0));
  // Sessions live in their tickets, not here.
  c.SSL_CTX_ctrl(pointer, control.sessionCache, 0, null);
  if (options.ticketsDisabled) c.SSL_CTX_set_num_tickets(pointer, 0);
  c.SSL_CTX_set_cert_verify_callback(pointer, openssl.verifyPeer, null);
  // OpenSSL refuses to resume sessions with client certificates unless it is said where they belong.
  const scope = options.sessionScope ?? Buffer.from('lateen');
  c.SSL_CTX_set_session_id_context(pointer, scope, scope.length);
  const { ticketKeys = [] } = options;
  if (ticketKeys.length > 0) openssl.freeWith(context, openssl.ticketKeys.use(context, ticketKeys));
  if (options.sessionTimeoutMs !== undefined)
    c.SSL_CTX_set_timeout(pointer, Math.ceil(options.sessionTimeoutMs / 1_000));
  const wrong =
    setVersions(openssl, pointer, options) ??
    setAlgorithms(openssl, pointer, options) ??
    addCertificates(openssl, context, options) ??
    addRoots(openssl, pointer, options) ??
    addTrustDomains(openssl, context, options);
  if (wrong !== undefined) return problem('', `${wrong}: ${openssl.takeError()}`);
  if (options.tellsKeys === true) openssl.sessionKeys.use(context);
  if (options.staple !== undefined) openssl.freeWith(context, openssl.stapler.use(context, options.staple));
  if (options.alpn.length > 0) chooseProtocols(openssl, context, options.alpn);
  return ok(context);
}

function setVersions({ c }: Openssl, context: Pointer, options: ContextOptions): string | undefined {
  const min = versionNumber[options.minVersion ?? 'TLSv1.2'];
  const max = versionNumber[options.maxVersion ?? 'TLSv1.3'];
  const done =
    min <= max &&
    c.SSL_CTX_ctrl(context, control.minVersion, min, null) === 1 &&
    c.SSL_CTX_ctrl(context, control.maxVersion, max, null) === 1;
  return done ? undefined : 'the versions of TLS cannot be used';
}

/** Envoy's suites of TLS 1.2 where none are given: none without forward secrecy, none of CBC. */
const defaultCiphers = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
].join(':');

function setAlgorithms(openssl: Openssl, context: Pointer, options: ContextOptions): string | undefined {
  const { c } = openssl;
  if (c.SSL_CTX_set_cipher_list(context, options.ciphers || defaultCiphers) !== 1)
    return 'the cipher suites cannot be used';
  const takes = (command: number, list: string): boolean => {
    const text = Buffer.from(`${list}\0`);
    return list === '' || c.SSL_CTX_ctrl(context, command, 0, text) === 1;
  };
  if (!takes(control.groups, options.groups)) return 'the ECDH curves cannot be used';
  if (!takes(control.signatureAlgorithms, options.signatureAlgorithms ?? ''))
    return 'the signature algorithms cannot be used';
  return undefined;
}

function addCertificates(openssl: Openssl, context: TlsContext, options: ContextOptions): string | undefined {
  const { certificates, chooseCertificate } = options;
  const { pointer } = context;
  const choice: NativeCertificate[] = [];
  for (const pem of certificates) {
    const native = readCertificate(openssl, pem);
    if (native === undefined) return unusable;
    openssl.freeWith(context, () => freeCertificate(openssl, native));
    choice.push(native);
    context.certificates.push(native.certificate);
  }
  if (choice.length > 1 && chooseCertificate !== undefined) {
    const chosen = { certificates: choice, choose: chooseCertificate };
    openssl.freeWith(context, openssl.certificateChooser.use(context, chosen));
    return undefined;
  }
  return choice.every((one) => useCertificate(openssl, pointer, one)) ? undefined : unusable;
}

const unusable = 'certificate and key cannot be used';

/** Undefined where either cannot be read; the caller frees them. */
function readCertificate(
  openssl: Openssl,
  { chain, privateKey, passphrase }: ContextOptions['certificates'][number],
): NativeCertificate | undefined {
  const { c } = openssl;
  const [certificate, ...list] = readAll(openssl, chain, 'X509');
  const key = readPrivateKey(openssl, privateKey, passphrase);
  const issuers = c.OPENSSL_sk_new_null();
  for (const issuer of list) c.OPENSSL_sk_push(issuers, issuer);
  const native = { certificate: certificate ?? 0n, key: key ?? 0n, issuers };
  if (certificate !== undefined && key !== undefined) return native;
  freeCertificate(openssl, native);
  return undefined;
}

function freeCertificate({ c }: Openssl, { certificate, key, issuers }: NativeCertificate): void {
  c.X509_free(certificate);
  c.EVP_PKEY_free(key);
  for (let i = c.OPENSSL_sk_num(issuers) - 1; i >= 0; i--) c.X509_free(c.OPENSSL_sk_value(issuers, i));
  c.OPENSSL_sk_free(issuers);
}

/** A context has one certificate for each kind of key. */
function useCertificate({ c }: Openssl, context: Pointer, native: NativeCertificate): boolean {
  const { certificate, key, issuers } = native;
  if (c.SSL_CTX_use_certificate(context, certificate) !== 1) return false;
  if (c.SSL_CTX_use_PrivateKey(context, key) !== 1) return false;
  for (let i = 0; i < c.OPENSSL_sk_num(issuers); i++) {
    if (c.SSL_CTX_ctrl(context, control.chainCertificate, 1, c.OPENSSL_sk_value(issuers, i)) !== 1)
      return false;
  }
  return true;
}

function addRoots(openssl: Openssl, context: Pointer, options: ContextOptions): string | undefined {
  const { c } = openssl;
  const store = c.SSL_CTX_get_cert_store(context);
  for (const pem of options.roots) {
    for (const root of readAll(openssl, pem, 'X509')) {
      const done = c.X509_STORE_add_cert(store, root) === 1 && c.SSL_CTX_add_client_CA(context, root) === 1;
      c.X509_free(root);
      if (!done) return 'the roots cannot be used';
    }
  }
  for (const pem of options.revocationLists) {
    for (const list of readAll(openssl, pem, 'X509_CRL')) {
      const done = c.X509_STORE_add_crl(store, list) === 1;
      c.X509_CRL_free(list);
      if (!done) return 'the revocation lists cannot be used';
    }
  }
  if (options.revocationLists.length > 0)
    c.X509_STORE_set_flags(store, checkLists | (options.revocationOfLeafOnly === true ? 0 : checkAllLists));
  if (options.maxVerifyDepth !== undefined) c.SSL_CTX_set_verify_depth(context, options.maxVerifyDepth);
  return undefined;
}

/** Roots and lists of each domain into a store of its own; clients are told of all of them. */
function addTrustDomains(
  openssl: Openssl,
  context: TlsContext,
  { trustDomains = [] }: ContextOptions,
): string | undefined {
  if (trustDomains.length === 0) return undefined;
  const { c } = openssl;
  const stores = new Map<string, Pointer>();
  let done = true;
  for (const { name, bundle } of trustDomains) {
    const store = c.X509_STORE_new();
    openssl.freeWith(context, () => c.X509_STORE_free(store));
    stores.set(name, store);
    for (const root of readAll(openssl, bundle, 'X509')) {
      done &&= c.X509_STORE_add_cert(store, root) === 1;
      done &&= c.SSL_CTX_add_client_CA(context.pointer, root) === 1;
      c.X509_free(root);
    }
    const lists = readAll(openssl, bundle, 'X509_CRL');
    for (const list of lists) {
      done &&= c.X509_STORE_add_crl(store, list) === 1;
      c.X509_CRL_free(list);
    }
    if (lists.length > 0) c.X509_STORE_set_flags(store, checkLists | checkAllLists);
  }
  openssl.freeWith(context, openssl.trustDomains.use(context, stores));
  return done ? undefined : 'the bundles of trust domains cannot be used';
}

function chooseProtocols(openssl: Openssl, context: TlsContext, alpn: readonly string[]): void {
  const own = encodeProtocols(alpn);
  openssl.c.SSL_CTX_set_alpn_select_cb(context.pointer, openssl.chooseProtocol, openssl.keep(context, own));
}

/** Protocols as ALPN has them: each with its length before it (RFC 7301 section 3.1). */
export function encodeProtocols(alpn: readonly string[]): Buffer {
  return Buffer.concat(alpn.flatMap((name) => [Buffer.from([name.length]), Buffer.from(name, 'latin1')]));
}
