// What the npm package `dify-client` gets from a server; `test_clients.py` reads the JSON it prints.
//
//   node play_dify_client.mjs URL SLOW_URL

import { createInterface } from "node:readline";
import { CompletionClient, DifyClient } from "dify-client";

const USER = "npm-dify-client";
const base = `${process.argv[2]}/v1`;

async function* events(response) {
  for await (const line of createInterface({ input: response.data })) {
    if (line.startsWith("data: ")) yield JSON.parse(line.slice("data: ".length));
  }
}

async function collect(stream) {
  const all = [];
  for await (const event of stream) all.push(event);
  return all;
}

async function run(key, inputs) {
  const response = await new CompletionClient(key, base).runWorkflow(inputs, USER);
  return response.data;
}

async function stream(key, inputs) {
  return events(await new CompletionClient(key, base).runWorkflow(inputs, USER, true));
}

async function upload() {
  const form = new FormData();
  form.append("user", USER);
  form.append("file", new Blob(["some notes"], { type: "text/plain" }), "notes.txt");
  const response = await new DifyClient("app-documents", base).fileUpload(form);
  return response.data;
}

async function stoppedRun() {
  const waiting = await stream("app-waiting", { url: process.argv[3] });
  const { value: first } = await waiting.next();
  const answer = await new DifyClient("app-waiting", base).sendRequest(
    "POST",
    `/workflows/tasks/${first.task_id}/stop`,
    { user: USER },
  );
  const rest = await collect(waiting);
  return { answer: answer.data, last_event: rest[rest.length - 1] };
}

async function wrongKey() {
  try {
    return (await new DifyClient("app-nobody", base).getApplicationParameters(USER)).data;
  } catch (error) {
    return error.response.data;
  }
}

const greet = { name: "Ada", language: "English" };
const greeter = new DifyClient("app-greeting", base);
const uploaded = await upload();
const mapping = { type: "document", transfer_method: "local_file", upload_file_id: uploaded.id };

console.log(
  JSON.stringify({
    parameters: (await greeter.getApplicationParameters(USER)).data,
    blocking: await run("app-greeting", greet),
    streaming: await collect(await stream("app-greeting", greet)),
    upload: uploaded,
    with_file: await run("app-documents", { files: [mapping] }),
    stopped: await stoppedRun(),
    logs: (await greeter.sendRequest("GET", "/workflows/logs")).data,
    wrong_key: await wrongKey(),
  }),
);
