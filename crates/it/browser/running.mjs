// Watches the pages of a real function and of its trigger in a real browser, while records are put and calls fail.
//
// STREAMFOLD_URL  a server that runs `examples/votes/handler.yaml`, to which nobody else puts anything.
// CHROMIUM        the browser; /usr/bin/chromium.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { follow, launch, newPage } from "./pages.mjs";

const url = process.env.STREAMFOLD_URL ?? "http://localhost:8000";
/** The first call of a function may make its Python environment. */
const timeout = 120_000;

async function vote(id) {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": "DynamoDB_20120810.PutItem",
      authorization: "AWS4-HMAC-SHA256 Credential=dummy/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00",
    },
    body: JSON.stringify({ TableName: "votes", Item: { id: { S: id }, region: { S: "SOUTH" }, improvement: { S: "TREES" } } }),
  });
  assert.equal(response.status, 200, await response.text());
}

/** Lets the function have so many calls at once. */
async function room(calls) {
  const response = await fetch(`${url}/2017-10-31/functions/vote-counter/concurrency`, {
    method: "PUT",
    headers: {
      "content-type": "application/json",
      authorization: "AWS4-HMAC-SHA256 Credential=dummy/20261121/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=00",
    },
    body: JSON.stringify({ ReservedConcurrentExecutions: calls }),
  });
  assert.equal(response.status, 200, await response.text());
}

/** The element that has the figure of this name. */
const figure = (page, name) => page.locator("#figures > div", { has: page.locator(".kicker", { hasText: new RegExp(`^${name}$`) }) }).locator(".figure");

/** Waits until the page, which is never reloaded, shows this figure. */
async function shows(page, name, wanted) {
  await figure(page, name).filter({ hasText: wanted }).waitFor({ timeout });
}

describe("the pages of a real function", () => {
  let browser;
  let page;
  let trigger;
  const complaints = [];

  const open = async (path) => follow(await newPage(browser, path, complaints), url + path);

  before(async () => {
    browser = await launch();
    page = await open("/functions/vote-counter");
    const shown = await (await fetch(`${url}/api/triggers`)).json();
    trigger = await open(`/triggers/${shown.triggers[0].uuid}`);
  });

  after(async () => { await browser?.close(); });

  it("shows the call, its duration and its log after a put", async () => {
    await shows(page, "Invocations", /^0$/);
    assert.equal(await figure(page, "Median").textContent(), "\u2013");
    await vote("one");
    await shows(page, "Invocations", /^1$/);
    await shows(page, "Median", /[1-9].*s$/);
    await shows(page, "Processes", /^1$/);
    await page.locator('#log [data-kind="report"]').first().waitFor();
    await shows(trigger, "Delivered", /^1$/);
    await page.locator('#triggers [data-trigger] .facts', { hasText: "1 delivered" }).waitFor();
    const bars = page.locator(".chart .bars").first();
    await page.waitForFunction((element) => element.getAttribute("d").length > 0, await bars.elementHandle());
  });

  it("shows how far a paused trigger falls behind, and how it catches up", async () => {
    await trigger.getByRole("button", { name: "Pause" }).click();
    await trigger.locator("#state", { hasText: "paused" }).waitFor();
    for (const id of ["two", "three", "four"]) await vote(id);
    await shows(trigger, "Behind", /^[1-9]/);
    assert.equal(await figure(trigger, "Delivered").textContent(), "1");
    await trigger.getByRole("button", { name: "Resume" }).click();
    await shows(trigger, "Delivered", /^4$/);
    await shows(trigger, "Behind", /^0$/);
  });

  it("shows how old records get while the function has no room for them", async () => {
    await shows(trigger, "Iterator age", /^none$/);
    await room(0);
    await vote("five");
    await shows(trigger, "Iterator age", /s$/);
    const age = await figure(trigger, "Iterator age").textContent();
    await trigger.waitForFunction(([element, age]) => element.textContent !== age, [await figure(trigger, "Iterator age").elementHandle(), age]);
    await trigger.locator("#state", { hasText: "backing off" }).waitFor();
    await shows(trigger, "No room", /^[1-9]/);
    await room(10);
    await shows(trigger, "Delivered", /^5$/);
    await shows(trigger, "Iterator age", /^none$/);
  });

  it("shows an error, who made it and the traceback", async () => {
    await shows(page, "Errors", /^0$/);
    await page.getByLabel("Payload, JSON").fill('{"no": "records"}');
    await page.getByRole("button", { name: "Invoke" }).click();
    await page.locator('#answer[data-tone="bad"] #answer-head', { hasText: "Unhandled error" }).waitFor();
    await shows(page, "Errors", /^1$/);
    await page.locator("#last-error .kind", { hasText: "KeyError" }).waitFor();
    await page.locator("#log li", { hasText: "KeyError: 'Records'" }).first().waitFor();
  });

  it("complained about nothing", () => assert.deepEqual(complaints, []));
});
