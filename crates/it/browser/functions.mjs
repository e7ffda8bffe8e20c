// Watches the pages of functions, triggers and schedules in a real browser, presses their buttons and reads what they say.
//
// STREAMFOLD_URL  where `cargo run -p console --example made_up` serves its made-up functions.
// CHROMIUM        the browser; /usr/bin/chromium.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { follow, launch, newPage } from "./pages.mjs";

const url = process.env.STREAMFOLD_URL ?? "http://127.0.0.1:8100";
const indexing = "/triggers/a2b8d3c4-77aa-4e0f-8d11-4f6f1f2f3a22";
const exported = ["/exports", "/exports/tenant/test_table/20210102_V0004", "/exports/acme/customers/20210103_V0005"];
const pages = ["/", "/functions", "/functions/count-votes", "/functions/pull-events", indexing, "/schedules", ...exported];

/** The digits of a number as a page writes it. */
const digits = (text) => Number(text.replaceAll(/[^0-9]/g, ""));

describe("the pages of functions", () => {
  let browser;
  const complaints = [];
  const elsewhere = [];

  before(async () => {
    browser = await launch();
  });

  after(async () => { await browser?.close(); });

  /** A page that follows its feed. */
  async function open(path, options = {}) {
    const page = await newPage(browser, path, complaints, { viewport: { width: 1440, height: 900 }, ...options });
    page.on("request", (request) => { if (!request.url().startsWith(url)) elsewhere.push(request.url()); });
    return follow(page, url + path);
  }

  it("moves the figures and charts of a function without a reload", async () => {
    const page = await open("/functions/count-votes");
    const figure = page.locator("#figures .figure").first();
    const start = digits(await figure.textContent());
    await page.waitForFunction((start) => Number(document.querySelector("#figures .figure").textContent.replaceAll(/[^0-9]/g, "")) > start, start);
    const bars = () => page.locator(".chart .bars").first().getAttribute("d");
    const tenMinutes = await bars();
    assert.ok(tenMinutes.split("Z").length > 100, "what was before the page was opened is shown");
    await page.getByRole("button", { name: "1 h" }).click();
    assert.notEqual(await bars(), tenMinutes);
    await page.getByRole("img", { name: /^Iterator age: now .+, at most / }).waitFor();
    assert.equal(await page.locator('[data-trigger] tbody tr').count(), 4, "its trigger's lanes");
    await page.close();
  });

  it("follows the log, tells its lines apart, sifts them and pauses", async () => {
    const page = await open("/functions/count-votes");
    for (const kind of ["start", "output", "end", "report"]) await page.locator(`#log [data-kind="${kind}"]`).first().waitFor();
    const lines = () => page.locator("#log li:not([hidden])").count();
    const some = await lines();
    await page.waitForFunction((some) => document.querySelectorAll("#log li").length > some, some);
    const atEnd = await page.evaluate(() => { const log = document.getElementById("log"); return log.scrollHeight - log.scrollTop - log.clientHeight; });
    assert.ok(atEnd < 60, "the newest line is in sight");

    await page.getByLabel("Show lines with").fill("votes for north");
    assert.deepEqual(await page.locator("#log li:not([hidden])").evaluateAll((all) => [...new Set(all.map((line) => line.dataset.kind))]), ["output"]);
    await page.getByLabel("Show lines with").fill("");

    await page.getByRole("button", { name: "Pause" }).click();
    const paused = await lines();
    await page.locator("#log-count", { hasText: /^paused, [1-9][0-9]* new lines?$/ }).waitFor();
    assert.equal(await lines(), paused);
    await page.getByRole("button", { name: "Resume" }).click();
    assert.ok(await lines() > paused, "what was held back is shown");
    await page.close();
  });

  it("invokes a function and shows its answer to the last digit, or its error", async () => {
    const page = await open("/functions/count-votes");
    await page.getByLabel("Payload, JSON").fill('{"votes": [');
    await page.getByRole("button", { name: "Invoke" }).click();
    await page.locator("#invoke-note", { hasText: "Not JSON" }).waitFor();
    await page.getByLabel("Payload, JSON").fill('{"votes": []}');
    await page.getByRole("button", { name: "Invoke" }).click();
    await page.locator("#answer-head", { hasText: "Answered \u00b7 12\u202fms \u00b7 cold start 212\u202fms \u00b7 41\u202fMB" }).waitFor();
    assert.equal(await page.locator("#answer-payload").textContent(), '{\n  "statusCode": 200,\n  "counted": 12345678901234567890\n}');
    await page.getByLabel("Payload, JSON").fill('{"fail": true}');
    await page.keyboard.press("Control+Enter");
    await page.locator('#answer[data-tone="bad"] #answer-head', { hasText: "Unhandled error" }).waitFor();
    await page.close();
  });

  it("says on every page above it what stands still", async () => {
    for (const path of ["/", "/functions"]) {
      const page = await open(path);
      const alarms = page.locator("#alarms li");
      await alarms.first().waitFor();
      const said = await alarms.allTextContents();
      assert.ok(said.some((text) => text.startsWith("The function pull-events does not start")), said.join("\n"));
      assert.ok(said.some((text) => text.startsWith("A lane of cruddur-messages")), said.join("\n"));
      assert.ok(said.some((text) => text.startsWith("The quarantine of cruddur-messages")), said.join("\n"));
      await page.locator('[data-function="count-votes"]').waitFor();
      await page.locator("[data-trigger]").first().waitFor();
      await page.close();
    }
  });

  it("pauses and resumes a trigger", async () => {
    const page = await open(indexing);
    await page.locator("#state", { hasText: "backing off" }).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator("#hands-note", { hasText: "Paused" }).waitFor();
    await page.locator("#state", { hasText: "paused" }).waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.locator("#state", { hasText: "backing off" }).waitFor();
    await page.close();
  });

  it("shows parked records in full, retries them, and drops only when asked twice", async () => {
    const page = await open(indexing);
    const parked = page.locator("[data-parked]");
    await page.locator('[data-parked="lane-0-4711"]').waitFor();
    assert.equal(await parked.count(), 2, "a page of them");
    await page.getByRole("button", { name: "Further keys" }).click();
    await page.locator('[data-parked="lane-0-5120"]').waitFor();
    assert.match(await parked.first().locator("pre").first().textContent(), /"price": \{\n +"N": "12345678901234567890\.50"/);

    await parked.nth(0).getByRole("button", { name: /^Call the function again/ }).click();
    await page.locator('[data-parked="lane-0-4711"] .word:not([hidden])', { hasText: "asked for" }).waitFor();
    const drop = parked.nth(2).getByRole("button", { name: /^Give up/ });
    await drop.click();
    assert.equal(await drop.textContent(), "Really drop it?");
    assert.equal(await parked.nth(2).locator(".word:not([hidden])").count(), 0, "nothing was asked for yet");
    await drop.click();
    await page.locator('[data-parked="lane-0-5120"] .word:not([hidden])', { hasText: "asked for" }).waitFor();

    await parked.nth(1).getByRole("button", { name: "Try in the invoke form" }).click();
    await page.waitForURL(`${url}/functions/index-documents`);
    assert.match(await page.getByLabel("Payload, JSON").inputValue(), /^\{\n  "Records": \[\n    \{\n      "eventID"/);
    await page.close();
  });

  it("counts down to the next run of a schedule and runs it now", async () => {
    const page = await open("/schedules");
    const pull = page.locator('[data-schedule="rule/pull-events/target"]');
    const due = await pull.locator(".due").textContent();
    await page.waitForFunction((due) => document.querySelector(".due").textContent !== due, due);
    await pull.getByRole("button", { name: "Run rule/pull-events/target now" }).click();
    await pull.locator('[role="status"]', { hasText: "rule/pull-events/target was called." }).waitFor();
    await page.close();
  });

  it("fits a phone, turns dark, and gives everything that is pressed a name", async () => {
    for (const path of pages) {
      const page = await open(path, { viewport: { width: 390, height: 844 }, colorScheme: "light" });
      await page.locator("main h1").waitFor();
      // Once a frame has come, nothing is wider than the screen any more.
      await page.locator("main :is(tbody tr, article, .figure)").first().waitFor();
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= 390, `${path} is wider than a phone`);
      const nameless = await page.locator("button, a, input, textarea").evaluateAll((all) => all
        .filter((one) => !(one.textContent.trim() || one.getAttribute("aria-label") || one.labels?.length > 0)).map((one) => one.outerHTML));
      assert.deepEqual(nameless, [], path);
      assert.equal(await page.locator(".parts [aria-current]").count(), 1, path);
      const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const light = await ground();
      await page.emulateMedia({ colorScheme: "dark" });
      assert.notEqual(await ground(), light, path);
      await page.close();
    }
  });

  it("fetched nothing from elsewhere and complained about nothing", () => {
    assert.deepEqual(elsewhere, []);
    assert.deepEqual(complaints, []);
  });
});
