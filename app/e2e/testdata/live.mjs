// The client's websocket classes follow one conversation while the test pushes EVENTS events to
// it, cuts connections and restarts servers. Each follower must have every event once and in
// order at the end. BASE_URL names a proxy in front of the server, CONVERSATION the conversation,
// CUTS how often connections are cut at least.
import './window.mjs';
import WebSocket from 'ws';
import { HttpClient, RemoteConversation, RemoteEventsList, RemoteWorkspace, WebSocketCallbackClient } from '@openhands/typescript-client';
import { check, main, step } from './steps.mjs';

const host = process.env.BASE_URL;
const id = process.env.CONVERSATION;
const wanted = Number(process.env.EVENTS);
const cuts = Number(process.env.CUTS);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/**
 * What an application makes of a socket that replays nothing: whenever the socket (again) tells the
 * whole state, it reads by REST what it has missed, and then takes what came meanwhile, by id.
 */
class Follower {
  constructor(name) {
    Object.assign(this, { name, numbers: [], known: new Set(), connects: 0, live: 0, read: 0, expected: undefined, waiting: undefined, errors: [] });
    this.list = new RemoteEventsList(new HttpClient({ baseUrl: host, timeout: 10000 }), id);
    this.done = new Promise((done) => { this.finish = done; });
  }

  receive(event) {
    if (event.key === 'full_state') {
      this.connects++;
      this.expected = undefined;
      this.catchUp(this.connects).catch((error) => this.errors.push(error));
      return;
    }
    // One connection skips nothing and repeats nothing.
    if (this.expected !== undefined && event.n !== this.expected) this.errors.push(new Error(`live event ${event.n} came instead of ${this.expected}`));
    this.expected = event.n + 1;
    if (this.waiting) this.waiting.push(event);
    else if (this.take(event)) this.live++;
  }

  async catchUp(connection) {
    this.waiting = [];
    const missed = [];
    for (let page; ;) {
      if (connection !== this.connects) return; // another connection began
      try {
        const answer = await this.list.search({ timestamp__gte: this.latest, page_id: page });
        missed.push(...answer.items);
        page = answer.next_page_id;
      } catch {
        await pause(50); // the server is away
        continue;
      }
      if (!page) break;
    }
    if (connection !== this.connects) return;
    for (const event of missed) if (this.take(event)) this.read++;
    for (const event of this.waiting) if (this.take(event)) this.live++;
    this.waiting = undefined;
  }

  take(event) {
    if (this.known.has(event.id)) return false;
    this.known.add(event.id);
    this.numbers.push(event.n);
    this.latest = event.timestamp;
    if (this.numbers.length === wanted) this.finish();
    return true;
  }

  verdict() {
    check.deepEqual(this.errors, [], this.name);
    check.deepEqual(this.numbers, Array.from({ length: wanted }, (_, i) => i), `${this.name}: in order, none lost, none twice`);
    check.ok(this.connects > cuts, `${this.name}: ${this.connects} connections for ${cuts} cuts`);
    console.log(`${this.name}: ${this.numbers.length} events, ${this.live} live and ${this.read} read after ${this.connects} connections`);
  }
}

/** As the web client does: it names the latest event that it has, and the socket sends what came since. */
class Resending extends Follower {
  start() {
    const since = this.latest ? `?resend_mode=since&after_timestamp=${encodeURIComponent(this.latest)}` : '?resend_mode=all';
    this.socket = new WebSocket(`${host.replace('http', 'ws')}/sockets/events/${id}${since}`);
    this.socket.onmessage = ({ data }) => this.receive(JSON.parse(data));
    this.socket.onerror = () => {};
    this.socket.onclose = () => { if (!this.stopped) setTimeout(() => this.start(), 200); };
  }

  receive(event) {
    if (event.key === 'full_state') this.connects++;
    else if (this.take(event)) this.live++;
  }

  stop() {
    this.stopped = true;
    this.socket.close();
  }
}

await main('live', async () => {
  const [bare, conversing, resending] = [new Follower('WebSocketCallbackClient'), new Follower('RemoteConversation'), new Resending('resend_mode=since')];
  const socket = new WebSocketCallbackClient({ host, conversationId: id, callback: (event) => bare.receive(event), onError: (error) => bare.errors.push(error) });
  const conversation = new RemoteConversation({}, new RemoteWorkspace({ host, workingDir: '/workspace' }), {
    conversationId: id, callback: (event) => conversing.receive(event), onError: (error) => conversing.errors.push(error),
  });
  socket.start();
  await conversation.startWebSocketClient();
  resending.start();
  await Promise.all([bare.done, conversing.done, resending.done]);
  socket.stop();
  resending.stop();
  await step('followers', async () => [bare, conversing, resending].forEach((follower) => follower.verdict()));
  await step('RemoteConversation has them all', async () => {
    const events = (await conversation.state.events.getEvents()).filter((event) => event.key !== 'full_state');
    check.deepEqual(events.map(({ n }) => n).sort((a, b) => a - b), bare.numbers);
    check.equal(await conversation.state.getExecutionStatus(), 'idle');
  });
  await conversation.close();
});
process.exit();
