import type { ListenerContext, ServeConnection } from '../listener/compiled-listener.ts';
import type { MongoProxy } from '../model/mongo.ts';
import { TappedWire } from '../wire/tapped-wire.ts';
import { toJson } from './bson.ts';
import { opcodes, type MongoMessage } from './message.ts';
import { MongoTap, type MongoTapContext } from './mongo-tap.ts';
import { touchedBy } from './operation.ts';

const metadataNamespace = 'envoy.filters.network.mongo_proxy';

/** Compiles `envoy.filters.network.mongo_proxy`: it watches what the rest of the chain serves. */
export function compileMongoProxy(
  model: MongoProxy,
  context: ListenerContext,
): (serve: ServeConnection) => ServeConnection {
  const { timers, random, clock, turn, writeLog } = context;
  const tapContext: MongoTapContext = {
    model,
    stats: context.mongoStats(model.statPrefix),
    timers,
    random,
    nowMs: () => clock.monotonicMs(),
  };
  return (serve) => (wire, info, onClosed) => {
    // Clients choose the names, `__proto__` among them.
    const asked = Object.create(null) as Record<string, string[]>;
    const tap = new MongoTap(tapContext, {
      onBytes() {
        // As Envoy: of what came before is told no more, so that it is not kept either.
        for (const collection in asked) delete asked[collection];
      },
      onMessage(message) {
        if (model.emitMetadata) noteCollection(asked, message);
        if (model.accessLog !== undefined)
          writeLog(model.accessLog, logLine(message, turn.wallMs, info.remote.address));
      },
      onHeld: (isHeld) => tapped.hold(isHeld),
    });
    const tapped = new TappedWire(wire, tap);
    const metadata = model.emitMetadata ? { ...info.metadata, [metadataNamespace]: asked } : info.metadata;
    return serve(tapped, { ...info, metadata }, onClosed);
  };
}

/** `{"shop.users": ["query"]}` */
function noteCollection(asked: Record<string, string[]>, message: MongoMessage): void {
  const touched = touchedCollection(message);
  if (touched === undefined) return;
  (asked[touched.collection] ??= []).push(touched.operation);
}

function touchedCollection(
  message: MongoMessage,
): { readonly collection: string; readonly operation: string } | undefined {
  switch (message.kind) {
    case 'query':
    case 'insert':
      return { collection: message.collection, operation: message.kind };
    case 'message':
      return touchedBy(message.body);
    case 'opaque': {
      const { collection, opcode } = message;
      if (collection === undefined || opcode === opcodes.getMore) return undefined;
      return { collection, operation: opcode === opcodes.query ? 'query' : 'insert' };
    }
    default:
      return undefined;
  }
}

function logLine(message: MongoMessage, wallMs: number, client: string): string {
  const shown = {
    ...message,
    ...('query' in message ? { query: toJson(message.query) } : {}),
    ...('body' in message ? { body: toJson(message.body) } : {}),
    ...('cursor' in message ? { cursor: String(message.cursor) } : {}),
  };
  return `${JSON.stringify({ time: new Date(wallMs).toISOString(), client, message: shown })}\n`;
}
