// A page of evil.example has its own name resolve to this machine, and asks the server in the
// name of its own origin: DNS rebinding. BASE_URL names the server, CHROMIUM the browser.
import { chromium } from 'playwright-core';
import { check, countRequest, main, step } from './steps.mjs';

const base = new URL(process.env.BASE_URL);

await main('DNS rebinding', async () => {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || undefined,
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      // Newer browsers ask before a page may call this machine. Older ones and others don't.
      '--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,PrivateNetworkAccessSendPreflights',
      '--host-resolver-rules=MAP evil.example 127.0.0.1, MAP friend.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  });
  // What a page of that host gets for a read and a write of its own origin.
  const attack = async (host) => {
    const page = await browser.newPage();
    const origin = `http://${host}:${base.port}`;
    // The page itself comes from where the name resolved to before.
    await page.route(`${origin}/page`, (route) => route.fulfill({ contentType: 'text/html', body: '<p>a page</p>' }));
    await page.goto(`${origin}/page`);
    const answers = await page.evaluate(async () => {
      const write = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"agent": {"kind": "Agent"}, "workspace": {"working_dir": "/"}}' };
      return [
        (await fetch('/api/conversations/search')).status,
        (await fetch('/api/conversations', write)).status,
      ];
    });
    countRequest();
    await page.close();
    return answers;
  };
  try {
    await step('a page of evil.example is refused', async () => check.deepEqual(await attack('evil.example'), [421, 421]));
    await step('nothing was stored', async () => {
      const answer = await fetch(`${base.origin}/api/conversations/count`);
      check.equal(await answer.text(), '0');
    });
    await step('a name of ALLOWED_HOSTS is served', async () => check.deepEqual(await attack('friend.example'), [200, 201]));
    await step('localhost is served', async () => check.deepEqual(await attack('127.0.0.1'), [200, 201]));
  } finally {
    await browser.close();
  }
});
