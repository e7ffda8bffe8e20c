// The server under test, and clients of it as Node programs make them.

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";

const endpoint = process.env.STREAMFOLD_ENDPOINT;
if (!endpoint) throw new Error("STREAMFOLD_ENDPOINT names no server");
const credentials = { accessKeyId: "local", secretAccessKey: "local" };

// Errors are what is tested: none is to be tried again behind the test's back.
export const settings = { endpoint, region: "us-east-1", credentials, maxAttempts: 1 };
export const dynamodb = new DynamoDBClient(settings);
export const documents = DynamoDBDocumentClient.from(dynamodb, { marshallOptions: { removeUndefinedValues: true } });

let made = 0;

/** A table's name that nobody has. */
export function newName(stem) {
  made += 1;
  return `${stem}-${process.pid}-${made}`;
}

export async function all(pages, list) {
  const found = [];
  for await (const page of pages) found.push(...list(page));
  return found;
}
