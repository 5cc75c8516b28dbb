// The server of client.mjs, stopped and started again on its database, now with
// a key (API_KEY): what was committed is there, and nobody reads it without the key.
import { ConversationManager, HttpClient } from '@openhands/typescript-client';
import { CloudClient, ConversationClient, ServerClient } from '@openhands/typescript-client/clients';
import { check, main, refusedWithText, step } from './steps.mjs';

const host = process.env.BASE_URL;
const apiKey = process.env.API_KEY;
const marker = process.env.MARKER;

async function readable(clients) {
  const { conversations, cloud, manager } = clients;
  if (conversations) {
    check.equal((await conversations.getConversation(marker)).title, 'Still here');
    const { items } = await conversations.searchEvents(marker);
    check.deepEqual(items.map((event) => event.llm_message.content[0].text), ['Remember me']);
    check.equal(await conversations.countConversations(), 1);
  }
  if (manager) check.deepEqual((await manager.getAllConversations()).map(({ id }) => id), [marker]);
  if (cloud) check.deepEqual((await cloud.searchConversations()).items.map(({ id }) => id), [marker.replaceAll('-', '')]);
}

await main('restarted', async () => {
  await step('with the key', async () => {
    await readable({
      conversations: new ConversationClient({ host, apiKey }),
      manager: new ConversationManager({ host, apiKey }),
      cloud: new CloudClient({ host, apiKey }),
    });
    check.equal(typeof (await new ServerClient({ host, apiKey }).getServerInfo()).version, 'string');
  });
  await step('without it, or with another', async () => {
    for (const wrong of [undefined, 'wrong', `${apiKey}x`, apiKey.slice(0, -1)]) {
      const options = wrong === undefined ? { host } : { host, apiKey: wrong };
      await refusedWithText(401, () => new ConversationClient(options).getConversation(marker));
      await refusedWithText(401, () => new ConversationManager(options).getAllConversations());
      await refusedWithText(401, () => new CloudClient(options).searchConversations());
      await refusedWithText(401, () => new ConversationClient(options).deleteConversation(marker));
      await refusedWithText(401, () => new HttpClient({ baseUrl: host, apiKey: wrong }).post('/api/v1/webhooks/conversations', { id: marker }));
    }
  });
  await step('what a load balancer asks stays open', async () => {
    const open = new ServerClient({ host });
    check.equal((await open.getAlive()).status, 'ok');
    check.equal((await open.getHealth()).status, 'ok');
    check.equal((await open.getReady()).status, 'ready');
  });
  await step('and nothing was changed by the refused', async () => {
    await readable({ conversations: new ConversationClient({ host, apiKey }) });
  });
});
