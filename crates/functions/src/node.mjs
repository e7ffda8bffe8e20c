// Runs a Node.js handler against the Lambda Runtime API: node node.mjs FILE.EXPORT
import http from "node:http";
import path from "node:path";
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const base = "/2018-06-01/runtime";

function call(method, url, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, agent, method, path: base + url, headers }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }));
      response.on("error", reject);
    });
    request.on("error", reject);
    if (body !== undefined) request.setHeader("Content-Length", Buffer.byteLength(body));
    request.end(body);
  });
}

function errorDocument(error) {
  if (error instanceof Error) {
    return {
      errorType: error.name || "Error",
      errorMessage: error.message,
      trace: (error.stack || "").split("\n"),
    };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

async function initError(kind, error) {
  const document = { ...errorDocument(error), errorType: kind };
  console.error(JSON.stringify(document));
  await call("POST", "/init/error", JSON.stringify(document), { "Lambda-Runtime-Function-Error-Type": kind });
  process.exit(1);
}

class NoHandler extends Error {}

// What AWS's runtime puts into the global scope for streamed answers: here they are sent in one piece.
globalThis.awslambda = {
  streamifyResponse: (handler) => async (event, context) => {
    const chunks = [];
    const { Writable } = await import("node:stream");
    const stream = new Writable({ write(chunk, _, done) { chunks.push(Buffer.from(chunk)); done(); } });
    stream.setContentType = () => {};
    await handler(event, stream, context);
    return new Streamed(Buffer.concat(chunks));
  },
  HttpResponseStream: { from: (stream) => stream },
};

class Streamed {
  constructor(bytes) { this.bytes = bytes; }
}

async function load(name) {
  const root = process.env.LAMBDA_TASK_ROOT;
  const folder = path.dirname(name);
  const [file, ...members] = path.basename(name).split(".");
  if (members.length === 0) throw new NoHandler(`the handler ${name} is not FILE.EXPORT`);
  const stem = path.join(root, folder, file);
  const found = [".mjs", ".js", ".cjs"].map((extension) => stem + extension).find((full) => fs.existsSync(full));
  if (found === undefined) {
    const error = new Error(`Cannot find module '${file}' in ${path.join(root, folder)}`);
    error.code = "ERR_MODULE_NOT_FOUND";
    throw error;
  }
  const module = await import(pathToFileURL(found).href);
  const pick = (from) => members.reduce((value, member) => value?.[member], from);
  const handler = pick(module) ?? pick(module.default);
  if (handler === undefined) throw new NoHandler(`${name} is undefined or not exported`);
  if (typeof handler !== "function") throw new NoHandler(`${name} is not a function`);
  return handler;
}

function invoke(handler, event, context) {
  return new Promise((resolve, reject) => {
    const done = (error, value) => (error ? reject(error) : resolve(value));
    context.done = done;
    context.succeed = resolve;
    context.fail = (error) => reject(error ?? new Error("handled"));
    let result;
    try {
      result = handler(event, context, done);
    } catch (error) {
      return reject(error);
    }
    if (result && typeof result.then === "function") result.then(resolve, reject);
    else if (handler.length < 3) resolve(result);
  });
}

async function serve(handler) {
  for (;;) {
    const next = await call("GET", "/invocation/next");
    if (next.status !== 200) process.exit(1);
    const header = (name) => next.headers["lambda-runtime-" + name];
    const id = header("aws-request-id");
    const deadline = Number(header("deadline-ms"));
    process.env._X_AMZN_TRACE_ID = header("trace-id");
    const context = {
      awsRequestId: id,
      invokedFunctionArn: header("invoked-function-arn"),
      functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
      functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
      memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
      logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
      clientContext: header("client-context") ? JSON.parse(header("client-context")) : undefined,
      callbackWaitsForEmptyEventLoop: true,
      getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    };
    const fence = { "Lambda-Runtime-Invocation-Id": header("invocation-id"), "Content-Type": "application/json" };
    try {
      const value = await invoke(handler, JSON.parse(next.body.toString()), context);
      const body = value instanceof Streamed ? value.bytes : (JSON.stringify(value) ?? "null");
      await call("POST", `/invocation/${id}/response`, body, fence);
    } catch (error) {
      console.error(error);
      const document = errorDocument(error);
      const headers = { ...fence, "Lambda-Runtime-Function-Error-Type": document.errorType };
      await call("POST", `/invocation/${id}/error`, JSON.stringify(document), headers);
    }
  }
}

process.on("uncaughtException", (error) => {
  console.error(error);
  process.exit(129);
});

try {
  const handler = await load(process.argv[2]);
  await serve(handler);
} catch (error) {
  const kinds = { ERR_MODULE_NOT_FOUND: "Runtime.ImportModuleError" };
  const syntax = error instanceof SyntaxError ? "Runtime.UserCodeSyntaxError" : "Runtime.Unhandled";
  const kind = error instanceof NoHandler ? "Runtime.HandlerNotFound" : (kinds[error?.code] ?? syntax);
  await initError(kind, error);
}
