import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  {
    of: /header\.x-envoy-upstream-alt-stat-name$|^stat\.cluster\.up\.f\./,
    why: 'x-envoy-upstream-alt-stat-name is not read',
  },
  {
    of: /^up\.1\.1\.header\.x-envoy-(?:internal|force-trace|ip-tags)$/,
    cases: /^trace forced|^headers of Envoy/,
    why: 'of the mesh: it says nothing of where it comes from',
  },
  { cases: /^trace forced/, of: /header\.x-request-id$/, why: 'told where requests are traced' },
  { cases: /^two spellings$/, of: /\.header\.x-one$/, why: 'each line keeps its own spelling' },
];
