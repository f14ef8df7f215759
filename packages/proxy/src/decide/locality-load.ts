/** The health of one locality within a priority. */
export interface LocalityHealth {
  /** As the control plane gave it; 0 takes no request. */
  readonly weight: number;
  readonly available: number;
  readonly total: number;
}

/**
 * The weights by which requests go to localities: what the control plane gave, less for a locality of
 * which so many hosts are gone that `overprovisioningPercent` of the rest do not make up for them.
 * Source: Envoy, "Locality weighted load balancing".
 */
export function localityWeights(
  localities: readonly LocalityHealth[],
  overprovisioningPercent: number,
): number[] {
  return localities.map(({ weight, available, total }) =>
    total === 0 ? 0 : weight * Math.min(1, (overprovisioningPercent / 100) * (available / total)),
  );
}
