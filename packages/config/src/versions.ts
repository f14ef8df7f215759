/** The Kubernetes version that the local cluster presents, as in `/version`. */
export const kubernetesVersion = {
  major: '1',
  minor: '32',
  gitVersion: 'v1.32.0+lateen',
} as const;

/** The Istio version whose API, names and defaults Lateen follows. */
export const istioVersion = '1.24.0';

/** Lateen's own version. */
export const lateenVersion = '0.1.0';
