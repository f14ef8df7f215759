/** How grave a message is. */
export type MessageLevel = 'Error' | 'Warning' | 'Info';

/** The object that a message is about. */
export interface ObjectName {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Something that an analyzer found. */
export interface Message {
  /** Istio's code, such as IST0101, or one of our own, such as LTN0001, where Istio has none. */
  readonly code: string;
  readonly level: MessageLevel;
  readonly object: ObjectName;
  /** Path of the field; empty for the whole object. */
  readonly path: string;
  readonly message: string;
  /** `FILE:LINE:COLUMN` of the field, where the object was read from a file. */
  readonly reference?: string;
}

/** What is known of each code: its name, for Istio's codes that of its documentation, and how grave it is. */
export const messageCodes = {
  IST0002: { name: 'Deprecated', level: 'Warning' },
  IST0101: { name: 'ReferencedResourceNotFound', level: 'Error' },
  IST0102: { name: 'NamespaceNotInjected', level: 'Info' },
  IST0103: { name: 'PodMissingProxy', level: 'Warning' },
  IST0106: { name: 'SchemaValidationError', level: 'Error' },
  IST0109: { name: 'ConflictingMeshGatewayVirtualServiceHosts', level: 'Error' },
  IST0112: { name: 'VirtualServiceDestinationPortSelectorRequired', level: 'Error' },
  IST0116: { name: 'DeploymentAssociatedToMultipleServices', level: 'Warning' },
  IST0118: { name: 'PortNameIsNotUnderNamingConvention', level: 'Info' },
  IST0127: { name: 'NoMatchingWorkloadsFound', level: 'Warning' },
  IST0130: { name: 'VirtualServiceUnreachableRule', level: 'Warning' },
  IST0132: { name: 'VirtualServiceHostNotFoundInGateway', level: 'Warning' },
  IST0149: { name: 'JwtClaimBasedRoutingWithoutRequestAuthN', level: 'Error' },
  IST0151: { name: 'EnvoyFilterUsesRelativeOperation', level: 'Warning' },
  IST0152: { name: 'EnvoyFilterUsesReplaceOperationIncorrectly', level: 'Error' },
  IST0153: { name: 'EnvoyFilterUsesAddOperationIncorrectly', level: 'Error' },
  IST0154: { name: 'EnvoyFilterUsesRemoveOperationIncorrectly', level: 'Error' },
  IST0155: { name: 'EnvoyFilterUsesRelativeOperationWithProxyVersion', level: 'Warning' },
  LTN0001: { name: 'JwtClaimBasedRoutingAtSidecars', level: 'Warning' },
  LTN0002: { name: 'SeveralCustomProvidersOfWorkload', level: 'Error' },
  LTN0003: { name: 'EnvoyFilterPatchWithoutEffect', level: 'Warning' },
  LTN0004: { name: 'EnvoyFilterRefusedByProxies', level: 'Error' },
} as const satisfies Record<string, { readonly name: string; readonly level: MessageLevel }>;

export type MessageCode = keyof typeof messageCodes;

/** Makes a message of a code. */
export function message(code: MessageCode, object: ObjectName, path: string, text: string): Message {
  return { code, level: messageCodes[code].level, object, path, message: text };
}

/** One line, in the manner of istioctl: `Error [IST0101] (VirtualService reviews.default route.yaml:9:15) …`. */
export function formatMessage({ level, code, object, message: text, path, reference }: Message): string {
  const where = object.namespace === '' ? object.name : `${object.name}.${object.namespace}`;
  const origin = reference === undefined ? where : `${where} ${reference}`;
  return `${level} [${code}] (${object.kind} ${origin}) ${path === '' ? '' : `${path}: `}${text}`;
}
