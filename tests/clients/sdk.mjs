// The provider's own JavaScript SDK, unchanged: sdk.mjs TOKEN BASE_URL PHOTO BIG_FILE WEBHOOK.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Client } = createRequire(`${process.env.NODE_PATH}/`)("wavespeed");
const MODEL = "wavespeed-ai/flux-kontext-max";
const [token, baseUrl, photo, bigFile, webhook] = process.argv.slice(2);
const client = new Client(token, { baseUrl });

const fetched = async (url) => {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
};

const image = await client.upload(photo);
const inputs = { prompt: "pencil sketch", image, seed: 5 };
const run = await client.run(MODEL, inputs, { pollInterval: 0.2, timeout: 60 });
const told = await client.run(`${MODEL}?webhook=${webhook}`, inputs, { pollInterval: 0.2 });
const held = await client.run(MODEL, inputs, { enableSyncMode: true, timeout: 120 });
const isWhole = (await fetched(await client.upload(bigFile))).equals(readFileSync(bigFile));
const outputs = [];
for (const one of [run, told, held]) {
  outputs.push((await fetched(one.outputs[0])).subarray(0, 2).toString("hex"));
}
console.log(JSON.stringify({ outputs, is_whole: isWhole }));
