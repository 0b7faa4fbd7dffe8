// A page that others change, too: it is loaded again when its reader comes back to it.
import { useEffect } from "../libraries/ui.js";

const AT_MOST_EVERY_MS = 1000; // a browser tells in several ways that its reader is back

/** @param {() => void} again loads the page */
export function useKeptUp(again) {
  useEffect(() => {
    let last = Date.now();
    const look = () => {
      if (document.hidden || Date.now() - last < AT_MOST_EVERY_MS) return;
      last = Date.now();
      again();
    };
    addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    return () => {
      removeEventListener("focus", look);
      document.removeEventListener("visibilitychange", look);
    };
  }, []);
}
