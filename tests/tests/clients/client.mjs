// What an application does with the JavaScript client: webhooks and events.

import assert from 'node:assert/strict';
import FormData from 'form-data';
import Mailgun from 'mailgun.js';

const [, , url, key, domain, receiver] = process.argv;
const mailgun = new Mailgun(FormData).client({ username: 'api', key, url });

const [one, two] = [`${receiver}/one`, `${receiver}/two`];
assert.deepEqual(await mailgun.webhooks.list(domain, {}), {});
const created = await mailgun.webhooks.create(domain, 'clicked', one, false);
assert.equal(created.url, one);
assert.deepEqual((await mailgun.webhooks.list(domain, {})).clicked.urls, [one]);
assert.deepEqual((await mailgun.webhooks.get(domain, 'clicked')).urls, [one]);
assert.deepEqual((await mailgun.webhooks.update(domain, 'clicked', [one, two])).urls, [one, two]);
assert.deepEqual((await mailgun.webhooks.destroy(domain, 'clicked')).urls, [one, two]);
await assert.rejects(mailgun.webhooks.get(domain, 'clicked'), { status: 404, details: 'Webhook not found' });
const tested = await mailgun.webhooks.create(domain, 'opened', one, true);
assert.equal(tested.code, null);
assert.equal(typeof tested.message, 'string');

const opened = (at) => ({ event: 'opened', id: `e${at}`, timestamp: 1_700_000_000 + at, tags: ['t'] });
const submitted = await fetch(`${url}/v3/${domain}/events`, {
  method: 'POST',
  headers: {
    'Content-Type': 'application/json',
    Authorization: `Basic ${Buffer.from(`api:${key}`).toString('base64')}`,
  },
  body: JSON.stringify([...Array(10).keys()].map(opened)),
});
assert.equal(submitted.status, 200);

const query = { begin: new Date(1_699_999_999_000).toUTCString(), ascending: 'yes', limit: 3, tags: 't' };
const all = [...Array(10).keys()].map((at) => `e${at}`);
const forward = [];
let page = await mailgun.events.get(domain, query);
while (page.items.length > 0) {
  forward.push(...page.items.map((item) => item.id));
  page = await mailgun.events.get(domain, { page: page.pages.next.page });
}
assert.deepEqual(forward, all);

// The same query beside each cursor, and back again.
const backward = [];
page = await mailgun.events.get(domain, { ...query, page: page.pages.previous.page });
while (page.items.length > 0) {
  backward.unshift(...page.items.map((item) => item.id));
  page = await mailgun.events.get(domain, { ...query, page: page.pages.previous.page });
}
assert.deepEqual(backward, all);

// The same events as logs.
const named = (attribute, value) => ({ attribute, comparator: '=', values: [{ label: value, value }] });
const question = {
  start: new Date(1_699_999_999_000),
  end: new Date(1_700_000_100_000),
  events: ['opened'],
  filter: { AND: [named('domain', domain), named('tag', 't')] },
  pagination: { sort: 'timestamp:asc', limit: 4 },
};
const logged = [];
let logs = await mailgun.logs.list(question);
while (logs.items.length > 0) {
  logged.push(...logs.items.map((item) => item.id));
  assert.equal(logs.items[0]['@timestamp'].getTime(), 1000 * logs.items[0].timestamp);
  const pagination = { ...question.pagination, token: logs.pagination.next };
  logs = await mailgun.logs.list({ ...question, pagination });
}
assert.deepEqual(logged, all);
