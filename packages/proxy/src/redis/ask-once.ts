import type { Connector, PendingConnection } from '../cluster/connector.ts';
import type { Host } from '../cluster/host.ts';
import type { Wire } from '../wire/wire.ts';
import { ReplyReader, RespError } from './resp-reader.ts';

/**
 * Sends requests on a connection of their own, and hears the answer to the last; undefined where there is none. The
 * connection counts in no limit and no statistic. `cancel` gives up, and nothing is heard.
 */
export function askOnce(
  connector: Connector,
  host: Host,
  requests: readonly Buffer[],
  done: (reply: Buffer | undefined) => void,
): { cancel(): void } {
  let wire: Wire | undefined;
  let pending: PendingConnection | undefined;
  let left = requests.length;
  let over = false;
  const end = (): void => {
    over = true;
    pending?.cancel();
    wire?.destroy();
  };
  const finish = (reply: Buffer | undefined): void => {
    if (over) return;
    end();
    done(reply);
  };
  const reader = new ReplyReader((reply) => {
    left--;
    if (left === 0) finish(reply);
  });
  pending = connector.connect(host, {
    onConnected(connected) {
      pending = undefined;
      wire = connected;
      connected.handler = {
        onBytes(buffer, start, stop) {
          try {
            if (!over) reader.push(buffer, start, stop);
          } catch (error) {
            if (!(error instanceof RespError)) throw error;
            finish(undefined);
          }
        },
        onEnd: () => finish(undefined),
        onDrain() {},
        onClose: () => finish(undefined),
      };
      for (const request of requests) connected.write(request, 0, request.length);
    },
    onFailed() {
      pending = undefined;
      finish(undefined);
    },
  });
  return { cancel: end };
}
