import { useEffect, useState } from 'preact/hooks';
import type { ConsoleEvents } from '../../src/documents.ts';
import { EventText } from './event-text.ts';

/** What the console has told so far, and whether it still tells. */
export interface ConsoleState extends Partial<ConsoleEvents> {
  readonly link: 'connecting' | 'live' | 'lost' | 'refused';
}

const tokenKey = 'lateen-token';
const maxWaitMs = 5000;

/** The token moves from the address into the tab's own storage, so that the address can be shown. */
function takeToken(): string {
  const url = new URL(location.href);
  const given = url.searchParams.get('token');
  if (given !== null) {
    sessionStorage.setItem(tokenKey, given);
    url.searchParams.delete('token');
    history.replaceState(null, '', url);
  }
  return sessionStorage.getItem(tokenKey) ?? '';
}

/** Follows the console's events; connects again when the stream breaks. */
export function useConsole(): ConsoleState {
  const [state, setState] = useState<ConsoleState>({ link: 'connecting' });
  useEffect(() => {
    const token = takeToken();
    const stop = new AbortController();
    void follow(token, stop.signal, (change) => setState((before) => ({ ...before, ...change })));
    return () => stop.abort();
  }, []);
  return state;
}

async function follow(
  token: string,
  signal: AbortSignal,
  tell: (change: Partial<ConsoleState>) => void,
): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      const headers = { authorization: `Bearer ${token}` };
      const response = await fetch('/api/events', { headers, signal, cache: 'no-store' });
      if (response.status === 401) {
        tell({ link: 'refused' });
        return;
      }
      if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
      tell({ link: 'live' });
      failures = 0;
      const events = new EventText();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        for (const { name, data } of events.push(value)) {
          tell({ [name]: JSON.parse(data) as unknown });
        }
      }
    } catch {
      if (signal.aborted) return;
    }
    tell({ link: 'lost' });
    await new Promise((resolve) => setTimeout(resolve, Math.min(maxWaitMs, 250 * 2 ** failures)));
  }
}
