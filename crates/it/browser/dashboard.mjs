// Watches the votes dashboard in a real browser while votes are cast, changed and taken back through the API.
//
// STREAMFOLD_URL         a server that runs `examples/votes`; other votes may be there, but nobody else casts any.
// STREAMFOLD_SCREENSHOT  where to put the picture for the README, if anywhere (PNG).
// CHROMIUM               the browser; /usr/bin/chromium.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { follow, launch, newPage } from "./pages.mjs";

const url = process.env.STREAMFOLD_URL ?? "http://localhost:8000";
const picture = process.env.STREAMFOLD_SCREENSHOT;
const tag = `browser-${process.pid}-${Date.now()}`;

/** One call of the API, as an SDK makes it; on loopback without keys any signature is taken. */
async function call(operation, body) {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": `DynamoDB_20120810.${operation}`,
      authorization: "AWS4-HMAC-SHA256 Credential=dummy/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00",
    },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  assert.equal(response.status, 200, `${operation}: ${JSON.stringify(answer)}`);
  return answer;
}

const vote = (id, region, improvement) => call("PutItem", {
  TableName: "votes",
  Item: { id: { S: `${tag}-${id}` }, region: { S: region }, improvement: { S: improvement } },
});
const takeBack = (id) => call("DeleteItem", { TableName: "votes", Key: { id: { S: `${tag}-${id}` } } });

/** What the page shows of one bar: a number, 0 when there is no such bar. */
async function bar(page, group, label) {
  const found = page.locator(`[data-chart="${group}"] [data-label="${label}"]`);
  return await found.count() === 0 ? 0 : Number(await found.getAttribute("data-value"));
}

const total = async (page) => Number(await page.locator("#total").getAttribute("data-value"));

/** Waits until the page, which is never reloaded, shows exactly these numbers. */
async function shows(page, expected) {
  await page.waitForFunction((wanted) => {
    const one = (selector) => Number(document.querySelector(selector)?.dataset.value ?? 0);
    return one("#total") === wanted.total
      && wanted.bars.every(([group, label, value]) => one(`[data-chart="${group}"] [data-label="${label}"]`) === value);
  }, expected, { timeout: 10_000 }).catch(async (error) => {
    const seen = { total: await total(page), bars: [] };
    for (const [group, label] of expected.bars) seen.bars.push([group, label, await bar(page, group, label)]);
    assert.deepEqual(seen, expected, error.message);
  });
}

describe("the votes dashboard", () => {
  let browser;
  let page;
  const complaints = [];
  const start = {};

  before(async () => {
    browser = await launch();
    page = await newPage(browser, "/dashboards/votes", complaints, { viewport: { width: 1440, height: 900 }, colorScheme: "light" });
    await follow(page, `${url}/dashboards/votes`);
    await page.locator('main:not([data-state="waiting"])').waitFor();
    await page.evaluate(() => { window.neverReloaded = true; });
    start.total = await total(page);
    for (const region of ["SOUTH", "NORTH"]) start[region] = await bar(page, "region", region);
    for (const improvement of ["MORE_TREES", "BIKE_LANES"]) start[improvement] = await bar(page, "improvement", improvement);
  });

  after(async () => { await browser?.close(); });

  const now = (more, south, north, trees, lanes) => ({
    total: start.total + more,
    bars: [
      ["region", "SOUTH", start.SOUTH + south],
      ["region", "NORTH", start.NORTH + north],
      ["improvement", "MORE_TREES", start.MORE_TREES + trees],
      ["improvement", "BIKE_LANES", start.BIKE_LANES + lanes],
    ],
  });

  it("counts a vote as it is cast, without a reload", async () => {
    await vote(1, "SOUTH", "MORE_TREES");
    await shows(page, now(1, 1, 0, 1, 0));
    await vote(2, "SOUTH", "BIKE_LANES");
    await shows(page, now(2, 2, 0, 1, 1));
  });

  it("shows the newest vote on top", async () => {
    const newest = page.locator(".vote").first();
    assert.equal(await newest.getAttribute("data-kind"), "new");
    await newest.locator('[title="region: SOUTH"]').waitFor();
    await newest.locator('[title="improvement: BIKE_LANES"]').waitFor();
  });

  it("moves a vote that was changed", async () => {
    await vote(1, "NORTH", "MORE_TREES");
    await shows(page, now(2, 1, 1, 1, 1));
    await page.locator('.vote[data-kind="changed"]').first().waitFor();
  });

  it("does not count a vote again that was put again unchanged", async () => {
    await vote(1, "NORTH", "MORE_TREES");
    await vote(3, "SOUTH", "MORE_TREES");
    await shows(page, now(3, 2, 1, 2, 1));
  });

  it("takes a deleted vote back", async () => {
    await takeBack(1);
    await shows(page, now(2, 2, 0, 1, 1));
    await page.locator('.vote[data-kind="removed"]').first().waitFor();
  });

  it("agrees with the view's rows as the API reads them", async () => {
    let sum = 0;
    let next;
    do {
      const answer = await call("Scan", { TableName: "total_votes", ExclusiveStartKey: next });
      for (const row of answer.Items) sum += Number(row.total_votes.N);
      next = answer.LastEvaluatedKey;
    } while (next);
    assert.equal(await total(page), sum);
  });

  it("renders light and dark, and keeps a choice", async () => {
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.emulateMedia({ colorScheme: "dark" });
    const dark = await ground();
    assert.notEqual(light, dark);
    await page.locator("#theme").click();
    assert.equal(await ground(), light, "light was chosen against a dark system");
    await page.locator("#theme").click();
    assert.equal(await ground(), dark);
    await page.locator("#theme").click();
    await page.emulateMedia({ colorScheme: "light" });
    assert.equal(await ground(), light, "no choice: as the system");
  });

  it("lists tables and views on the overview, live", async () => {
    const overview = await browser.newPage();
    overview.on("pageerror", (error) => complaints.push(error.message));
    await overview.goto(url);
    const row = overview.locator('[data-table="votes"]');
    await row.waitFor();
    await overview.locator('[data-view="total_votes"]').waitFor();
    const print = await row.locator(".copy").getAttribute("data-copy");
    await vote(4, "SOUTH", "MORE_TREES");
    await overview.waitForFunction((old) => document.querySelector('[data-table="votes"] .copy').dataset.copy !== old, print);
    await overview.close();
    await shows(page, now(3, 3, 0, 2, 1));
  });

  it("leaves no trace of the votes it cast", async () => {
    for (const id of [2, 3, 4]) await takeBack(id);
    await shows(page, now(0, 0, 0, 0, 0));
  });

  it("reloaded nothing and complained about nothing", async () => {
    assert.equal(await page.evaluate(() => window.neverReloaded), true);
    assert.deepEqual(complaints, []);
  });

  it("has its picture taken", { skip: picture ? false : "STREAMFOLD_SCREENSHOT is not set" }, async () => {
    await page.screenshot({ path: picture });
  });
});
