// What receivers did with the older JavaScript client: check the signature of each webhook.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const mailgunJs = require('mailgun-js');

const [, , key, file] = process.argv;
const { timestamp, token, signature } = JSON.parse(readFileSync(file, 'utf8')).signature;
const receiver = (apiKey) => mailgunJs({ apiKey, domain: 'example.com', mute: true });

const own = receiver(key);
assert.equal(own.validateWebhook(timestamp, token, signature), true);
assert.equal(own.validateWebhook(timestamp, token, signature), false, 'a token counts once');
assert.equal(receiver('another key').validateWebhook(timestamp, token, signature), false);
assert.equal(receiver(key).validateWebhook(`${Number(timestamp) - 1}`, token, signature), false);
assert.equal(receiver(key).validateWebhook(timestamp, `${token}0`, signature), false);
