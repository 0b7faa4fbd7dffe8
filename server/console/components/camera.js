// The camera of this computer or phone, as still pictures.
import { html, useEffect, useRef, useState } from "../libraries/ui.js";
import { t } from "../core/words.js";

/**
 * @param {HTMLVideoElement} video @param {number} [longest] pixels of the longer side at most
 * @returns {Promise<Blob>} what the camera sees now, JPEG
 */
export function still(video, longest = 1600) {
  const scale = Math.min(1, longest / Math.max(video.videoWidth, video.videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/jpeg", 0.9),
  );
}

/**
 * The camera's picture while it runs. `ready` is given the video; leaving the page or closing ends the camera.
 * What looks at the person who holds it is shown as a mirror does; `overlay` lies above the picture.
 * @param {{ ready: (video: HTMLVideoElement) => void, facing?: "user" | "environment", overlay?: any, children?: any }} props
 */
export function Camera({ ready, facing = "environment", overlay, children }) {
  /** @type {any} */
  const video = useRef(null);
  const [wrong, setWrong] = useState("");
  useEffect(() => {
    let stream = /** @type {MediaStream | null} */ (null);
    let left = false;
    const wanted = { video: { facingMode: facing, width: { ideal: 1920 }, height: { ideal: 1080 } } };
    (async () => {
      try {
        stream = await navigator.mediaDevices.getUserMedia(wanted);
        if (left) return stream.getTracks().forEach((track) => track.stop());
        video.current.srcObject = stream;
        await video.current.play();
        ready(video.current);
      } catch (error) {
        setWrong(t(/** @type {any} */ (error)?.name === "NotAllowedError" ? "camera.refused" : "camera.none"));
      }
    })();
    return () => {
      left = true;
      stream?.getTracks().forEach((track) => track.stop());
    };
  }, [facing]);
  if (wrong) return html`<p class="empty wrong" role="alert">${wrong}</p>`;
  return html`<div class="camera"><div class=${facing === "user" ? "viewfinder mirrored" : "viewfinder"}>
    <video ref=${video} muted playsinline aria-label=${t("camera.picture")}></video>${overlay}</div>${children}</div>`;
}
