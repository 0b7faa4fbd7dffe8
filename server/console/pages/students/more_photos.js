// More photos of a student who is enrolled.
import { html } from "../../libraries/ui.js";
import { t } from "../../core/words.js";
import { Section, told } from "../../components/basics.js";
import { PhotoCollection } from "../../components/photo_collection.js";
import { addressOf } from "../../components/stored_photo.js";
import { put, useConsent } from "./consent.js";
import { useSending } from "./sending.js";

/**
 * @param {{ student: any, asks: boolean, facing?: "user" | "environment", done: () => void }} props `asks`: for a consent, where none is on record
 */
export function MorePhotos({ student, asks, facing, done }) {
  const [consent, fields] = useConsent();
  const asked = asks && !student.consentimiento;
  const { send, doubt } = useSending(`${addressOf(student.matricula)}/images`, (answer) => {
    told(t("students.added", { count: answer.photos.length }));
    done();
  });
  const act = async (/** @type {Blob[]} */ photos) => {
    if (asked && consent) await put(student.matricula, consent);
    await send({}, photos);
  };
  return html`<${Section} title=${t("students.more_photos")} id="more-title">
    <p class="quiet">${t("photos.advice")}</p>
    ${asked && fields}
    <${PhotoCollection} send=${act} button=${t("students.add_photos")} facing=${facing} />
    ${doubt}
  <//>`;
}
