import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { messageOf, ok, problem, problems, type Problem, type Result } from '@lateen/core';
import type { TlsOptions } from '../model/tls.ts';
import { compilePeerCheck, type PeerCheck } from './peer-verification.ts';
import {
  loadCertificate,
  loadValidation,
  type LoadedCertificate,
  type LoadedValidation,
  type SecretStore,
} from './secret-store.ts';

/** What connections are made with while the secrets stay the same. */
export interface TlsSettings {
  readonly context: SecureContext;
  /** True where a peer is asked for its certificate. */
  readonly verifies: boolean;
  readonly check: PeerCheck;
}

/** TLS as a cluster or a filter chain asks for it; a changed secret is used from the next connection on. */
export class FollowingTlsSettings {
  readonly #options: TlsOptions;
  readonly #secrets: SecretStore;
  readonly #sanIsServerName: boolean;
  #revision: string | undefined;
  #current: Result<TlsSettings> = problem('', 'not built yet');

  constructor(options: TlsOptions, secrets: SecretStore, sanIsServerName = false) {
    this.#options = options;
    this.#secrets = secrets;
    this.#sanIsServerName = sanIsServerName;
  }

  /** The settings for a new connection; problems where a secret is not there or nothing can be made of it. */
  current(): Result<TlsSettings> {
    const { certificateSecrets, validationSecret } = this.#options;
    const names =
      validationSecret === undefined ? certificateSecrets : [...certificateSecrets, validationSecret];
    const revision = names.map((name) => this.#secrets.revision(name)).join('.');
    if (revision !== this.#revision) {
      this.#revision = revision;
      const missing = names.filter((name) => this.#secrets.revision(name) === 0);
      this.#current =
        missing.length > 0
          ? problem('', `secret "${missing.join('", "')}" is not there`)
          : buildSettings(this.#options, this.#secrets, this.#sanIsServerName);
    }
    return this.#current;
  }
}

/** Reads everything and makes the settings; all problems at once. */
function buildSettings(
  options: TlsOptions,
  secrets: SecretStore,
  sanIsServerName: boolean,
): Result<TlsSettings> {
  const wrong: Problem[] = [];
  const taken = <T>(loaded: Result<T>): T | undefined => {
    if (loaded.ok) return loaded.value;
    wrong.push(...loaded.problems);
    return undefined;
  };
  const certificates: LoadedCertificate[] = [
    ...options.certificates.map((model, i) => taken(loadCertificate(model, `tls_certificates[${i}]`))),
    ...options.certificateSecrets.map((name) => secrets.certificate(name)),
  ].filter((certificate) => certificate !== undefined);
  // Combined: the roots of the secret with the names of the resource.
  const validations: LoadedValidation[] = [
    options.validation === undefined
      ? undefined
      : taken(loadValidation(options.validation, 'validation_context')),
    options.validationSecret === undefined ? undefined : secrets.validation(options.validationSecret),
  ].filter((validation) => validation !== undefined);
  if (wrong.length > 0) return problems(wrong);
  const roots = validations.flatMap((v) => v.trustedCa ?? []);
  const hasRoots = roots.length > 0 || validations.some((v) => v.model.systemRoots === true);
  const models = validations.map((v) => v.model);
  try {
    return ok({
      context: createSecureContext(contextOptions(options, certificates, validations, roots)),
      verifies: validations.length > 0,
      check: compilePeerCheck(models, { hasRoots, sanIsServerName }),
    });
  } catch (error) {
    return problem('', messageOf(error));
  }
}

function contextOptions(
  options: TlsOptions,
  certificates: readonly LoadedCertificate[],
  validations: readonly LoadedValidation[],
  roots: Buffer[],
): SecureContextOptions {
  const lists = validations.flatMap((v) => v.crl ?? []);
  const passphrase = certificates.find((c) => c.passphrase !== undefined)?.passphrase;
  return {
    // OpenSSL refuses to resume sessions with client certificates unless it is said where they belong.
    sessionIdContext: 'lateen',
    // Older versions only where somebody asks for them.
    minVersion: nodeVersion(options.minVersion) ?? 'TLSv1.2',
    maxVersion: nodeVersion(options.maxVersion) ?? 'TLSv1.3',
    ...(options.cipherSuites.length === 0 ? {} : { ciphers: cipherList(options.cipherSuites) }),
    ...(options.ecdhCurves.length === 0 ? {} : { ecdhCurve: options.ecdhCurves.map(curveName).join(':') }),
    ...(certificates.length === 0
      ? {}
      : { cert: certificates.map((c) => c.chain), key: certificates.map((c) => c.privateKey) }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(roots.length === 0 ? {} : { ca: roots }),
    ...(lists.length === 0 ? {} : { crl: lists }),
  };
}

function nodeVersion(version: TlsOptions['minVersion']): SecureContextOptions['minVersion'] {
  return version === 'TLSv1.0' ? 'TLSv1' : version;
}

const tls13Suites = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'];

/** Envoy's list is for the versions before 1.3, whose suites stay on. Groups `[a|b]` are of equal rank. */
function cipherList(suites: readonly string[]): string {
  const older = suites.flatMap((suite) => suite.replace(/^\[|\]$/g, '').split('|'));
  return [...tls13Suites, ...older].join(':');
}

const curves: Readonly<Record<string, string>> = {
  'P-256': 'prime256v1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
};

function curveName(curve: string): string {
  return curves[curve] ?? curve;
}
