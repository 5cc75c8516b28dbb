// A person opens /docs, expands operations, executes them and sees the answers, on a wide window in
// light and on a phone in the dark. (The page is set to
// Swagger UI's "Try it out" mode: the button of that name need not be pressed first.)
// BASE_URL names the server, CHROMIUM the browser (none: the one that
// playwright-core installed), SCREENSHOT a file to leave a picture in.
import { chromium } from 'playwright-core';
import { check, countRequest, main, step } from './steps.mjs';

const base = process.env.BASE_URL;
// Operations to execute as they stand, and what the answer begins with.
const tried = [
  ['get', '/api/conversations/count', /^0$/],
  ['post', '/api/v1/webhooks/conversations', /"success": true/],
  ['post', '/api/v1/webhooks/events/{conversation_id}', /"success": true/],
  ['get', '/api/conversations', /"id": "0d3ee5a5/], // a list in the query
  ['get', '/api/conversations/{conversation_id}/events', /"kind": "MessageEvent"/],
];

// shade is how light the pixel of a page at x, y is, from 0 to 255.
async function shade(browser, page, x, y) {
  const picture = (await page.screenshot({ clip: { x, y, width: 1, height: 1 } })).toString('base64');
  const other = await browser.newPage();
  try {
    return await other.evaluate(async (source) => {
      const image = new Image();
      image.src = source;
      await image.decode();
      const canvas = new OffscreenCanvas(1, 1).getContext('2d');
      canvas.drawImage(image, 0, 0);
      return Math.max(...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3));
    }, `data:image/png;base64,${picture}`);
  } finally {
    await other.close();
  }
}

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
    for (const [method, path, want] of tried) {
      await step(`execute ${method} ${path} and see the answer`, async () => {
        const operation = page.locator(`.opblock-${method}`).filter({ has: page.locator(`[data-path="${path}"]`) }).first();
        await (await shown(operation.locator('.opblock-summary'))).click();
        await (await shown(operation.getByRole('button', { name: 'Execute' }))).click();
        const answer = operation.locator('.live-responses-table .response').first();
        check.match(await (await shown(answer.locator('.response-col_status'))).innerText(), /^200\s*$/);
        check.match((await answer.locator('.response-col_description pre').first().innerText()).trim(), want);
      });
    }
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
    for (const width of [1440, 900, 390]) {
      await step(`dark, ${width} pixels wide, with operations expanded`, async () => {
        await page.emulateMedia({ colorScheme: 'dark' });
        await page.setViewportSize({ width, height: 900 });
        await page.evaluate(() => scrollTo(0, 0));
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        check.ok(overflow <= 0, `${overflow} pixels too wide`);
        for (const y of [2, 300, 890]) check.ok((await shade(browser, page, 2, y)) < 60, `light at ${y}`);
      });
    }
    await step('the dialog for the key is dark', async () => {
      await page.locator('.btn.authorize').first().click();
      await shown(page.locator('.modal-ux'));
      check.ok((await shade(browser, page, 2, 2)) < 60);
    });
    await step('nothing but this server was asked', async () => {
      check.ok(asked.length > 3, asked.join('\n'));
      const elsewhere = asked.filter((url) => /^[a-z]+:\/\//.test(url) && new URL(url).origin !== base);
      check.deepEqual(elsewhere, []);
      check.ok(asked.some((url) => new URL(url).pathname === tried[0][1]));
      check.deepEqual(complaints, []);
    });
  } finally {
    await browser.close();
  }
});
