// Watches the pages of exports in a real browser while exports arrive, and decides about one that is held.
//
// STREAMFOLD_URL  where `streamfold up examples/exports` runs.
// MADE            the folder of made exports, VERSION/export.csv.gz.
// CHROMIUM        the browser; /usr/bin/chromium.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { follow, launch, newPage } from "./pages.mjs";

const url = process.env.STREAMFOLD_URL ?? "http://127.0.0.1:8000";
const table = "tenant/test_table";
const versions = ["20201230_V0001", "20201231_V0002", "20210101_V0003", "20210102_V0004"];

/** Uploads a made export, as any client of S3 does. */
async function upload(made, version) {
  const body = await readFile(`${process.env.MADE}/${made}/export.csv.gz`);
  const authorization = "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
  const answer = await fetch(`${url}/imports/${table}/${version}/export.csv.gz`, { method: "PUT", body, headers: { authorization, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": "20261121T000000Z" } });
  assert.equal(answer.status, 200, await answer.text());
}

describe("the pages of exports", () => {
  let browser;
  const complaints = [];

  before(async () => {
    browser = await launch();
  });

  after(async () => { await browser?.close(); });

  /** A page that follows its feed. */
  async function open(path) {
    return follow(await newPage(browser, path, complaints, { viewport: { width: 1440, height: 900 } }), url + path);
  }

  const execution = (page, version) => page.locator(`[data-execution="${table}/${version}"]`);

  it("shows where exports arrive, and each one as it comes, without a reload", async () => {
    const page = await open("/exports");
    await page.locator('[data-binding="imports/"] h3', { hasText: "s3://imports/TENANT/TABLE/VERSION/" }).waitFor();
    await page.locator("#no-executions").waitFor();
    for (const version of versions.slice(0, 3)) {
      await upload(version, version);
      await execution(page, version).locator(".word", { hasText: "succeeded" }).waitFor();
    }
    await page.locator("#no-executions").waitFor({ state: "hidden" });
    const newest = page.locator("#executions .execution").first();
    assert.equal(await newest.getAttribute("data-execution"), `${table}/${versions[2]}`, "newest first");
    const chips = await newest.locator("[data-step]").evaluateAll((all) => all.map((chip) => `${chip.dataset.step} ${chip.dataset.outcome}`));
    assert.deepEqual(chips, ["register", "lock", "delta", "publish", "apply", "release"].map((step) => `${step} SUCCEEDED`));
    assert.match(await newest.locator(".changes").textContent(), /^6 inserted, 10 updated, 4 deleted, 188 unchanged$/);
    await page.locator(`[data-exported="${table}"]`, { hasText: versions[2] }).waitFor();
    await page.close();
  });

  it("puts what is held first, with reason and rows, alarms, and rejects it only when asked twice", async () => {
    const page = await open("/exports");
    await upload(versions[3], versions[3]);
    const held = page.locator("#decide .execution");
    await held.locator(".reasons", { hasText: "it deletes 102 of 204 rows (50.0 %), more than 30.0 %" }).waitFor();
    assert.deepEqual([...new Set(await held.locator(".sample tbody td:first-child").allTextContents())], ["DELETE"]);

    const overview = await open("/");
    await overview.locator("#alarms li", { hasText: `The export ${versions[3]} of ${table} is held` }).click();
    await overview.waitForURL(`${url}/exports/${table}/${versions[3]}`);
    await overview.locator("#state", { hasText: "held" }).waitFor();
    await overview.locator('#steps [data-step="delta"][data-outcome="HELD"]').waitFor();
    await overview.close();

    const reject = held.locator('[data-decision="reject"]');
    await reject.click();
    assert.equal(await reject.textContent(), "Really reject it?");
    assert.equal(await held.locator(".word").textContent(), "held", "nothing was asked for yet");
    await reject.click();
    await page.locator("#decide-section").waitFor({ state: "hidden" });
    await execution(page, versions[3]).locator(".word", { hasText: "rejected" }).waitFor();
    await page.close();
  });

  it("releases what is held on its own page", async () => {
    const version = "20210103_V0005";
    await upload(versions[3], version);
    const page = await open(`/exports/${table}/${version}`);
    await page.locator("#state", { hasText: "held" }).waitFor();
    const release = page.locator('[data-decision="release"]');
    await release.click();
    await release.click();
    await page.locator("#state", { hasText: "succeeded" }).waitFor();
    const figures = await page.locator("#figures > div").allTextContents();
    assert.ok(figures.some((figure) => figure.startsWith("Published102")), figures.join("\n"));
    assert.ok(figures.some((figure) => figure.startsWith("DELETE102 50")), figures.join("\n"));
    await page.getByRole("link", { name: versions[2] }).click();
    await page.waitForURL(`${url}/exports/${table}/${versions[2]}`);
    await page.close();
  });

  it("says so where there is no such execution, and complained about nothing", async () => {
    const page = await open(`/exports/${table}/never`);
    await page.locator("#alarm", { hasText: "There is no such execution." }).waitFor();
    await page.close();
    assert.deepEqual(complaints, []);
  });
});
