// A page that others change, too: it is loaded again when its reader comes back to it, and now and then.
import { useEffect } from "../libraries/ui.js";

const EVERY_MS = 20_000;
const AT_MOST_EVERY_MS = 1000; // a browser tells in several ways that its reader is back

/** @param {() => void} again loads the page @param {boolean} [often] now and then, too */
export function useKeptUp(again, often = false) {
  useEffect(() => {
    let last = Date.now();
    const look = () => {
      if (document.hidden || Date.now() - last < AT_MOST_EVERY_MS) return;
      last = Date.now();
      again();
    };
    const timer = often ? setInterval(look, EVERY_MS) : 0;
    addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      removeEventListener("focus", look);
      document.removeEventListener("visibilitychange", look);
    };
  }, [often]);
}
