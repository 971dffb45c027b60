// Says formulas in words, for the PDF: reads a JSON list of MathML, answers with the list of what is said.
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const speech = createRequire(import.meta.url)("speech-rule-engine"); // which is no module
await speech.setupEngine({ locale: "en", domain: "clearspeak", modality: "speech" });
const formulas = JSON.parse(await text(process.stdin));
console.log(JSON.stringify(formulas.map((formula) => speech.toSpeech(formula))));
