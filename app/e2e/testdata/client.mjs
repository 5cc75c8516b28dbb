// Everything that clients and agent servers ask of the server, asked by the
// unmodified npm client; what the client has no method for, by its HttpClient
// or by fetch. BASE_URL names a server on an empty database, without a key.
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  ConversationExecutionStatus,
  ConversationManager,
  ConversationSortOrder,
  HttpClient,
  RemoteConversation,
  RemoteEventsList,
  RemoteWorkspace,
  AgentServerFeatureRequirements,
  assertAgentServerSupports,
  compareAgentServerVersions,
  isActionEvent,
  isMessageEvent,
} from '@openhands/typescript-client';
import { CloudClient, ConversationClient, ServerClient, SettingsClient, SharedClient } from '@openhands/typescript-client/clients';
import { check, countRequest, invalid, main, refused, refusedWithText, step, walk } from './steps.mjs';

const host = process.env.BASE_URL;
const marker = process.env.MARKER;
const http = new HttpClient({ baseUrl: host });
const conversations = new ConversationClient({ host });
const manager = new ConversationManager({ host });
const cloud = new CloudClient({ host, apiKey: 'no key is configured, so any will do' });

const hex = (id) => id.replaceAll('-', '');
const ids = (items) => items.map((item) => item.id);
const sorted = (items) => [...items].sort();
const agent = (more = {}) => ({
  kind: 'Agent',
  llm: { model: 'provider/model-1', api_key: 'sk-never-to-be-seen', usage_id: 'agent' },
  tools: [{ name: 'terminal', params: {} }],
  ...more,
});
const workspace = { kind: 'LocalWorkspace', working_dir: '/workspace/project' };
const post = (path, body) =>
  fetch(host + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
async function delivered(path, body) {
  const answer = await post(path, body);
  check.ok(answer.ok, `POST ${path}: ${answer.status} ${await answer.text()}`);
}
const deliver = (id, events) => delivered(`/api/v1/webhooks/events/${hex(id)}`, events);
const message = (text, more = {}) => ({
  id: randomUUID(),
  timestamp: '2025-03-01T10:00:00.000001',
  source: 'user',
  llm_message: { role: 'user', content: [{ type: 'text', text }] },
  activated_skills: [],
  extended_content: [],
  kind: 'MessageEvent',
  ...more,
});

async function server() {
  const client = new ServerClient({ host });
  await step('alive, health, ready', async () => {
    check.equal((await client.getAlive()).status, 'ok');
    check.equal((await client.getHealth()).status, 'ok');
    check.equal((await client.getReady()).status, 'ready');
  });
  await step('server_info', async () => {
    const info = await client.getServerInfo();
    check.equal(typeof info.version, 'string');
    for (const wanted of ['1.23.0', '1.28.0', '1.31.0', '1.44.0']) {
      check.ok(compareAgentServerVersions(info.version, wanted) >= 0, `version ${info.version} is refused by who wants ${wanted}`);
    }
    for (const requirement of Object.values(AgentServerFeatureRequirements)) await assertAgentServerSupports(http, requirement);
    check.equal(typeof info.uptime, 'number');
    check.equal(typeof info.idle_time, 'number');
  });
  await step('probes', async () => {
    const settings = await new SettingsClient({ host }).getSettings();
    check.equal(settings.llm_api_key_is_set, false);
    check.deepEqual(settings.agent_settings.mcp_config, {});
    check.equal(typeof (await cloud.getCurrentApiKey()).name, 'string');
    check.equal((await client.getRoot()).version, (await client.getServerInfo()).version);
    await refusedWithText(501, () => http.get('/api/settings/agent-schema'));
    await refusedWithText(501, () => http.get('/api/skills'));
    await refusedWithText(501, () => cloud.getOrganizations());
    await refusedWithText(501, () => cloud.getSettings());
  });
  await step('what needs an account or a sandbox is refused', async () => {
    for (const call of [
      () => cloud.getOrganizationMe('o'), () => cloud.saveSettings({ agent_settings_diff: {} }), () => cloud.listSecrets(),
      () => cloud.listSkills(), () => cloud.pauseSandbox('s'), () => cloud.resumeSandbox('s'), () => cloud.listAutomations(),
      () => cloud.getAutomation('a'), () => cloud.getSettingsSchema(), () => cloud.getConversationSettingsSchema(),
      () => cloud.getSuggestedTasks(), () => cloud.searchModels({}), () => cloud.searchProviders({}),
      () => cloud.switchConversationProfile(randomUUID(), 'p'), () => cloud.switchConversationAcpModel(randomUUID(), 'm'),
      () => cloud.readConversationFile(randomUUID()),
    ]) await refused(501, call);
  });
  await step('every route that the client names is known here', async () => {
    const folder = fileURLToPath(new URL('.', import.meta.resolve('@openhands/typescript-client')));
    const routes = new Set();
    for (const name of readdirSync(folder, { recursive: true })) {
      if (!name.endsWith('.js') || name.includes('__tests__') || name.includes('generated')) continue;
      for (const [, text] of readFileSync(folder + name, 'utf8').matchAll(/['"`](\/(?:api|server_info|alive|health|ready)[^'"`\s]*)['"`]/g)) {
        routes.add(text.replace(/\$\{encodeURIComponent\(\w+\)\}|\$\{[\w.]*\}/g, randomUUID()).replace(/\?.*$|\$\{.*$/, ''));
      }
    }
    check.ok(routes.size > 80, `only ${routes.size} routes found in the client`);
    for (const route of routes) {
      if (/\/download(-trajectory)?\b/.test(route)) continue; // archives are not offered, with or without an agent
      const answers = [];
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        const answer = await fetch(host + route, { method });
        answers.push({ status: answer.status, text: await answer.text() });
      }
      const known = answers.some(({ status, text }) => status !== 405 && (status !== 404 || /\w+ not found/i.test(text) && !/^\{"detail":"Not Found"\}/.test(text)));
      check.ok(known, `${route}: ${JSON.stringify(answers)}`);
    }
  });
  await step('openapi.json', async () => {
    const { data } = await http.get('/openapi.json');
    check.match(data.openapi, /^3\.1\./);
    for (const path of [
      '/api/conversations', '/api/conversations/search', '/api/conversations/count',
      '/api/v1/webhooks/conversations', '/api/v1/app-conversations/search',
    ]) check.ok(data.paths[path], `${path} is not in the document`);
  });
}

async function createAndRead() {
  const id = randomUUID();
  const request = {
    conversation_id: id,
    agent: agent(),
    workspace,
    confirmation_policy: { kind: 'AlwaysConfirm' },
    max_iterations: 77,
    stuck_detection: false,
    tags: { team: 'blue' },
  };
  let first;
  await step('create', async () => {
    const { status, data } = await http.post('/api/conversations', request);
    check.equal(status, 201);
    first = data;
    check.equal(first.id, id);
    check.equal(first.execution_status, ConversationExecutionStatus.IDLE);
    check.equal(first.max_iterations, 77);
    check.equal(first.stuck_detection, false);
    check.deepEqual(first.tags, { team: 'blue' });
    check.deepEqual(first.activated_knowledge_skills, []);
    check.deepEqual(first.confirmation_policy, { kind: 'AlwaysConfirm' });
    check.deepEqual(first.workspace, workspace);
    check.equal(first.agent.llm.model, 'provider/model-1');
    check.deepEqual(first.agent.tools, [{ name: 'terminal', params: {} }]);
    check.ok(!JSON.stringify(first).includes('sk-never-to-be-seen'), 'the key is shown');
    check.equal(first.parent_conversation_id, null);
    check.deepEqual(first.sub_conversation_ids, []);
    check.equal(typeof first.stats, 'object');
    check.ok(Number.isFinite(Date.parse(first.created_at)), first.created_at);
    check.ok(Number.isFinite(Date.parse(first.updated_at)), first.updated_at);
  });
  await step('create the same again', async () => {
    const { status, data } = await http.post('/api/conversations', { ...request, conversation_id: hex(id) });
    check.equal(status, 200);
    check.equal(data.id, id);
    check.equal(data.created_at, first.created_at);
  });
  await step('get, dashed and not', async () => {
    check.equal((await conversations.getConversation(id)).id, id);
    check.deepEqual(await conversations.getConversation(hex(id)), await conversations.getConversation(id));
    check.equal((await manager.getACPConversation(id)).id, id);
  });
  await step('get an unknown one', async () => {
    await refusedWithText(404, () => conversations.getConversation(randomUUID()));
    await invalid(['path', 'conversation_id'], () => conversations.getConversation('not-a-uuid'));
  });
  await step('update', async () => {
    const updated = await conversations.updateConversation(id, { title: 'Grüße 100%_done 🚀', tags: { a: '1', b: '' } });
    check.equal(updated.success, true);
    check.equal(updated.title, 'Grüße 100%_done 🚀');
    check.deepEqual(updated.tags, { a: '1', b: '' });
    await manager.updateConversation(id, { tags: { c: '3' } });
    const read = await conversations.getConversation(id);
    check.equal(read.title, 'Grüße 100%_done 🚀');
    check.deepEqual(read.tags, { c: '3' });
    check.ok(Date.parse(read.updated_at) >= Date.parse(first.updated_at));
    check.equal(read.created_at, first.created_at);
  });
  await step('update with what is not allowed', async () => {
    const patch = (update) => () => conversations.updateConversation(id, update);
    await invalid(['body', 'title'], patch({ title: '' }));
    await invalid(['body', 'title'], patch({ title: 'x'.repeat(201) }));
    await invalid(['body', 'title'], patch({ title: 7 }));
    await invalid(['body', 'title'], patch({ title: 'nul \u0000 inside' }));
    await invalid(['body', 'tags'], patch({ tags: { 'Not-Lower': 'x' } }));
    await invalid(['body', 'tags'], patch({ tags: { long: 'x'.repeat(257) } }));
    await refusedWithText(404, () => conversations.updateConversation(randomUUID(), { title: 'nobody' }));
    check.equal((await conversations.getConversation(id)).title, 'Grüße 100%_done 🚀');
  });
  await step('batch', async () => {
    const missing = randomUUID();
    const other = await conversations.createConversation({ agent: agent(), workspace });
    for (const call of [(list) => conversations.getConversations(list), (list) => manager.getConversations(list)]) {
      const list = await call([other.id, missing, id]);
      check.deepEqual(list.map((item) => item?.id ?? null), [other.id, null, id]);
    }
    await invalid(['query', 'ids'], () => conversations.getConversations(['zzz']));
    await conversations.deleteConversation(other.id);
  });
  await step('delete', async () => {
    const { data } = await http.delete(`/api/conversations/${id}`);
    check.equal(data.success, true);
    await refusedWithText(404, () => conversations.getConversation(id));
    await refusedWithText(404, () => conversations.deleteConversation(id));
  });
}

async function remoteConversation() {
  let conversation;
  await step('manager.createConversation', async () => {
    conversation = await manager.createConversation(agent(), { initialMessage: 'Fix the build', workingDir: '/work' });
    check.match(conversation.id, /^[0-9a-f-]{36}$/);
  });
  await step('state', async () => {
    const { state } = conversation;
    check.equal(await state.getExecutionStatus(), 'idle');
    check.equal(typeof (await state.getConfirmationPolicy()), 'object');
    check.deepEqual(await state.getActivatedKnowledgeSkills(), []);
    check.equal((await state.getAgent()).kind, 'Agent');
    check.equal((await state.getWorkspace()).working_dir, '/work');
    check.equal(typeof (await state.getPersistenceDir()), 'string');
    check.equal(JSON.parse(await state.modelDumpJson()).id, conversation.id);
    check.equal((await state.refresh()).max_iterations, 500);
    check.equal(typeof (await conversation.conversationStats()), 'object');
    check.equal(await conversation.getHookConfig(), null);
  });
  await step('messages', async () => {
    await conversation.sendMessage('And then the tests');
    await conversation.sendMessage({ role: 'user', content: [{ type: 'image', image_urls: ['data:image/png;base64,AAAA'] }] });
    const events = await conversation.state.events.getEvents();
    check.equal(events.length, 3);
    check.ok(events.every(isMessageEvent));
    check.ok(events.every((event) => event.source === 'user'));
    check.equal(new Set(ids(events)).size, 3);
    check.deepEqual(events.map((event) => event.llm_message.content[0].text ?? event.llm_message.content[0].image_urls[0]),
      ['Fix the build', 'And then the tests', 'data:image/png;base64,AAAA']);
    check.equal(await conversation.getAgentFinalResponse(), '');
  });
  await step('title', async () => {
    await conversation.setTitle('Build');
    check.equal((await conversation.state.refresh()).title, 'Build');
  });
  await step('what needs an agent is refused', async () => {
    await refusedWithText(501, () => conversation.run());
    await refusedWithText(501, () => conversation.pause());
    await refusedWithText(501, () => conversation.condense());
    await refusedWithText(501, () => conversation.askAgent('why?'));
    await refusedWithText(501, () => conversation.startGoal('finish it'));
    await refusedWithText(501, () => conversations.runConversation(conversation.id));
    await refusedWithText(501, () => conversations.pauseConversation(conversation.id));
    await refusedWithText(501, () => conversations.condenseConversation(conversation.id));
    await refusedWithText(501, () => conversations.askAgent(conversation.id, 'why?'));
    await refusedWithText(501, () => conversations.startGoal(conversation.id, { objective: 'finish it' }));
    await refusedWithText(501, () => conversations.stopGoal(conversation.id));
    await refusedWithText(501, () => conversations.resumeGoal(conversation.id));
    await refusedWithText(501, () => conversations.interruptConversation(conversation.id));
    await refusedWithText(501, () => conversations.forkConversation(conversation.id));
    await refusedWithText(501, () => conversations.navigateConversation(conversation.id, { event_id: null }));
    await refusedWithText(501, () => conversations.respondToConfirmation(conversation.id, { accept: true }));
    await refusedWithText(501, () => conversations.setConfirmationPolicy(conversation.id, { kind: 'NeverConfirm' }));
    await refusedWithText(501, () => conversations.setSecurityAnalyzer(conversation.id, null));
    await refusedWithText(501, () => conversations.updateSecrets(conversation.id, { secrets: {} }));
    await refusedWithText(501, () => conversations.switchProfile(conversation.id, 'fast'));
    await refusedWithText(501, () => conversations.switchLLM(conversation.id, { model: 'm' }));
    await refusedWithText(501, () => conversations.switchAcpModel(conversation.id, 'm'));
    await refusedWithText(501, () => conversations.sendEvent(conversation.id, { role: 'user', content: [{ type: 'text', text: 'go' }] }, { run: true }));
    check.equal(await conversations.getEventCount(conversation.id), 3, 'a refused message is not stored');
  });
  await step('load and close', async () => {
    const loaded = await manager.loadConversation(conversation.id);
    check.equal(loaded.id, conversation.id);
    check.equal(await loaded.state.getExecutionStatus(), 'idle');
    await loaded.close();
    await conversation.close();
    const nobody = new RemoteConversation(agent(), new RemoteWorkspace({ host, workingDir: '/tmp' }), { conversationId: randomUUID() });
    await refusedWithText(404, () => nobody.start());
    await manager.deleteConversation(conversation.id);
  });
  await step('ACP', async () => {
    const info = await manager.acp.createConversation({ kind: 'ACPAgent', acp_command: ['x'] }, { initialMessage: 'hello' });
    check.equal(info.agent.kind, 'ACPAgent');
    check.equal(await conversations.getEventCount(info.id), 1);
    await manager.deleteConversation(info.id);
  });
}

async function listing() {
  const made = [];
  await step('make 13', async () => {
    for (let i = 0; i < 13; i++) {
      made.push((await conversations.createConversation({ agent: agent(), workspace, tags: { n: String(i) } })).id);
    }
    await conversations.updateConversation(made[4], { title: 'touched last' });
  });
  await step('count', async () => {
    check.equal(await conversations.countConversations(), 13);
    check.equal(await manager.countConversations({ status: ConversationExecutionStatus.IDLE }), 13);
    check.equal(await manager.countACPConversations({ status: ConversationExecutionStatus.FINISHED }), 0);
  });
  const search = (options) => (page_id) => conversations.searchConversations({ ...options, page_id });
  await step('search, page by page, in each order', async () => {
    for (const limit of [1, 3, 12, 13, 100]) {
      const up = ids(await walk(search({ limit, sort_order: ConversationSortOrder.CREATED_AT }), limit));
      check.deepEqual(sorted(up), sorted(made), `limit ${limit}`);
      const down = ids(await walk(search({ limit, sort_order: ConversationSortOrder.CREATED_AT_DESC }), limit));
      check.deepEqual(down, [...up].reverse(), `limit ${limit}`);
    }
    const touched = ids(await walk(search({ limit: 5, sort_order: ConversationSortOrder.UPDATED_AT_DESC }), 5));
    check.deepEqual(sorted(touched), sorted(made));
    check.equal(touched[0], made[4]);
    const reversed = ids(await walk(search({ limit: 4, sort_order: ConversationSortOrder.UPDATED_AT }), 4));
    check.deepEqual(reversed, [...touched].reverse());
  });
  await step('rows that come between two pages', async () => {
    const first = await conversations.searchConversations({ limit: 5, sort_order: ConversationSortOrder.CREATED_AT_DESC });
    const late = await conversations.createConversation({ agent: agent(), workspace });
    const rest = await walk((page_id) => conversations.searchConversations({
      limit: 5, sort_order: ConversationSortOrder.CREATED_AT_DESC, page_id: page_id ?? first.next_page_id,
    }), 5);
    const seen = [...ids(first.items), ...ids(rest)];
    check.equal(new Set(seen).size, seen.length, 'something came twice');
    for (const id of made) check.ok(seen.includes(id), 'something was skipped');
    await conversations.deleteConversation(late.id);
  });
  await step('all', async () => {
    check.deepEqual(sorted(ids(await manager.getAllConversations())), sorted(made));
    check.deepEqual(sorted(ids(await manager.getAllACPConversations())), sorted(made));
    check.deepEqual(ids(await walk(search({ limit: 100, status: 'finished' }), 100)), []);
    check.deepEqual((await manager.searchACPConversations({ limit: 2 })).items.length, 2);
  });
  await step('bad questions', async () => {
    for (const limit of [0, 101, -1, 'many']) {
      await invalid(['query', 'limit'], () => conversations.searchConversations({ limit }));
    }
    await invalid(['query', 'sort_order'], () => conversations.searchConversations({ sort_order: 'TITLE' }));
    await invalid(['query', 'page_id'], () => conversations.searchConversations({ page_id: 'made up' }));
    await invalid(['query', 'status'], () => conversations.searchConversations({ status: 'sleeping' }));
    await invalid(['query', 'status'], () => conversations.countConversations({ status: 'sleeping' }));
  });
  await step('clean up', async () => {
    for (const id of made) await conversations.deleteConversation(id);
    check.equal(await conversations.countConversations(), 0);
  });
}

async function events() {
  const { id } = await conversations.createConversation({ agent: agent(), workspace });
  const list = new RemoteEventsList({ baseUrl: host }, id);
  const batch = [];
  await step('deliver by webhook', async () => {
    for (let i = 0; i < 23; i++) {
      batch.push(message(`step ${i}: 50%_of Ünïcode`, {
        id: i === 7 ? 'evt_1700000000000_abcd1234' : randomUUID(),
        // Pairs share a timestamp: only a tie-breaker keeps their order.
        timestamp: `2025-03-01T10:00:${String(Math.floor(i / 2)).padStart(2, '0')}.123456`,
        source: i % 3 === 0 ? 'agent' : 'user',
        kind: i % 4 === 0 ? 'ActionEvent' : 'MessageEvent',
      }));
    }
    for (let i = 0; i < batch.length; i += 5) await deliver(id, batch.slice(i, i + 5));
    check.equal(await conversations.getEventCount(id), 23);
  });
  await step('deliver again', async () => {
    const before = await list.search({ limit: 100 });
    await deliver(id, batch.slice(0, 5));
    await delivered(`/api/v1/webhooks/events/${id}`, [...batch.slice(20), ...batch.slice(0, 2)]);
    check.equal(await list.count(), 23);
    check.deepEqual(await list.search({ limit: 100 }), before);
  });
  await step('walk in both orders', async () => {
    for (const limit of [1, 4, 22, 23, 100]) {
      const up = await walk((page_id) => list.search({ limit, page_id }), limit);
      check.deepEqual(up, batch, `limit ${limit}`);
      const down = await walk((page_id) => conversations.searchEvents(id, { limit, page_id, sort_order: 'TIMESTAMP_DESC' }), limit);
      check.deepEqual(ids(down), ids(batch).reverse(), `limit ${limit}`);
    }
    check.deepEqual(await list.getEvents(), batch);
    check.deepEqual(ids(await list.getEvents(3, 6)), ids(batch.slice(3, 6)));
    const iterated = [];
    for await (const event of list) iterated.push(event.id);
    check.deepEqual(iterated, ids(batch));
  });
  await step('filters, in search and count alike', async () => {
    const by = {
      kind: [{ kind: 'ActionEvent' }, isActionEvent],
      source: [{ source: 'agent' }, (event) => event.source === 'agent'],
      both: [{ kind: 'MessageEvent', source: 'user' }, (event) => isMessageEvent(event) && event.source === 'user'],
      'body, whatever its case': [{ body: 'STEP 1' }, (event) => isMessageEvent(event) && event.llm_message.content[0].text.startsWith('step 1')],
      'body with wildcards in it': [{ body: '50%_of' }, isMessageEvent],
      'body where wildcards would match': [{ body: 'step%of' }, () => false],
      'body beyond ASCII': [{ body: 'Ünïcode' }, isMessageEvent],
      gte: [{ timestamp__gte: '2025-03-01T10:00:05.123456' }, (event) => event.timestamp >= '2025-03-01T10:00:05.123456'],
      lt: [{ timestamp__lt: '2025-03-01T10:00:05.123456' }, (event) => event.timestamp < '2025-03-01T10:00:05.123456'],
      nothing: [{ kind: 'NoSuchEvent' }, () => false],
    };
    for (const [name, [options, want]] of Object.entries(by)) {
      const expected = ids(batch.filter(want));
      check.deepEqual(ids(await walk((page_id) => list.search({ ...options, limit: 3, page_id }), 3)), expected, name);
      check.equal(await list.count(options), expected.length, name);
      check.equal(await conversations.getEventCount(id, options), expected.length, name);
    }
  });
  await step('get and batch', async () => {
    check.deepEqual(await conversations.getEvent(id, batch[7].id), batch[7]);
    check.deepEqual(await list.getEventById(batch[0].id), batch[0]);
    check.deepEqual(await conversations.getEvents(id, [batch[3].id, 'nobody', batch[1].id]), [batch[3], null, batch[1]]);
    check.deepEqual(await list.getEventsById(['nobody', batch[2].id]), [null, batch[2]]);
    // The client sends a body with GET through node:http here.
    countRequest();
    const { data } = await http.request({
      method: 'GET', url: `/api/conversations/${id}/events`, data: [batch[5].id, 'nobody', batch[4].id],
    });
    check.deepEqual(data, [batch[5], null, batch[4]]);
    await refusedWithText(404, () => conversations.getEvent(id, 'nobody'));
    await refusedWithText(404, () => conversations.getEvent(randomUUID(), batch[0].id));
  });
  await step('bad questions', async () => {
    for (const limit of [0, 101]) await invalid(['query', 'limit'], () => conversations.searchEvents(id, { limit }));
    await invalid(['query', 'sort_order'], () => list.search({ sort_order: 'KIND' }));
    await invalid(['query', 'page_id'], () => list.search({ page_id: '%%%' }));
    await invalid(['query', 'timestamp__gte'], () => list.search({ timestamp__gte: 'yesterday' }));
    await invalid(['query', 'timestamp__lt'], () => list.count({ timestamp__lt: '2025-99-01' }));
    await refusedWithText(404, () => conversations.searchEvents(randomUUID()));
    await refusedWithText(404, () => conversations.getEventCount(randomUUID()));
    await invalid(['path', 'conversation_id'], () => conversations.searchEvents('zzz'));
    await refusedWithText(404, () => conversations.sendEvent(randomUUID(), { role: 'user', content: [] }));
    await invalid(['body'], () => conversations.sendEvent(id, { role: 'nobody', content: 'text' }));
  });
  await step('final response', async () => {
    check.deepEqual(await conversations.getAgentFinalResponse(id).then((answer) => typeof answer.response), 'string');
    await deliver(id, [message('A word from the agent', {
      source: 'agent', timestamp: '2025-03-01T11:00:00', llm_message: { role: 'assistant', content: [{ type: 'text', text: 'A word from the agent' }] },
    })]);
    check.equal((await conversations.getAgentFinalResponse(id)).response, 'A word from the agent');
    await deliver(id, [{
      kind: 'ActionEvent', id: randomUUID(), timestamp: '2025-03-01T11:00:01', source: 'agent', thought: [], tool_name: 'finish',
      tool_call_id: 'c', tool_call: {}, llm_response_id: 'r', action: { kind: 'FinishAction', message: 'All done.' },
    }]);
    check.equal((await conversations.getAgentFinalResponse(id)).response, 'All done.');
    await refusedWithText(404, () => conversations.getAgentFinalResponse(randomUUID()));
  });
  await step('a status event moves the conversation', async () => {
    const status = (value) => ({ kind: 'ConversationStateUpdateEvent', id: randomUUID(), source: 'environment', timestamp: '2025-03-01T11:00:02', key: 'execution_status', value });
    await deliver(id, [status('running'), status('finished')]);
    check.equal((await conversations.getConversation(id)).execution_status, 'finished');
    check.equal(await conversations.countConversations({ status: 'finished' }), 1);
    check.deepEqual(ids((await conversations.searchConversations({ status: 'finished' })).items), [id]);
    check.equal(await conversations.countConversations({ status: 'idle' }), 0);
  });
  await step('deleting a conversation deletes its events', async () => {
    await conversations.deleteConversation(id);
    await refusedWithText(404, () => conversations.getEvent(id, batch[0].id));
    check.equal(await conversations.countConversations(), 0);
  });
}

async function verbatim() {
  const { id } = await conversations.createConversation({ agent: agent(), workspace });
  const event = (name, members) =>
    `{"id":"${name}",  "kind":"MessageEvent","timestamp":"2025-03-01T10:00:00","source":"agent"${members ? ',' + members : ''}}`;
  const texts = {
    spaces: event('spaces', ' "a" :\t[ 1 , 2 ]\n'),
    nul: event('nul', '"text":"before\\u0000after"'),
    surrogate: event('surrogate', '"text":"\\ud800 alone, \\uDFFF too"'),
    escapes: event('escapes', '"text":"\\u00e9\\/\\u2028 é <b>&"'),
    numbers: event('numbers', '"n":9007199254740993,"m":123456789012345678901234567890,"f":1.0,"e":1E+2,"z":-0'),
    twice: event('twice', '"key":1,"key":{"deep":2},"key":[]'),
    deep: event('deep', `"nest":${'['.repeat(400)}${']'.repeat(400)}`),
    emoji: event('emoji', '"text":"👩‍👩‍👧‍👦 漢字 \u202e rtl"'),
    large: event('large', `"text":"${'0123456789abcdef'.repeat(5 * 65536)}"`),
  };
  const read = async (path) => {
    const answer = await fetch(host + path);
    check.equal(answer.status, 200, path);
    check.match(answer.headers.get('content-type'), /^application\/json/);
    return answer.text();
  };
  await step('events come back byte for byte', async () => {
    const all = Object.values(texts);
    await delivered(`/api/v1/webhooks/events/${hex(id)}`, `[${all.join(', ')}]`);
    await delivered(`/api/v1/webhooks/events/${hex(id)}`, `[${all.join(',')}]`);
    check.equal(await conversations.getEventCount(id), all.length);
    for (const [name, text] of Object.entries(texts)) {
      const got = await read(`/api/conversations/${id}/events/${name}`);
      check.ok(got.trimEnd() === text, `${name}: ${got.slice(0, 200)}`);
    }
    const page = await read(`/api/conversations/${id}/events/search?limit=100`);
    const view = await read(`/api/v1/conversation/${id}/events?id=nul&id=none&id=numbers`);
    for (const [name, text] of Object.entries(texts)) check.ok(page.includes(text), `search: ${name}`);
    check.ok(view.includes(texts.nul) && view.includes(texts.numbers));
  });
  await step('bad deliveries change nothing', async () => {
    const path = `/api/v1/webhooks/events/${hex(id)}`;
    const before = await conversations.getEventCount(id);
    const good = event('good', '');
    for (const [name, body, statuses] of [
      ['truncated', `[${good}, {"id":"x"`, [400, 422]],
      ['no list', good, [422]],
      ['empty body', '', [400, 422]],
    ]) {
      const answer = await post(path, body).catch((error) => ({ status: `${error.cause ?? error}` }));
      check.ok(statuses.includes(answer.status), `${name}: ${answer.status}`);
      check.notEqual((await answer.json()).detail, undefined, name);
    }
    check.equal(await conversations.getEventCount(id), before);
    const answer = await post('/api/v1/webhooks/events/not-a-uuid', '[]');
    check.equal(answer.status, 422);
    await conversations.deleteConversation(id);
  });
}

async function conversationWebhook() {
  const id = randomUUID();
  const info = {
    id, title: 'From the agent server', execution_status: 'running', agent: agent(), workspace,
    created_at: '2025-03-01T09:00:00.5', updated_at: '2025-03-01T09:30:00', tags: { origin: 'webhook' },
    stats: { usage_to_metrics: { agent: { model_name: 'provider/model-1', accumulated_cost: 0.25, accumulated_token_usage: { prompt_tokens: 5_000_000_000, completion_tokens: 7 } } } },
    max_iterations: 500, stuck_detection: true, confirmation_policy: { kind: 'NeverConfirm' }, activated_knowledge_skills: [],
  };
  await step('conversation by webhook', async () => {
    await delivered('/api/v1/webhooks/conversations', info);
    const read = await conversations.getConversation(id);
    check.equal(read.title, 'From the agent server');
    check.equal(read.execution_status, 'running');
    check.ok(!JSON.stringify(read).includes('sk-never-to-be-seen'));
    await delivered('/api/v1/webhooks/conversations', { ...info, id: hex(id), execution_status: 'finished', created_at: '2030-01-01T00:00:00' });
    const again = await conversations.getConversation(id);
    check.equal(again.execution_status, 'finished');
    check.equal(again.created_at, read.created_at, 'created_at stays');
    check.equal(await conversations.countConversations(), 1);
  });
  await step('bad conversations', async () => {
    for (const [body, statuses] of [['{"id":', [400, 422]], ['[]', [422]], ['{}', [422]], [{ ...info, id: 'x' }, [422]]]) {
      const answer = await post('/api/v1/webhooks/conversations', body);
      check.ok(statuses.includes(answer.status), `${JSON.stringify(body)}: ${answer.status}`);
    }
  });
  await step('events before their conversation', async () => {
    const early = randomUUID();
    await deliver(early, [message('too early')]);
    check.equal(await conversations.getEventCount(early), 1);
    await delivered('/api/v1/webhooks/conversations', { ...info, id: early });
    check.equal(await conversations.getEventCount(early), 1);
    check.equal((await conversations.getConversation(early)).title, 'From the agent server');
    await conversations.deleteConversation(early);
  });
  await conversations.deleteConversation(id);
}

// OpenHands' app server writes identifiers without dashes.
async function appConversations() {
  const made = [];
  await step('make 7', async () => {
    for (let i = 0; i < 7; i++) {
      const { id } = await conversations.createConversation({ agent: agent(), workspace });
      await conversations.updateConversation(id, { title: `Task ${i} 10${i % 2 ? '%' : 'x'}` });
      made.push(id);
    }
  });
  await step('CloudClient.searchConversations', async () => {
    for (const limit of [2, 7, 20]) {
      const items = await walk((pageID) => cloud.searchConversations(limit, pageID), limit);
      check.deepEqual(ids(items), [...made].reverse().map(hex), `limit ${limit}`);
    }
    const { items: [first] } = await cloud.searchConversations(1);
    check.equal(first.title, 'Task 6 10x');
    check.equal(first.sandbox_status, 'MISSING');
    check.equal(first.conversation_url, null);
    check.equal(first.session_api_key, null);
    check.equal(first.llm_model, 'provider/model-1');
    check.equal(first.execution_status, 'idle');
    check.deepEqual(first.pr_number, []);
    check.deepEqual(first.sub_conversation_ids, []);
    for (const name of ['created_by_user_id', 'sandbox_id', 'agent_kind', 'metrics', 'public', 'tags', 'created_at', 'updated_at']) {
      check.ok(name in first, `${name} is missing`);
    }
  });
  await step('CloudClient.getConversations', async () => {
    const list = await cloud.getConversations([made[2], randomUUID(), made[0]]);
    check.deepEqual(list.map((item) => item?.id ?? null), [hex(made[2]), null, hex(made[0])]);
    check.deepEqual(await cloud.getConversations([]), []);
  });
  await step('search and count with the same filters', async () => {
    for (const [params, want] of [
      [{}, made.length],
      [{ title__contains: '10%' }, 3],
      [{ title__contains: 'task _' }, 0],
      [{ title__contains: 'Task' }, 7],
      [{ created_at__gte: '2000-01-01T00:00:00' }, 7],
      [{ created_at__lt: '2000-01-01T00:00:00Z' }, 0],
      [{ updated_at__gte: '2000-01-01T00:00:00', updated_at__lt: '2100-01-01T00:00:00' }, 7],
      [{ sandbox_id__eq: 'nowhere' }, 0],
      [{ include_sub_conversations: true }, 7],
    ]) {
      const page = await cloud.get('/api/v1/app-conversations/search', { params: { ...params, limit: 100 } });
      check.equal(page.items.length, want, JSON.stringify(params));
      check.equal(await cloud.get('/api/v1/app-conversations/count', { params }), want, JSON.stringify(params));
    }
  });
  await step('sub-conversations', async () => {
    const child = await conversations.createConversation({ agent: agent(), workspace, parent_conversation_id: made[0] });
    check.equal(child.parent_conversation_id, made[0]);
    for (const [include, want] of [[undefined, 7], [false, 7], [true, 8]]) {
      const params = { include_sub_conversations: include };
      check.equal((await cloud.get('/api/v1/app-conversations/search', { params })).items.length, want);
      check.equal(await cloud.get('/api/v1/app-conversations/count', { params }), want);
    }
    check.deepEqual((await cloud.getConversations([made[0]]))[0].sub_conversation_ids, [hex(child.id)]);
    check.deepEqual((await conversations.getConversation(made[0])).sub_conversation_ids, [child.id]);
    await conversations.deleteConversation(child.id);
  });
  await step('TITLE sorts and tags', async () => {
    const titles = async (params) => (await cloud.get('/api/v1/app-conversations/search', { params: { limit: 100, ...params } })).items.map((item) => item.title);
    const ascending = await titles({ sort_order: 'TITLE' });
    check.deepEqual(ascending, sorted(ascending));
    check.deepEqual(await titles({ sort_order: 'TITLE_DESC' }), [...ascending].reverse());
    await conversations.updateConversation(made[1], { tags: { team: 'red', kind: 'x' } });
    await conversations.updateConversation(made[2], { tags: { team: 'blue' } });
    const withTag = async (...tag) => sorted(ids((await conversations.searchConversations({ tag })).items));
    check.deepEqual(await withTag('team:red'), [made[1]]);
    check.deepEqual(await withTag('team:red', 'kind:x'), [made[1]]);
    check.deepEqual(await withTag('team:red', 'team:blue'), []);
    check.equal(await cloud.get('/api/v1/app-conversations/count', { params: { tags__contains: 'team' } }), 2);
    await invalid(['query', 'nonsense'], () => cloud.get('/api/v1/app-conversations/search', { params: { nonsense: 'x' } }));
  });
  await step('start tasks', async () => {
    check.equal(await cloud.getConversationStartTask(randomUUID()), null);
  });
  await step('SharedClient', async () => {
    const shared = new SharedClient({ host });
    await deliver(made[4], [message('everybody may read this')]);
    check.equal(await shared.getSharedConversation(made[4]), null);
    await refused(404, () => shared.searchSharedEvents({ conversationId: made[4] }));
    await cloud.updateConversationPublicFlag(made[4], true);
    check.equal((await shared.getSharedConversation(made[4])).id, hex(made[4]));
    const list = await shared.getSharedConversations([made[4], made[5]]);
    check.deepEqual(list.map((item) => item?.id ?? null), [hex(made[4]), null]);
    check.equal((await shared.searchSharedEvents({ conversationId: made[4], limit: 10 })).items.length, 1);
    await cloud.updateConversationPublicFlag(made[4], false);
  });
  await step('repository and branch', async () => {
    const change = { selected_repository: 'o/r', selected_branch: 'b', git_provider: 'github' };
    const changed = await cloud.patch(`/api/v1/app-conversations/${made[3]}`, change);
    for (const [name, value] of Object.entries(change)) check.equal(changed[name], value);
  });
  await step('public flag, title', async () => {
    check.equal((await cloud.updateConversationPublicFlag(made[3], true)).public, true);
    check.equal((await cloud.getConversations([made[3]]))[0].public, true);
    check.equal((await cloud.updateConversationPublicFlag(made[3], false)).public, false);
    const renamed = await cloud.patch(`/api/v1/app-conversations/${made[3]}`, { title: 'Renamed' });
    check.equal(renamed.title, 'Renamed');
    await refusedWithText(404, () => cloud.updateConversationPublicFlag(randomUUID(), true));
  });
  await step('events view', async () => {
    const batch = [message('one', { timestamp: '2025-03-01T10:00:01' }), message('two', { timestamp: '2025-03-01T10:00:02', kind: 'OtherEvent' })];
    await deliver(made[0], batch);
    const path = `/api/v1/conversation/${made[0]}/events`;
    check.deepEqual((await cloud.get(`${path}/search`, { params: { limit: 10 } })).items, batch);
    check.deepEqual(await walk((page_id) => cloud.get(`${path}/search`, { params: { limit: 1, page_id } }), 1), batch);
    for (const [params, want] of [
      [{}, [0, 1]], [{ kind__eq: 'OtherEvent' }, [1]], [{ timestamp__gte: '2025-03-01T10:00:02' }, [1]], [{ timestamp__lt: '2025-03-01T10:00:02' }, [0]],
    ]) {
      check.deepEqual((await cloud.get(`${path}/search`, { params })).items, want.map((i) => batch[i]), JSON.stringify(params));
      check.equal(await cloud.get(`${path}/count`, { params }), want.length, JSON.stringify(params));
    }
    check.deepEqual(await cloud.get(path, { params: { id: [batch[1].id, 'nobody', batch[0].id] } }), [batch[1], null, batch[0]]);
  });
  await step('bad questions', async () => {
    for (const limit of [0, 101]) await invalid(['query', 'limit'], () => cloud.searchConversations(limit));
    await invalid(['query', 'page_id'], () => cloud.searchConversations(10, 'made up'));
    await invalid(['query', 'created_at__gte'], () => cloud.get('/api/v1/app-conversations/count', { params: { created_at__gte: 'soon' } }));
    await refusedWithText(501, () => cloud.createConversation({ initial_message: { role: 'user', content: [] } }));
    await refused(404, () => http.get('/api/no/such/route'));
  });
  await step('CloudClient.deleteConversation', async () => {
    for (const id of made) await cloud.deleteConversation(id);
    await refused(404, () => cloud.deleteConversation(made[0]));
    check.equal(await cloud.get('/api/v1/app-conversations/count'), 0);
  });
}

// What restarted.mjs looks for after the server has been stopped and started.
async function leaveMarker() {
  await step('leave a conversation for the next start', async () => {
    const info = await conversations.createConversation({ conversation_id: marker, agent: agent(), workspace });
    check.equal(info.id, marker);
    await conversations.updateConversation(marker, { title: 'Still here' });
    await conversations.sendEvent(marker, { role: 'user', content: [{ type: 'text', text: 'Remember me' }] });
  });
}

await main('client', async () => {
  await server();
  await createAndRead();
  await remoteConversation();
  await listing();
  await events();
  await verbatim();
  await conversationWebhook();
  await appConversations();
  await leaveMarker();
});
