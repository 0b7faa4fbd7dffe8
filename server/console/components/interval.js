// A share and its interval on a line; the words beside it say the same.
import { html } from "../libraries/ui.js";

/** @param {{ share: number, low: number, high: number, scale: number }} props `scale`: the share at the line's right end */
export function Interval({ share, low, high, scale }) {
  const at = (value) => Math.min(100, (100 * value) / scale);
  return html`<svg class="interval" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
    <line class="whole" x1="0" x2="100" y1="5" y2="5" /><line class="range" x1=${at(low)} x2=${at(high)} y1="5" y2="5" />
    <line class="share" x1=${at(share)} x2=${at(share)} y1="0" y2="10" /></svg>`;
}
