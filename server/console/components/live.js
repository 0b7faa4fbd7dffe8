// What happens in a session, told by the server while a page shows it.
import { useEffect, useRef } from "../libraries/ui.js";
import { ask, wait } from "../core/api.js";

const AGAIN_MS = 2000;
const LATER_MS = 20_000;

/**
 * Follow a stream of server-sent events, and ask for it again whenever it ends. `fetch` is used for it because it sends
 * the page's key. `happened` is also told when the stream has `begun`, and now and then while there is none (`missed`):
 * something may have happened meanwhile.
 * @param {string} path @param {boolean} wanted @param {(name: string, data: any) => void} happened
 */
export function useEvents(path, wanted, happened) {
  const latest = useRef(happened);
  latest.current = happened;
  useEffect(() => {
    if (!wanted) return undefined;
    const leave = new AbortController();
    (async () => {
      while (!leave.signal.aborted) {
        let pause = AGAIN_MS;
        try {
          const reply = await ask("GET", path, { signal: leave.signal, patient: false });
          latest.current("begun", null); // what came while no one listened
          await read(reply, (name, data) => latest.current(name, data));
        } catch {
          if (leave.signal.aborted) return;
          latest.current("missed", null);
          pause = LATER_MS;
        }
        await wait(pause, leave.signal).catch(() => {});
      }
    })();
    return () => leave.abort();
  }, [path, wanted]);
}

/** @param {Response} reply @param {(name: string, data: any) => void} told */
async function read(reply, told) {
  if (!reply.body) return;
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop() ?? "";
    for (const each of events) {
      const [, name] = each.match(/^event: (.*)$/m) ?? [];
      const [, data] = each.match(/^data: (.*)$/m) ?? [];
      if (name && data) told(name, JSON.parse(data));
    }
  }
}
