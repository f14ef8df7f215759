/** The release of Istio whose interfaces the proxy presents; the same as in `packages/config`. */
export const istioVersion = '1.24.0';

/** The release of Envoy whose API the proxy speaks. */
export const envoyVersion = '1.32.0';

/** The release of this program. */
export const proxyVersion = '0.1.0';
