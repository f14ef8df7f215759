/** Who a peer must be, and whose tokens say who asks: Istio's filter `istio_authn`. */
export interface IstioAuthn {
  /** Undefined: nothing is asked of peers. */
  readonly mutualTls: 'strict' | 'permissive' | undefined;
  readonly peerIsOptional: boolean;
  /** Issuers, in order: the first of whom there is a verified token says who asks. Empty: nobody's. */
  readonly issuers: readonly string[];
  readonly originIsOptional: boolean;
  /** Whose name `request.auth.principal` is. */
  readonly principal: 'peer' | 'origin';
  /** Peers of other trust domains are no peers. */
  readonly checksTrustDomain: boolean;
  /** Routes are looked for again when a token says who asks. */
  readonly reroutes: boolean;
}
