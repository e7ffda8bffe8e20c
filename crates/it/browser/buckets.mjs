// Watches the pages of buckets in a real browser while objects are put and removed, and goes through folders.
//
// STREAMFOLD_URL  a server without buckets, to which nobody else puts anything.
// CHROMIUM        the browser; /usr/bin/chromium.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { follow, launch, newPage } from "./pages.mjs";

const url = process.env.STREAMFOLD_URL ?? "http://localhost:8000";
const timeout = 20_000;

async function s3(method, path, body) {
  const authorization = "AWS4-HMAC-SHA256 Credential=dummy/20261121/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00";
  const response = await fetch(url + path, { method, headers: { authorization, "content-type": "text/plain" }, body });
  assert.ok(response.ok, await response.text());
}

describe("the pages of buckets", () => {
  let browser;
  let list;
  const complaints = [];

  const open = async (path) => follow(await newPage(browser, path, complaints), url + path);

  before(async () => {
    browser = await launch();
    list = await open("/buckets");
  });

  after(async () => { await browser?.close(); });

  it("lists a bucket once it is made, and counts what is put into it", async () => {
    await list.locator("#no-buckets").waitFor({ timeout });
    await s3("PUT", "/cats");
    await s3("PUT", "/cats/in/deep/a%20b.txt", "meow");
    await s3("PUT", "/cats/in/c.txt", "meow meow");
    await s3("PUT", "/cats/d.txt", "meow");
    const row = list.locator('#buckets [data-bucket="cats"]');
    await row.locator("td").nth(1).filter({ hasText: /^3$/ }).waitFor({ timeout });
    await row.locator("td").nth(2).filter({ hasText: /^17\s*B$/ }).waitFor({ timeout });
    await list.locator("#requests tr", { hasText: "PutObject" }).locator("td").nth(1).filter({ hasText: /^3$/ }).waitFor({ timeout });
  });

  it("shows a bucket's objects folder by folder, and gives them away", async () => {
    const page = await open("/buckets/cats");
    const keys = async () => page.locator("#objects tr").evaluateAll((rows) => rows.map((row) => row.dataset.key));
    await page.locator('#objects [data-key="in/"]').waitFor({ timeout });
    assert.deepEqual(await keys(), ["d.txt", "in/"]);
    await page.locator('#objects [data-key="in/"] button').click();
    await page.locator('#objects [data-key="in/deep/"] button').click();
    await page.locator('#objects [data-key="in/deep/a b.txt"]').waitFor({ timeout });
    assert.equal(await page.locator("#crumbs").textContent(), "catsin/deep/");
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#objects a").click()]);
    assert.equal(download.suggestedFilename(), "a b.txt");
    await page.locator("#crumbs button").first().click();
    await page.locator('#objects [data-key="d.txt"]').waitFor({ timeout });
    await s3("DELETE", "/cats/d.txt");
    await page.locator("#figures .figure").first().filter({ hasText: /^2$/ }).waitFor({ timeout });
    await page.close();
  });

  it("makes the browser complain about nothing", () => assert.deepEqual(complaints, []));
});
