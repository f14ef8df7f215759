import type { DecodedPatches } from '@lateen/control/envoy-filter';

/** A patch of an EnvoyFilter that the control plane acts on. */
export type AppliedPatch = DecodedPatches['patches'][number];
