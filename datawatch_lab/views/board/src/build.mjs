// Builds what is committed beside the Python: for the watch page in pieces, for Panel in one.
// `npm ci && npm run build`; users need no node.

import { readFileSync, readdirSync, rmSync, writeFileSync, mkdirSync, statSync } from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";
import { build } from "esbuild";

const OUT = new URL("../../assets/board/", import.meta.url).pathname;
// Panel serves files only from beneath the module of a component.
const PANEL = new URL("../built/", import.meta.url).pathname;
const BUDGET = 720_000;

for (const folder of [OUT, PANEL]) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}
const shared = { bundle: true, minify: true, target: "es2022", format: "esm", legalComments: "none", logLevel: "warning" };

await build({ ...shared, entryPoints: { watch: "watch.ts" }, outdir: OUT, splitting: true, chunkNames: "[name]-[hash]" });
const pieces = { board: "panel.ts", charts: "faces/charts.ts", edit: "edit.ts" };
await build({ ...shared, entryPoints: pieces, outdir: PANEL, loader: { ".css": "text" } });
// A picture is taken once the page has loaded, so its charts are no piece that is loaded later.
const charts = { name: "charts", setup: (made) => made.onResolve({ filter: /charts\.ts$/ }, () => ({ path: "./charts.js", external: true })) };
await build({ ...shared, entryPoints: { still: "still.ts" }, outdir: PANEL, plugins: [charts] });
// What tests run without a page; it is no part of what is installed.
await build({ ...shared, entryPoints: ["logic.ts"], outfile: new URL("../../../../tests/views/built/logic.mjs", import.meta.url).pathname });

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

// Packed once here, as small as it gets; the server only sends it.
const packed = (text) => brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: text.length } });
for (const folder of [OUT, PANEL]) {
  for (const name of readdirSync(folder).sort()) {
    const text = readFileSync(folder + name);
    const small = packed(text);
    if (folder === OUT && text.length > 1_000) writeFileSync(`${folder}${name}.br`, small);
    console.log(name.padEnd(24), String(text.length).padStart(8), "bytes", String(small.length).padStart(8), "brotli");
    if (text.length > BUDGET) throw new Error(`${name} is larger than ${BUDGET} bytes`);
  }
}
if (!statSync(`${OUT}watch.js`).size) throw new Error("nothing was built");
