"""What an application does with the Python client: webhooks and events, in both of its styles."""

import asyncio
import json
import sys
import urllib.request
from base64 import b64encode

from mailgun.client import AsyncClient, Client

API, KEY, DOMAIN, RECEIVER = sys.argv[1:]
AUTH = ("api", KEY)


def submit(events):
    request = urllib.request.Request(f"{API}/v3/{DOMAIN}/events", json.dumps(events).encode())
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", "Basic " + b64encode(":".join(AUTH).encode()).decode())
    urllib.request.urlopen(request).close()


def expect(response, status, body):
    assert response.status_code == status, (response.status_code, response.text)
    assert response.json() == body, response.json()


def webhooks():
    one, two = f"{RECEIVER}/one", f"{RECEIVER}/two"
    with Client(auth=AUTH, api_url=API) as client:
        hooks = client.domains_webhooks
        expect(hooks.get(domain=DOMAIN), 200, {"webhooks": {}})
        created = {"message": "Webhook has been created", "webhook": {"urls": [one]}}
        expect(hooks.create(domain=DOMAIN, data={"id": "clicked", "url": [one]}), 200, created)
        expect(hooks.get(domain=DOMAIN), 200, {"webhooks": {"clicked": {"urls": [one]}}})
        expect(hooks.get(domain=DOMAIN, webhook_name="clicked"), 200, {"webhook": {"urls": [one]}})
        updated = {"message": "Webhook has been updated", "webhook": {"urls": [one, two]}}
        both = [("url", one), ("url", two)]
        expect(hooks.put(domain=DOMAIN, webhook_name="clicked", data=both), 200, updated)
        deleted = {"message": "Webhook has been deleted", "webhook": {"urls": [one, two]}}
        expect(hooks.delete(domain=DOMAIN, webhook_name="clicked"), 200, deleted)
        gone = hooks.get(domain=DOMAIN, webhook_name="clicked")
        expect(gone, 404, {"message": "Webhook not found"})


async def webhooks_async():
    url = f"{RECEIVER}/async"
    async with AsyncClient(auth=AUTH, api_url=API) as client:
        hooks = client.domains_webhooks
        created = {"message": "Webhook has been created", "webhook": {"urls": [url]}}
        expect(await hooks.create(domain=DOMAIN, data={"id": "opened", "url": [url]}), 200, created)
        expect(await hooks.get(domain=DOMAIN), 200, {"webhooks": {"opened": {"urls": [url]}}})
        updated = {"message": "Webhook has been updated", "webhook": {"urls": [url]}}
        put = await hooks.put(domain=DOMAIN, webhook_name="opened", data={"url": [url]})
        expect(put, 200, updated)
        deleted = {"message": "Webhook has been deleted", "webhook": {"urls": [url]}}
        expect(await hooks.delete(domain=DOMAIN, webhook_name="opened"), 200, deleted)


FILTERS = {"begin": "Tue, 24 Nov 2020 09:00:00 -0000", "ascending": "yes", "limit": 4, "event": "rejected OR opened"}


def pages():
    """A page's link leads to the next one; its last segment is all that the client needs."""
    with Client(auth=AUTH, api_url=API) as client:
        page = client.events.get(domain=DOMAIN, filters=FILTERS).json()
        seen = []
        while page["items"]:
            seen += [item["id"] for item in page["items"]]
            followed = client._session.get(page["paging"]["next"], auth=AUTH)
            assert followed.status_code == 200, followed.text
            page = followed.json()
        assert seen == [f"e{at}" for at in range(10)], seen


def streamed():
    """The client reads only the query of a link, and ends because the same page has the same link."""
    with Client(auth=AUTH, api_url=API) as client:
        items = client.events.stream(filters={**FILTERS, "limit": 300}, domain=DOMAIN)
        assert {item["id"] for item in items} == {f"e{at}" for at in range(10)}


async def streamed_async():
    async with AsyncClient(auth=AUTH, api_url=API) as client:
        got = await client.events.get(domain=DOMAIN, filters=FILTERS)
        assert len(got.json()["items"]) == 4, got.text
        items = client.events.stream(filters={**FILTERS, "limit": 300}, domain=DOMAIN)
        assert {item["id"] async for item in items} == {f"e{at}" for at in range(10)}


webhooks()
asyncio.run(webhooks_async())
submit([{"event": "opened", "id": f"e{at}", "timestamp": 1_700_000_000 + at} for at in range(10)])
submit([{"event": "clicked", "id": "other", "timestamp": 1_700_000_000}])
pages()
streamed()
asyncio.run(streamed_async())
