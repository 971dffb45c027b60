// Measures every built page with Lighthouse, on a desktop and on a phone; exits with 1 where a page misses the mark.
//   node page/audit/audit.mjs [--folder _build/html] [words that the page's name must contain ...]
import { launch } from "chrome-launcher";
import lighthouse, { desktopConfig } from "lighthouse";
import { globSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

const CATEGORIES = ["performance", "accessibility", "best-practices", "seo"];
const MARKS = { desktop: [100, 100, 100, 100], phone: [95, 100, 100, 100] };
const MOST_SHIFT = 0.005; // as much as rounds to 0.00: nothing moves, though Lighthouse gives 100 points to 0.05
const REDIRECTS = /^(zh\/)?index\.html$/;
const TYPES = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png", ".woff2": "font/woff2" };

const { values, positionals } = parseArgs({ allowPositionals: true, options: { folder: { type: "string", default: "_build/html" } } });

// As GitHub Pages does: gzip for what is text, and ten minutes in the cache.
const server = createServer((request, response) => {
  const path = join(values.folder, decodeURIComponent(new URL(request.url, "http://localhost").pathname));
  try {
    const body = readFileSync(path);
    const type = TYPES[extname(path)] ?? "text/plain";
    const packed = !/png|woff2/.test(type);
    response.writeHead(200, { "content-type": type, "cache-control": "max-age=600", ...(packed && { "content-encoding": "gzip" }) });
    response.end(packed ? gzipSync(body) : body);
  } catch {
    response.writeHead(404).end();
  }
}).listen(0, "localhost");

async function measure(address, device, port) {
  const run = await lighthouse(address, { port, onlyCategories: CATEGORIES, logLevel: "silent" }, device === "desktop" ? desktopConfig : undefined);
  const { categories, audits } = run.lhr;
  const shift = audits["cumulative-layout-shift"].numericValue;
  const faults = Object.values(audits).filter((a) => a.score !== null && a.score < 0.9).map((a) => a.id);
  if (shift > MOST_SHIFT) faults.unshift("cumulative-layout-shift");
  return { scores: CATEGORIES.map((name) => Math.round(100 * categories[name].score)), shift, faults };
}

// The middle one of five measurements: one differs from the next by up to ten points, as the machine has time. What has
// moved in any of them has moved.
async function measureFiveTimes(first, ...where) {
  const all = [first];
  while (all.length < 5) all.push(await measure(...where));
  const shift = Math.max(...all.map((each) => each.shift));
  return { ...all.sort((a, b) => a.scores[0] - b.scores[0])[2], shift };
}

const misses = (scores, device) => scores.some((score, i) => score < MARKS[device][i]);
const pages = globSync("{,zh/}{*,chapters/*,assignments/*}.html", { cwd: values.folder }).sort();
const chosen = pages.filter((page) => !REDIRECTS.test(page) && positionals.every((word) => page.includes(word)));
const chrome = await launch({ chromeFlags: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"] });
console.log(`${"page".padEnd(40)} device   ${CATEGORIES.join("  ")}  shift`);
for (const page of chosen) {
  for (const device of Object.keys(MARKS)) {
    const address = `http://localhost:${server.address().port}/${page}`;
    let seen = await measure(address, device, chrome.port);
    if (misses(seen.scores, device)) seen = await measureFiveTimes(seen, address, device, chrome.port);
    const { scores, shift, faults } = seen;
    const columns = scores.map((score, i) => String(score).padStart(CATEGORIES[i].length)).join("  ");
    const missed = misses(scores, device) || shift > MOST_SHIFT;
    console.log(`${page.padEnd(40)} ${device.padEnd(8)} ${columns}  ${shift.toFixed(3)}${missed ? `  MISSES: ${faults.join(" ")}` : ""}`);
    if (missed) process.exitCode = 1;
  }
}
await chrome.kill();
server.close();
