export { patchTypes } from './patch-types.ts';
export { decodePatches, type DecodedPatches } from './decode-patches.ts';
