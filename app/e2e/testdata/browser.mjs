// A person opens /docs, expands an operation, executes it and sees the answer. (The page is set to
// Swagger UI's "Try it out" mode: the button of that name need not be pressed first.)
// BASE_URL names the server, CHROMIUM the browser (none: the one that
// playwright-core installed), SCREENSHOT a file to leave a picture in.
import { chromium } from 'playwright-core';
import { check, countRequest, main, step } from './steps.mjs';

const base = process.env.BASE_URL;
const path = '/api/conversations/count';

await main('browser', async () => {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || undefined,
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      // Whatever asks for another machine fails here as it would without a network.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
    const asked = [];
    const complaints = [];
    page.on('request', (request) => {
      countRequest();
      asked.push(request.url());
    });
    page.on('requestfailed', (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (line) => line.type() === 'error' && complaints.push(line.text()));
    const shown = async (target) => {
      await target.waitFor({ state: 'visible' });
      return target;
    };

    await step('open /docs', async () => {
      const answer = await page.goto(`${base}/docs`);
      check.equal(answer.status(), 200);
      await shown(page.locator('.opblock').first());
    });
    const operation = page.locator('.opblock-get').filter({ has: page.locator(`[data-path="${path}"]`) }).first();
    await step(`try GET ${path}`, async () => {
      await (await shown(operation.locator('.opblock-summary'))).click();
      await (await shown(operation.getByRole('button', { name: 'Execute' }))).click();
    });
    await step('see the answer', async () => {
      const answer = operation.locator('.live-responses-table .response').first();
      check.match(await (await shown(answer.locator('.response-col_status'))).innerText(), /^200\b/);
      check.equal((await answer.locator('.response-col_description pre').first().innerText()).trim(), '0');
    });
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
    await step('nothing but this server was asked', async () => {
      check.ok(asked.length > 3, asked.join('\n'));
      const elsewhere = asked.filter((url) => /^[a-z]+:\/\//.test(url) && new URL(url).origin !== base);
      check.deepEqual(elsewhere, []);
      check.ok(asked.some((url) => new URL(url).pathname === path));
      check.deepEqual(complaints, []);
    });
  } finally {
    await browser.close();
  }
});
