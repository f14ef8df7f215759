import type { Stapled } from '../tls/openssl/ocsp-stapler.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import { StatNumbers } from './stat-numbers.ts';

const statNames = {
  handshake: ['ssl.handshake', 'counter'],
  connectionError: ['ssl.connection_error', 'counter'],
  sessionReused: ['ssl.session_reused', 'counter'],
  noCertificate: ['ssl.no_certificate', 'counter'],
  failVerifyNoCert: ['ssl.fail_verify_no_cert', 'counter'],
  failVerifyError: ['ssl.fail_verify_error', 'counter'],
  failVerifySan: ['ssl.fail_verify_san', 'counter'],
  failVerifyCertHash: ['ssl.fail_verify_cert_hash', 'counter'],
  ocspStapleRequests: ['ssl.ocsp_staple_requests', 'counter'],
  ocspStapleResponses: ['ssl.ocsp_staple_responses', 'counter'],
  ocspStapleOmitted: ['ssl.ocsp_staple_omitted', 'counter'],
  ocspStapleFailed: ['ssl.ocsp_staple_failed', 'counter'],
} as const;

type Number = (name: string, kind: 'counter' | 'gauge', value: number) => void;

/** What is counted of TLS, Envoy's `listener.….ssl.…` and `cluster.….ssl.…`. */
export class TlsStats extends StatNumbers<typeof statNames> {
  /** By the names of ciphers, versions, groups and signatures that were agreed on. */
  readonly #agreed = new Map<string, number>();

  constructor() {
    super(statNames);
  }

  /** Counts a connection that is made. */
  countHandshake(info: TlsInfo): void {
    const { n } = this;
    n.handshake++;
    if (info.sessionReused) n.sessionReused++;
    if (info.peerCertificate === undefined) n.noCertificate++;
    this.#count(`ssl.ciphers.${info.cipher}`);
    this.#count(`ssl.versions.${info.version}`);
    if (info.group) this.#count(`ssl.curves.${info.group}`);
    if (info.peerSignature) this.#count(`ssl.sigalgs.${info.peerSignature}`);
  }

  /** Counts a connection that an error of TLS has ended, or, by `refusal`, a peer that was not accepted: as Envoy, one of both. */
  countFailure(refusal: string | undefined): void {
    const { n } = this;
    switch (refusal) {
      case undefined:
        n.connectionError++;
        break;
      case 'no_certificate':
        n.failVerifyNoCert++;
        break;
      case 'wrong_name':
      case 'wrong_server_name':
        n.failVerifySan++;
        break;
      case 'wrong_hash':
        n.failVerifyCertHash++;
        break;
      default:
        n.failVerifyError++;
    }
  }

  /** Counts a client that asked what an authority says of our certificate. */
  countStapled(what: Stapled): void {
    const { n } = this;
    n.ocspStapleRequests++;
    if (what === 'response') n.ocspStapleResponses++;
    else if (what === 'omitted') n.ocspStapleOmitted++;
    else n.ocspStapleFailed++;
  }

  #count(name: string): void {
    this.#agreed.set(name, (this.#agreed.get(name) ?? 0) + 1);
  }

  override visit(number: Number): void {
    super.visit(number);
    for (const [name, count] of this.#agreed) number(name, 'counter', count);
  }

  override resetCounters(): void {
    super.resetCounters();
    this.#agreed.clear();
  }
}
