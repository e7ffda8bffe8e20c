// What the browser's tests share: the browser, and pages of the console whose complaints are noted.
//
// CHROMIUM        the browser; /usr/bin/chromium.

import { chromium } from "playwright-core";

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/** An empty page; what the browser complains about on it is added to the complaints, with this path. */
export async function newPage(browser, path, complaints, options = {}) {
  const page = await browser.newPage(options);
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) complaints.push(`${path}: ${message.text()}`); });
  page.on("pageerror", (error) => complaints.push(`${path}: ${error.message}`));
  return page;
}

/** Goes to a page and waits until it follows its feed. */
export async function follow(page, address) {
  await page.goto(address);
  await page.locator('#link[data-state="live"]').waitFor();
  return page;
}
