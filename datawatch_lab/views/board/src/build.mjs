// Builds what is committed beside the Python: for the watch page in pieces, for Panel in one.
// `npm ci && npm run build`; users need no node.

import { readFileSync, readdirSync, rmSync, writeFileSync, mkdirSync, statSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const OUT = new URL("../../assets/board/", import.meta.url).pathname;
const BUDGET = 960_000;
// Panel rewrites a component with Sucrase, which breaks newer operators in minified code.
const PANEL = "es2019";

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
const shared = { bundle: true, minify: true, target: "es2022", format: "esm", legalComments: "none", logLevel: "warning" };

await build({ ...shared, entryPoints: { watch: "watch.ts" }, outdir: OUT, splitting: true, chunkNames: "[name]-[hash]" });
await build({ ...shared, entryPoints: { board: "panel.ts" }, outdir: OUT, target: PANEL, loader: { ".css": "text" } });
await build({ ...shared, entryPoints: { format: "format.ts" }, outdir: OUT });

const css = ["node_modules/uplot/dist/uPlot.min.css", "node_modules/gridstack/dist/gridstack.min.css", "board.css", "watch.css", "builder/builder.css"].map((each) => readFileSync(each, "utf8"));
const { outputFiles } = await build({ stdin: { contents: css.join("\n"), loader: "css" }, minify: true, write: false });
writeFileSync(`${OUT}watch.css`, outputFiles[0].contents);

writeFileSync(`${OUT}world.json`, JSON.stringify(JSON.parse(readFileSync("node_modules/world-atlas/countries-110m.json", "utf8"))));
const names = JSON.parse(readFileSync("node_modules/i18n-iso-countries/langs/en.json", "utf8")).countries;
const codes = JSON.parse(readFileSync("node_modules/i18n-iso-countries/codes.json", "utf8")).map(([two, three, number]) => [
  number,
  two,
  three,
  ...[names[two]].flat(),
]);
writeFileSync(`${OUT}countries.json`, `${JSON.stringify(codes).replaceAll("],[", "],\n[")}\n`);

const parts = ["uplot", "gridstack", "echarts", "zrender", "tslib", "topojson-client", "world-atlas", "i18n-iso-countries"];
const licences = parts.map((each) => {
  const folder = `node_modules/${each}/`;
  const name = readdirSync(folder).find((file) => /^(licen[cs]e|copyright)/i.test(file));
  const { version } = JSON.parse(readFileSync(`${folder}package.json`, "utf8"));
  return `${each} ${version}\n\n${name ? readFileSync(folder + name, "utf8").trim() : ""}`;
});
writeFileSync(`${OUT}LICENSES.txt`, `${licences.join("\n\n----------------\n\n")}\n`);

for (const name of readdirSync(OUT).sort()) {
  const text = readFileSync(OUT + name);
  console.log(name.padEnd(24), String(text.length).padStart(8), "bytes", String(gzipSync(text).length).padStart(8), "gzip");
  if (text.length > BUDGET) throw new Error(`${name} is larger than ${BUDGET} bytes`);
}
if (!statSync(`${OUT}watch.js`).size) throw new Error("nothing was built");
