import { hkdfSync } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { messageOf, ok, problem, problems, type Result } from '@lateen/core';
import type { DataSource, OcspPolicy, TlsOptions } from '../model/tls.ts';
import type { LogWriter } from '../telemetry/log-files.ts';
import type { OwnCertificate } from '../wire/tls-info.ts';
import { compileCertificateChoice, traitsOf } from './certificate-choice.ts';
import { describeOwn } from './describe-connection.ts';
import { curveName, readInlineTls, suitesOf, type InlineTls } from './inline-tls.ts';
import { openKeyLog, type KeyLog } from './key-log.ts';
import { Certificate } from './openssl/certificate.ts';
import { createContext, type TlsContext } from './openssl/context.ts';
import { sha256 } from './openssl/digest.ts';
import type { LazyOpenssl, Openssl } from './openssl/openssl.ts';
import { ticketKeyBytes } from './openssl/ticket-keys.ts';
import type { TlsSession } from './openssl/tls-session.ts';
import { compilePeerCheck, type PeerCheck } from './peer-verification.ts';
import type { LoadedCertificate } from './load-certificate.ts';
import type { LoadedValidation, SecretStore } from './secret-store.ts';
import { compileStapling, whyNotStapled } from './stapling.ts';
import { directoriesOfTls } from './watched-paths.ts';

/** What connections are made with while the secrets stay the same. */
export interface TlsSettings {
  readonly openssl: Openssl;
  readonly context: TlsContext;
  /** True where a peer is asked for its certificate. */
  readonly verifies: boolean;
  /** True where a peer must show one, whatever else is said. */
  readonly needsPeer: boolean;
  readonly check: PeerCheck;
  /** Whose session keys are written down; undefined: nobody's. */
  readonly keyLog: KeyLog | undefined;
  /** What our certificate says that a connection shows. */
  readonly ownOf: (session: TlsSession) => OwnCertificate | undefined;
}

/** What the two sides of TLS do not have in common. */
export interface TlsSide {
  /** Writes session keys where they are asked for. */
  readonly writeLog: LogWriter;
  /** The peer's certificate must carry the name that was asked for. */
  readonly sanIsServerName?: boolean;
  /** Servers choose from the protocols; clients offer them with each connection. */
  readonly choosesProtocol?: boolean;
  /** A server shows a certificate for another name where none has the one that the client asks for. */
  readonly scansAllCertificates?: boolean;
  readonly sessionTimeoutMs?: number | undefined;
  readonly ticketsDisabled?: boolean;
  readonly ticketKeys?: readonly DataSource[] | undefined;
  readonly ticketKeysSecret?: string | undefined;
  /** Of a server: what clients get that ask for an OCSP response, and what time it is (since 1970). */
  readonly stapling?: { readonly policy: OcspPolicy; readonly now: () => number };
}

/** TLS as a cluster or a filter chain asks for it; a changed secret is used from the next connection on. */
export class FollowingTlsSettings {
  readonly #openssl: LazyOpenssl;
  readonly #options: TlsOptions;
  readonly #secrets: SecretStore;
  readonly #side: TlsSide;
  /** Secrets that the settings are made of. */
  readonly #names: readonly string[];
  /** Folders whose files they are made of besides. */
  readonly #directories: readonly string[];
  #revision: string | undefined;
  #fileRevision = '';
  #inline: InlineTls | undefined;
  #current: Result<TlsSettings> = problem('', 'not built yet');

  constructor(openssl: LazyOpenssl, options: TlsOptions, secrets: SecretStore, side: TlsSide) {
    this.#openssl = openssl;
    this.#options = options;
    this.#secrets = secrets;
    this.#side = side;
    const { certificateSecrets, validationSecret } = options;
    this.#names = [...certificateSecrets, validationSecret, side.ticketKeysSecret].filter(
      (name) => name !== undefined,
    );
    this.#directories = directoriesOfTls(options, side.ticketKeys);
  }

  /** The settings for a new connection; problems where a secret is not there or nothing can be made of it. */
  current(): Result<TlsSettings> {
    const revision = this.#names.map((name) => this.#secrets.revision(name)).join('.');
    const { watched } = this.#secrets;
    const fileRevision = this.#directories.map((one) => watched.revision(one)).join('.');
    if (revision !== this.#revision || fileRevision !== this.#fileRevision) {
      const onlyFiles = revision === this.#revision;
      this.#revision = revision;
      this.#fileRevision = fileRevision;
      const inline = readInlineTls(this.#openssl, this.#options, this.#side.ticketKeys);
      if (onlyFiles && this.#current.ok) {
        // Files may be seen while only some of them are replaced.
        if (inline.wrong.length > 0) {
          watched.noteUnusable('what TLS reads from files', inline.wrong);
          return this.#current;
        }
        if (isDeepStrictEqual(inline, this.#inline)) return this.#current;
      }
      this.#inline = inline;
      this.#current = this.#build(inline);
    }
    return this.#current;
  }

  #build(inline: InlineTls): Result<TlsSettings> {
    const missing = this.#names.filter((name) => this.#secrets.revision(name) === 0);
    if (missing.length > 0) return problem('', `secret "${missing.join('", "')}" is not there`);
    return buildSettings(this.#openssl.get(), inline, this.#options, this.#secrets, this.#side);
  }
}

/** Makes the settings of what was read. */
function buildSettings(
  openssl: Openssl,
  own: InlineTls,
  options: TlsOptions,
  secrets: SecretStore,
  side: TlsSide,
): Result<TlsSettings> {
  if (own.wrong.length > 0) return problems(own.wrong);
  const certificates: LoadedCertificate[] = [
    ...own.certificates,
    ...options.certificateSecrets.map((name) => secrets.certificate(name)),
  ].filter((certificate) => certificate !== undefined);
  // Combined: the roots of the secret with the names of the resource.
  const validations: LoadedValidation[] = [
    own.validation,
    options.validationSecret === undefined ? undefined : secrets.validation(options.validationSecret),
  ].filter((validation) => validation !== undefined);
  const ticketKeys = [
    ...own.ticketKeys,
    ...(side.ticketKeysSecret === undefined ? [] : (secrets.ticketKeys(side.ticketKeysSecret) ?? [])),
  ];
  const trustDomains = validations.findLast((v) => v.trustDomains.length > 0)?.trustDomains ?? [];
  const systemRoots = validations.some((v) => v.model.systemRoots === true);
  const roots = trustDomains.length > 0 ? [] : validations.flatMap((v) => v.trustedCa ?? []);
  if (systemRoots && roots.length === 0 && trustDomains.length === 0)
    roots.push(Buffer.from(getCACertificates('bundled').join('\n')));
  const verified = roots.length > 0 || trustDomains.length > 0;
  if (
    !verified &&
    validations.some((v) => v.model.sanMatches.length > 0) &&
    !validations.some((v) => v.model.acceptUntrusted)
  )
    return problem(
      '',
      'names are verified, and neither the resource nor its secret has a root that vouches for them',
    );
  const parsed = certificates.flatMap(({ chain }) => Certificate.fromPem(openssl.library, chain) ?? []);
  if (parsed.length < certificates.length) return problem('', 'a certificate cannot be read');
  const { stapling } = side;
  const unstapled =
    stapling === undefined ? [] : certificates.flatMap((one) => whyNotStapled(one, stapling.policy) ?? []);
  if (unstapled[0] !== undefined) return problem('', unstapled[0]);
  const staple =
    stapling === undefined ? undefined : compileStapling(certificates, stapling.policy, stapling.now);
  const keyLog = openedKeyLog(options, side);
  if (typeof keyLog === 'string') return problem('', keyLog);
  const scope = sessionScope(openssl, parsed, validations);
  const context = createContext(openssl, {
    certificates,
    ...(side.choosesProtocol === true && certificates.length > 1
      ? {
          chooseCertificate: compileCertificateChoice(
            parsed.map(traitsOf),
            side.scansAllCertificates === true,
            staple === undefined ? undefined : (index) => staple(index) === 'failed',
          ),
        }
      : {}),
    ...(staple === undefined ? {} : { staple }),
    tellsKeys: keyLog !== undefined,
    roots,
    trustDomains,
    revocationLists: validations.flatMap((v) => v.crl ?? []),
    revocationOfLeafOnly: validations.some((v) => v.model.revocationOfLeafOnly === true),
    // Combined: what the secret says goes before what the resource says.
    maxVerifyDepth: validations.findLast((v) => v.model.maxVerifyDepth !== undefined)?.model.maxVerifyDepth,
    minVersion: options.minVersion,
    maxVersion: options.maxVersion,
    ciphers: cipherList(options.cipherSuites),
    groups: options.ecdhCurves.map(curveName).join(':'),
    signatureAlgorithms: (options.signatureAlgorithms ?? []).join(':'),
    alpn: side.choosesProtocol === true ? options.alpn : [],
    sessionTimeoutMs: side.sessionTimeoutMs,
    ticketsDisabled: side.ticketsDisabled === true,
    ticketKeys: ticketKeys.length > 0 ? ticketKeys : sharedTicketKeys(secrets, side, scope),
    sessionScope: scope,
  });
  if (!context.ok) return context;
  const check = compilePeerCheck(
    validations.map((v) => v.model),
    { hasRoots: verified, sanIsServerName: side.sanIsServerName === true },
  );
  const descriptions = parsed.map(describeOwn);
  const shown = context.value.certificates;
  return ok({
    openssl,
    context: context.value,
    verifies: validations.length > 0,
    needsPeer: trustDomains.length > 0,
    check,
    keyLog,
    ownOf: (session) =>
      descriptions[shown.length < 2 ? 0 : Math.max(0, shown.indexOf(session.ownCertificate))],
  });
}

/** The log of session keys, or why there can be none. */
function openedKeyLog({ keyLog }: TlsOptions, { writeLog }: TlsSide): KeyLog | string | undefined {
  if (keyLog === undefined) return undefined;
  try {
    return openKeyLog(keyLog, writeLog);
  } catch (error) {
    return `session keys cannot be written to ${keyLog.path}: ${messageOf(error)}`;
  }
}

/** Keys that every worker of the process makes for the same TLS context; none where this thread is the only one. */
function sharedTicketKeys({ ticketSecret }: SecretStore, side: TlsSide, scope: Buffer): readonly Buffer[] {
  if (ticketSecret === undefined || side.choosesProtocol !== true || side.ticketsDisabled === true) return [];
  return [Buffer.from(hkdfSync('sha256', ticketSecret, scope, 'session tickets', ticketKeyBytes))];
}

/**
 * What sessions are bound to where several contexts have the keys of their tickets: whom we are, and how peers are
 * judged. The names of a certificate count, not itself, so that sessions outlive its rotation; a client that was
 * judged by other roots is judged anew.
 */
function sessionScope(
  { c }: Openssl,
  certificates: readonly Certificate[],
  validations: readonly LoadedValidation[],
): Buffer {
  const names = certificates.map((one) => [one.subject, one.names]);
  // What is read counts by its content, which another thread may have from elsewhere.
  const rules = JSON.stringify(
    validations.map(({ model }) => model),
    (key, value: unknown) => (readFields.has(key) ? undefined : value),
  );
  const parts: Buffer[] = [Buffer.from(JSON.stringify(names)), Buffer.from(rules)];
  for (const { trustedCa, crl, trustDomains } of validations) {
    for (const part of [trustedCa, crl, ...trustDomains.map(({ bundle }) => bundle)])
      parts.push(Buffer.from(`;${part?.length ?? -1};`), part ?? Buffer.alloc(0));
  }
  return sha256(c, Buffer.concat(parts));
}

const readFields: ReadonlySet<string> = new Set(['trustedCa', 'crl', 'bundle', 'watchedDirectory']);

/** Envoy's list, as OpenSSL's, leaves the suites of TLS 1.3 on. */
function cipherList(suites: readonly string[]): string {
  return suites.flatMap(suitesOf).join(':');
}
