import { Buffer, BufferPerRoute } from '@lateen/protocol/envoy/extensions/filters/http/buffer/v3';
import { Brotli } from '@lateen/protocol/envoy/extensions/compression/brotli/compressor/v3';
import { Gzip } from '@lateen/protocol/envoy/extensions/compression/gzip/compressor/v3';
import { Zstd } from '@lateen/protocol/envoy/extensions/compression/zstd/compressor/v3';
import { Compressor, CompressorPerRoute } from '@lateen/protocol/envoy/extensions/filters/http/compressor/v3';
import {
  StatefulSession,
  StatefulSessionPerRoute,
} from '@lateen/protocol/envoy/extensions/filters/http/stateful_session/v3';
import { CookieBasedSessionState } from '@lateen/protocol/envoy/extensions/http/stateful_session/cookie/v3';
import { HeaderBasedSessionState } from '@lateen/protocol/envoy/extensions/http/stateful_session/header/v3';
import { AdmissionControl } from '@lateen/protocol/envoy/extensions/filters/http/admission_control/v3';
import { BandwidthLimit } from '@lateen/protocol/envoy/extensions/filters/http/bandwidth_limit/v3';
import { AdaptiveConcurrency } from '@lateen/protocol/envoy/extensions/filters/http/adaptive_concurrency/v3';
import { OriginalSrc } from '@lateen/protocol/envoy/extensions/filters/http/original_src/v3';
import { CdnLoopConfig } from '@lateen/protocol/envoy/extensions/filters/http/cdn_loop/v3';
import { Brotli as BrotliDecompressor } from '@lateen/protocol/envoy/extensions/compression/brotli/decompressor/v3';
import { Gzip as GzipDecompressor } from '@lateen/protocol/envoy/extensions/compression/gzip/decompressor/v3';
import { Zstd as ZstdDecompressor } from '@lateen/protocol/envoy/extensions/compression/zstd/decompressor/v3';
import { Decompressor } from '@lateen/protocol/envoy/extensions/filters/http/decompressor/v3';
import { CsrfPolicy } from '@lateen/protocol/envoy/extensions/filters/http/csrf/v3';
import { Config as SetMetadata } from '@lateen/protocol/envoy/extensions/filters/http/set_metadata/v3';
import { ExtAuthz, ExtAuthzPerRoute } from '@lateen/protocol/envoy/extensions/filters/http/ext_authz/v3';
import {
  JwtAuthentication,
  PerRouteConfig as JwtPerRoute,
} from '@lateen/protocol/envoy/extensions/filters/http/jwt_authn/v3';
import { GrpcWeb } from '@lateen/protocol/envoy/extensions/filters/http/grpc_web/v3';
import {
  HeaderMutation,
  HeaderMutationPerRoute,
} from '@lateen/protocol/envoy/extensions/filters/http/header_mutation/v3';
import { HealthCheck } from '@lateen/protocol/envoy/extensions/filters/http/health_check/v3';
import { HeaderMutation as EarlyHeaderMutation } from '@lateen/protocol/envoy/extensions/http/early_header_mutation/header_mutation/v3';
import { UpstreamCodec } from '@lateen/protocol/envoy/extensions/filters/http/upstream_codec/v3';
import { UuidRequestIdConfig } from '@lateen/protocol/envoy/extensions/request_id/uuid/v3';
import { FilterConfig as IstioAuthn } from '@lateen/protocol/istio/envoy/config/filter/http/authn/v2alpha1';
import { FilterConfig as IstioAlpn } from '@lateen/protocol/istio/envoy/config/filter/http/alpn/v2alpha1';
import { RateLimit, RateLimitPerRoute } from '@lateen/protocol/envoy/extensions/filters/http/ratelimit/v3';
import { PreserveCaseFormatterConfig } from '@lateen/protocol/envoy/extensions/http/header_formatters/preserve_case/v3';
import { CustomHeaderConfig } from '@lateen/protocol/envoy/extensions/http/original_ip_detection/custom_header/v3';
import { XffConfig } from '@lateen/protocol/envoy/extensions/http/original_ip_detection/xff/v3';
import { AllowListedRoutesConfig } from '@lateen/protocol/envoy/extensions/internal_redirect/allow_listed_routes/v3';
import { PreviousRoutesConfig } from '@lateen/protocol/envoy/extensions/internal_redirect/previous_routes/v3';
import { SafeCrossSchemeConfig } from '@lateen/protocol/envoy/extensions/internal_redirect/safe_cross_scheme/v3';
import { UriTemplateMatchConfig } from '@lateen/protocol/envoy/extensions/path/match/uri_template/v3';
import { UriTemplateRewriteConfig } from '@lateen/protocol/envoy/extensions/path/rewrite/uri_template/v3';
import { OmitCanaryHostsPredicate } from '@lateen/protocol/envoy/extensions/retry/host/omit_canary_hosts/v3';
import { OmitHostMetadataConfig } from '@lateen/protocol/envoy/extensions/retry/host/omit_host_metadata/v3';

/** What HTTP filters, routes and connection managers may hold inside an Any, besides the filters of every sidecar. */
export const knownHttpTypes = [
  IstioAlpn,
  UpstreamCodec,
  UuidRequestIdConfig,
  AllowListedRoutesConfig,
  Brotli,
  Buffer,
  BufferPerRoute,
  CookieBasedSessionState,
  HeaderBasedSessionState,
  StatefulSession,
  StatefulSessionPerRoute,
  CsrfPolicy,
  Decompressor,
  BrotliDecompressor,
  GzipDecompressor,
  ZstdDecompressor,
  AdmissionControl,
  CdnLoopConfig,
  IstioAuthn,
  OriginalSrc,
  AdaptiveConcurrency,
  BandwidthLimit,
  SetMetadata,
  Compressor,
  CompressorPerRoute,
  CustomHeaderConfig,
  EarlyHeaderMutation,
  ExtAuthz,
  ExtAuthzPerRoute,
  GrpcWeb,
  Gzip,
  HeaderMutation,
  HeaderMutationPerRoute,
  HealthCheck,
  OmitCanaryHostsPredicate,
  OmitHostMetadataConfig,
  PreserveCaseFormatterConfig,
  PreviousRoutesConfig,
  JwtAuthentication,
  JwtPerRoute,
  RateLimit,
  RateLimitPerRoute,
  SafeCrossSchemeConfig,
  UriTemplateMatchConfig,
  UriTemplateRewriteConfig,
  XffConfig,
  Zstd,
] as const;
