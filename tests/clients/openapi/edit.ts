// Edits a photograph with the types that were generated from the document: upload, submit, result.
// Prints one JSON document: the status, and the first bytes of the output.

import type { operations, paths } from "./api";

declare const process: { argv: string[]; stdout: { write(text: string): void } };
declare function require(name: "fs"): { readFileSync(path: string): Uint8Array<ArrayBuffer> };

type Answer<Operation extends { responses: { 200: { content: { "application/json": unknown } } } }> =
  Operation["responses"][200]["content"]["application/json"];
type Refusal = operations["result"]["responses"][404]["content"]["application/json"];

const [baseUrl, token, photo] = process.argv.slice(2) as [string, string, string];
const authorization = `Bearer ${token}`;

async function call<T>(method: string, path: string, body?: BodyInit): Promise<T> {
  const headers: Record<string, string> = { authorization };
  if (typeof body === "string") headers["content-type"] = "application/json";
  const response = await fetch(baseUrl + path, { method, headers, body });
  return (await response.json()) as T;
}

async function main(): Promise<void> {
  const uploads: keyof paths = "/api/v3/media/upload/binary";
  const form = new FormData();
  form.append("file", new Blob([require("fs").readFileSync(photo)]), "photo.jpg");
  const uploaded = await call<Answer<operations["upload"]>>("POST", uploads, form);

  type Inputs = operations["submit"]["requestBody"]["content"]["application/json"];
  const inputs: Inputs = { prompt: "make the sky pink", image: uploaded.data.download_url };
  const submitted = await call<Answer<operations["submit"]>>(
    "POST",
    "/api/v3/wavespeed-ai/flux-kontext-max",
    JSON.stringify(inputs),
  );

  const read = (id: string) =>
    call<Answer<operations["result"]>>("GET", `/api/v3/predictions/${id}/result`);
  const deadline = Date.now() + 60_000;
  let ended = (await read(submitted.data.id)).data;
  while (["created", "processing"].includes(ended.status)) {
    if (Date.now() > deadline) throw new Error("the run does not end");
    await new Promise((resolve) => setTimeout(resolve, 200));
    ended = (await read(submitted.data.id)).data;
  }

  const nobodys = "0".repeat(32);
  const refused = await call<Refusal>("GET", `/api/v3/predictions/${nobodys}/result`);
  const code: "not_found" | Refusal["error_code"] = refused.error_code;
  const output = new Uint8Array(await (await fetch(ended.outputs[0]!)).arrayBuffer());
  const first = [...output.slice(0, 2)].map((byte) => byte.toString(16).padStart(2, "0"));
  const told = { status: ended.status, output: first.join(""), refused: code };
  process.stdout.write(JSON.stringify(told));
}

void main();
