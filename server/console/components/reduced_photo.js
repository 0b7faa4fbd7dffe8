// Photos that are larger than a server takes, made smaller before they are sent.

/** What a server takes where no setting says otherwise: PRESENTE_MAX_MEGAPIXELS and PRESENTE_MAX_BYTES. */
const MOST_PIXELS = 40e6;
const MOST_BYTES = 16e6;
/** Of a photo that is made smaller. Phones draw no more. */
const REDUCED_PIXELS = 16e6;

/**
 * A photo that the server takes: the same one, or a smaller copy. One that the browser cannot show is left to the server.
 * @param {File} file @returns {Promise<File>}
 */
export async function reduced(file) {
  const address = URL.createObjectURL(file);
  try {
    const picture = new Image();
    const loaded = new Promise((resolve, reject) => Object.assign(picture, { onload: resolve, onerror: reject }));
    picture.src = address;
    await loaded; // the size is known, and nothing is decoded yet
    const pixels = picture.naturalWidth * picture.naturalHeight;
    if (pixels <= MOST_PIXELS && file.size <= MOST_BYTES) return file;
    const small = await drawn(picture, Math.sqrt(Math.min(1, REDUCED_PIXELS / pixels)));
    return small ? new File([small], file.name, { type: small.type }) : file;
  } catch {
    return file;
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** @param {HTMLImageElement} picture @param {number} scale @returns {Promise<Blob | null>} JPEG, upright */
function drawn(picture, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.naturalWidth * scale);
  canvas.height = Math.round(picture.naturalHeight * scale);
  canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
}
