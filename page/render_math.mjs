// Sets formulas with KaTeX: reads one {tex, display, mathml} a line as JSON, answers each with {html} or {error}.
import katex from "katex";
import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
  const { tex, display, mathml } = JSON.parse(line);
  let answer;
  try {
    const kind = mathml ? { output: "mathml", strict: "ignore" } : { strict: "error" };
    answer = { html: katex.renderToString(tex, { displayMode: display, ...kind }) };
  } catch (error) {
    answer = { error: error.message };
  }
  console.log(JSON.stringify(answer));
}
