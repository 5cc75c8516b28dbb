// What the scripts beside this file share: named steps, counted checks and
// counted requests. A failed step is told with its name and ends the script.
import assert from 'node:assert/strict';
import { HttpError } from '@openhands/typescript-client';

let requests = 0;
let checks = 0;
let steps = 0;

// The client calls the global fetch when it makes a request, so that counting
// here leaves the package as it was published.
const realFetch = globalThis.fetch;
globalThis.fetch = (...args) => {
  requests++;
  return realFetch(...args);
};

/** Counts a request that does not go through fetch. */
export function countRequest() {
  requests++;
}

/** assert/strict with every call counted. */
export const check = new Proxy(assert, {
  get(target, name) {
    const value = target[name];
    if (typeof value !== 'function') return value;
    return (...args) => {
      checks++;
      return value.apply(target, args);
    };
  },
});

/** Runs one named step. */
export async function step(name, body) {
  steps++;
  try {
    return await body();
  } catch (error) {
    error.message = `${name}: ${error.message}`;
    throw error;
  }
}

/** The HttpError that a call of the client ends with; its status must be the expected one. */
export async function refused(status, call) {
  let answer;
  try {
    answer = await call();
  } catch (error) {
    check.ok(error instanceof HttpError, `expected an HttpError ${status}, got ${error}`);
    check.equal(error.status, status, error.message);
    return error;
  }
  checks++;
  assert.fail(`expected status ${status}, got the answer ${JSON.stringify(answer)}`);
}

/** A refusal with {"detail": "text"}. */
export async function refusedWithText(status, call) {
  const { response } = await refused(status, call);
  check.equal(typeof response?.detail, 'string', JSON.stringify(response));
  check.notEqual(response.detail, '');
}

/** A 422 in FastAPI's list shape, one entry of which names the place. */
export async function invalid(place, call) {
  const { response } = await refused(422, call);
  check.ok(Array.isArray(response?.detail), `detail is no list: ${JSON.stringify(response)}`);
  for (const entry of response.detail) {
    check.ok(Array.isArray(entry.loc), JSON.stringify(entry));
    check.equal(typeof entry.msg, 'string');
    check.equal(typeof entry.type, 'string');
  }
  check.ok(
    response.detail.some(({ loc }) => place.every((part, i) => loc[i] === part)),
    `no entry at ${JSON.stringify(place)}: ${JSON.stringify(response.detail)}`,
  );
}

/** Every item of a listing: page(page_id) is called until there is no next page. */
export async function walk(page, limit) {
  const items = [];
  let pageID;
  for (;;) {
    const answer = await page(pageID);
    check.ok(answer.items.length <= limit, `a page of ${answer.items.length} for limit ${limit}`);
    items.push(...answer.items);
    if (!answer.next_page_id) {
      check.equal(answer.next_page_id, null);
      return items;
    }
    check.equal(answer.items.length, limit, 'a page with a successor is full');
    check.ok(items.length < 10000, 'the listing does not end');
    pageID = answer.next_page_id;
  }
}

/** Runs a whole script and says what it did. */
export async function main(name, body) {
  try {
    await body();
  } catch (error) {
    console.error(error.stack ?? error);
    process.exitCode = 1;
    return;
  }
  console.log(`${name}: ${requests} calls, ${checks} checks in ${steps} steps`);
}
