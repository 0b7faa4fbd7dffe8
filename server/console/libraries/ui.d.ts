// The types of ui.js, for the check of the pages (npm run types).
export { Fragment, createContext, render } from "preact";
export { useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { computed, effect, signal, useComputed, useSignal, type Signal } from "@preact/signals";
export const html: (strings: TemplateStringsArray, ...values: unknown[]) => any;
