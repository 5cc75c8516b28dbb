// A person opens /status, is asked for the key, mistypes it, gives it, and sees how the server is: in
// light and dark, on a wide window and on a phone.
// BASE_URL names the server, KEY its key, CHROMIUM the browser, SCREENSHOT a file for a picture.
import { chromium } from 'playwright-core';
import { check, countRequest, main, step } from './steps.mjs';

const base = process.env.BASE_URL;
const key = process.env.KEY;

await main('status page', async () => {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || undefined,
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1120, height: 900 } });
    const asked = [];
    const complaints = [];
    page.on('request', (request) => {
      countRequest();
      asked.push(request.url());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (line) => line.type() === 'error' && !line.text().includes('401') && complaints.push(line.text()));
    const headline = page.locator('#state');

    if (key) {
      await step('the page asks for the key', async () => {
        check.equal((await page.goto(`${base}/status`)).status(), 200);
        await page.getByLabel('This server wants its key').waitFor({ state: 'visible' });
        check.equal(await page.locator('#rest').isVisible(), false);
      });
      await step('a wrong key is refused', async () => {
        await page.getByLabel('This server wants its key').fill('wrong');
        await page.getByRole('button').click();
        await page.getByText('That is not the key.').waitFor({ state: 'visible' });
      });
      await step('the key lets in', async () => {
        await page.getByLabel('This server wants its key').fill(key);
        await page.getByRole('button').click();
        await page.locator('#rest').waitFor({ state: 'visible' });
        check.equal(await page.locator('#ask').isVisible(), false);
      });
      await step('the key is kept for the tab, and nowhere else', async () => {
        await page.reload();
        await page.locator('#rest').waitFor({ state: 'visible' });
        check.equal(page.url(), `${base}/status`);
        check.equal(await page.evaluate(() => localStorage.length + document.cookie.length), 0);
      });
    } else {
      await page.goto(`${base}/status`);
      await page.locator('#rest').waitFor({ state: 'visible' });
    }
    await step('it says how the server is', async () => {
      check.equal(await headline.innerText(), process.env.STATE || 'OK');
      check.match(await page.locator('.schema').first().innerText(), /As the program needs it, at revision [0-9a-f]+/);
      check.ok((await page.locator('.chart svg').count()) >= 4);
      check.match(await page.locator('#routes').innerText(), /POST \/api\/conversations/);
      check.match(await page.locator('#statements').innerText(), /INSERT INTO/);
      check.match(await page.locator('.history').first().innerText(), /upgrade/);
      check.match(await page.locator('.tables').first().innerText(), /KiB|MiB/);
      check.ok(!(await page.content()).includes('hidden-value'));
    });
    await step('what is opened stays open when the page asks again', async () => {
      const history = page.locator('.history').first();
      check.equal(await history.locator('tr').count(), 6, 'five revisions and a button');
      await history.getByRole('button', { name: /Show all/ }).click();
      const all = await history.locator('tr').count();
      check.ok(all > 6, `${all} rows`);
      await page.locator('#statements summary').first().click();
      await page.evaluate(() => ask());
      check.equal(await history.locator('tr').count(), all);
      check.equal(await page.locator('#statements details[open]').count(), 1);
      await history.getByRole('button', { name: 'Show fewer' }).click();
      check.equal(await history.locator('tr').count(), 6);
    });
    for (const colorScheme of ['light', 'dark']) {
      for (const width of [1120, 700, 360]) {
        await step(`${colorScheme}, ${width} pixels wide`, async () => {
          await page.emulateMedia({ colorScheme });
          await page.setViewportSize({ width, height: 900 });
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          check.ok(overflow <= 0, `${overflow} pixels too wide`);
          if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT.replace('.png', `-${colorScheme}-${width}.png`), fullPage: true });
        });
      }
    }
    await step('nothing but this server was asked', async () => {
      check.deepEqual(asked.filter((url) => /^https?:/.test(url) && new URL(url).origin !== base), []);
      check.deepEqual(complaints, []);
    });
  } finally {
    await browser.close();
  }
});
