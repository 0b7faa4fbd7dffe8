// What pages are made of: components (Preact), state (signals), and HTML in template literals (htm).
import { h } from "preact";
import htm from "htm";

export { Fragment, createContext, render } from "preact";
export { useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { computed, effect, signal, useComputed, useSignal } from "@preact/signals";
/** HTML as a template literal: html`<p class=${name}>${text}</p>`. */
export const html = htm.bind(h);
