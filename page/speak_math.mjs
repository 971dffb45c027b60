// Says formulas in English words: reads one MathML a line, as a JSON string, and answers each with its words, as one.
import { createInterface } from "node:readline";
import SRE from "speech-rule-engine";

await SRE.setupEngine({ locale: "en", domain: "clearspeak", modality: "speech" });
for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(SRE.toSpeech(JSON.parse(line))));
