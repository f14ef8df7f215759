import { isDeepStrictEqual } from 'node:util';
import { ok, problem, problems, type Problem, type Result } from '@lateen/core';
import type { ResourceChange } from '../model/change.ts';
import type { CertificateValidation, DataSource, Secret, TrustDomain } from '../model/tls.ts';
import { placeOf, readDataSource } from './data-source.ts';
import { loadCertificate, type LoadedCertificate } from './load-certificate.ts';
import { brokenCertificates } from './pem-certificates.ts';
import { WatchedDirectories } from './watched-directories.ts';
import type { LazyOpenssl, Openssl } from './openssl/openssl.ts';
import { ticketKeyBytes } from './openssl/ticket-keys.ts';
import { whyListsUnusable, whyRootsUnusable } from './openssl/usable.ts';
import { directoriesOfSecret } from './watched-paths.ts';

/** A trust domain with its bundle read, PEM. */
export interface LoadedTrustDomain {
  readonly name: string;
  readonly bundle: Buffer;
}

/** How a peer is verified, with the roots read. */
export interface LoadedValidation {
  readonly model: CertificateValidation;
  readonly trustedCa: Buffer | undefined;
  readonly crl: Buffer | undefined;
  readonly trustDomains: readonly LoadedTrustDomain[];
}

type Loaded =
  | { readonly kind: 'certificate'; readonly certificate: LoadedCertificate }
  | { readonly kind: 'validation'; readonly validation: LoadedValidation }
  | { readonly kind: 'ticket_keys'; readonly keys: readonly Buffer[] }
  | { readonly kind: 'generic' };

/** A secret that cannot be used, and why. */
export interface RefusedSecret {
  readonly name: string;
  readonly problems: readonly Problem[];
}

interface Kept {
  readonly secret: Secret;
  readonly loaded: Loaded;
  readonly revision: number;
}

/**
 * Secrets by name, read and checked; each change of one makes a new revision of it. Their files are read again when
 * something changes in the folders that are watched for them.
 */
export class SecretStore {
  /** For what TLS reads from files. */
  readonly watched: WatchedDirectories;
  /** What servers make keys of session tickets from that have none given; undefined: OpenSSL makes some for each context. */
  readonly ticketSecret: Uint8Array | undefined;
  /** Told the name of a secret whose files have changed and cannot be used. */
  onRotationFailed: (name: string) => void = () => {};
  readonly #openssl: LazyOpenssl;
  readonly #secrets = new Map<string, Kept>();
  #revision = 0;

  constructor(openssl: LazyOpenssl, watched = new WatchedDirectories(), ticketSecret?: Uint8Array) {
    this.#openssl = openssl;
    this.watched = watched;
    this.ticketSecret = ticketSecret;
    watched.onChange = (directory) => this.#readAgain(directory);
  }

  /** Takes a change; secrets that cannot be used are refused and their last good ones stay. */
  update(change: ResourceChange<Secret> | undefined): readonly RefusedSecret[] {
    const refused: RefusedSecret[] = [];
    for (const name of change?.remove ?? []) {
      this.#secrets.delete(name);
      this.watched.own(`secrets/${name}`, []);
    }
    for (const secret of change?.set ?? []) {
      // Watched first, so that no change after the reading is missed.
      const before = this.#secrets.get(secret.name)?.secret;
      this.watched.own(`secrets/${secret.name}`, directoriesOfSecret(secret));
      const loaded = loadSecret(this.#openssl, secret);
      if (loaded.ok) this.#put(secret, loaded.value);
      else {
        this.watched.own(`secrets/${secret.name}`, before === undefined ? [] : directoriesOfSecret(before));
        refused.push({ name: secret.name, problems: loaded.problems });
      }
    }
    return refused;
  }

  #put(secret: Secret, loaded: Loaded): void {
    this.#secrets.set(secret.name, { secret, loaded, revision: ++this.#revision });
  }

  #readAgain(directory: string): void {
    for (const { secret, loaded: present } of this.#secrets.values()) {
      if (!directoriesOfSecret(secret).includes(directory)) continue;
      const loaded = loadSecret(this.#openssl, secret);
      if (!loaded.ok) {
        this.watched.noteUnusable(`secret ${secret.name}`, loaded.problems);
        this.onRotationFailed(secret.name);
      } else if (!isDeepStrictEqual(loaded.value, present)) this.#put(secret, loaded.value);
    }
  }

  /** Undefined while no certificate of the name is there. */
  certificate(name: string): LoadedCertificate | undefined {
    const loaded = this.#secrets.get(name)?.loaded;
    return loaded?.kind === 'certificate' ? loaded.certificate : undefined;
  }

  /** Undefined while no validation context of the name is there. */
  validation(name: string): LoadedValidation | undefined {
    const loaded = this.#secrets.get(name)?.loaded;
    return loaded?.kind === 'validation' ? loaded.validation : undefined;
  }

  /** Undefined while no ticket keys of the name are there. */
  ticketKeys(name: string): readonly Buffer[] | undefined {
    const loaded = this.#secrets.get(name)?.loaded;
    return loaded?.kind === 'ticket_keys' ? loaded.keys : undefined;
  }

  /** Changes whenever the secret does; 0 while it is not there. */
  revision(name: string): number {
    return this.#secrets.get(name)?.revision ?? 0;
  }
}

function loadSecret(openssl: LazyOpenssl, secret: Secret): Result<Loaded> {
  if (secret.kind === 'certificate') {
    const certificate = loadCertificate(openssl.get(), secret.certificate, 'tls_certificate');
    return certificate.ok ? ok({ kind: 'certificate', certificate: certificate.value }) : certificate;
  }
  if (secret.kind === 'validation') {
    const validation = loadValidation(openssl.get(), secret.validation, 'validation_context');
    return validation.ok ? ok({ kind: 'validation', validation: validation.value }) : validation;
  }
  if (secret.kind === 'ticket_keys') {
    const keys = loadTicketKeys(secret.keys, 'session_ticket_keys');
    return keys.ok ? ok({ kind: 'ticket_keys', keys: keys.value }) : keys;
  }
  return ok({ kind: 'generic' });
}

/** Reads keys for session tickets; a problem where one has not the length that Envoy asks for. */
export function loadTicketKeys(sources: readonly DataSource[], path: string): Result<readonly Buffer[]> {
  const wrong: Problem[] = [];
  const keys = sources.map((source, i) => {
    const at = `${path}.keys[${i}]`;
    const key = readDataSource(source, at);
    if (!key.ok) wrong.push(...key.problems);
    else if (key.value.length !== ticketKeyBytes)
      wrong.push({ path: at, message: `has ${key.value.length} bytes, must have ${ticketKeyBytes}` });
    return key.ok ? key.value : Buffer.alloc(0);
  });
  return wrong.length > 0 ? problems(wrong) : ok(keys);
}

/** Reads the roots of a validation context; a problem where they are none. */
export function loadValidation(
  openssl: Openssl,
  model: CertificateValidation,
  path: string,
): Result<LoadedValidation> {
  const ca =
    model.trustedCa === undefined ? undefined : readDataSource(model.trustedCa, `${path}.trusted_ca`);
  const crl = model.crl === undefined ? undefined : readDataSource(model.crl, `${path}.crl`);
  const wrong: Problem[] = [];
  for (const result of [ca, crl]) if (result?.ok === false) wrong.push(...result.problems);
  if (ca?.ok === false || crl?.ok === false) return problems(wrong);
  const broken = ca === undefined ? undefined : brokenCertificates(openssl, ca.value);
  if (broken !== undefined)
    return problem(
      `${path}.trusted_ca`,
      `holds no roots that can be used${placeOf(model.trustedCa)}: ${broken}`,
    );
  const rootsError = ca === undefined ? undefined : whyRootsUnusable(openssl, ca.value);
  if (rootsError !== undefined)
    return problem(`${path}.trusted_ca`, `cannot be used${placeOf(model.trustedCa)}: ${rootsError}`);
  const listsError = crl === undefined ? undefined : whyListsUnusable(openssl, crl.value);
  if (listsError !== undefined)
    return problem(`${path}.crl`, `cannot be used${placeOf(model.crl)}: ${listsError}`);
  const trustDomains = loadTrustDomains(openssl, model.trustDomains ?? [], path);
  return trustDomains.ok
    ? ok({ model, trustedCa: ca?.value, crl: crl?.value, trustDomains: trustDomains.value })
    : trustDomains;
}

function loadTrustDomains(
  openssl: Openssl,
  domains: readonly TrustDomain[],
  path: string,
): Result<readonly LoadedTrustDomain[]> {
  const wrong: Problem[] = [];
  const loaded = domains.map(({ name, bundle: source }, i) => {
    const at = `${path}.custom_validator_config.typed_config.trust_domains[${i}].trust_bundle`;
    const bundle = readDataSource(source, at);
    if (!bundle.ok) wrong.push(...bundle.problems);
    const pem = bundle.ok ? bundle.value : Buffer.alloc(0);
    const error = brokenCertificates(openssl, pem) ?? whyRootsUnusable(openssl, pem);
    if (bundle.ok && error !== undefined)
      wrong.push({ path: at, message: `holds no roots of "${name}"${placeOf(source)}: ${error}` });
    return { name, bundle: pem };
  });
  return wrong.length > 0 ? problems(wrong) : ok(loaded);
}
