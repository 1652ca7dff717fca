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


def webhooks(kind):
    """The life of a webhook: each call, and the answer that it must get."""
    one, two = f"{RECEIVER}/one", f"{RECEIVER}/two"
    named = {"webhook_name": kind}
    both = {"urls": [one, two]}
    return [
        ("get", {}, 200, {"webhooks": {}}),
        ("get", named, 404, {"message": "Webhook not found"}),
        ("create", {"data": {"id": kind, "url": [one]}}, 200, changed("created", {"urls": [one]})),
        ("get", {}, 200, {"webhooks": {kind: {"urls": [one]}}}),
        ("get", named, 200, {"webhook": {"urls": [one]}}),
        ("put", {**named, "data": {"url": [one, two]}}, 200, changed("updated", both)),
        ("delete", named, 200, changed("deleted", both)),
        ("get", {}, 200, {"webhooks": {}}),
    ]


def changed(verb, webhook):
    return {"message": f"Webhook has been {verb}", "webhook": webhook}


# The client has no call of its own for this.
TEST = f"{API}/v3/domains/{DOMAIN}/webhooks/opened/test"
TESTED = {"code": None, "message": "the receiver answered 200"}


def managed():
    with Client(auth=AUTH, api_url=API) as client:
        for verb, arguments, status, body in webhooks("clicked"):
            expect(getattr(client.domains_webhooks, verb)(domain=DOMAIN, **arguments), status, body)
        expect(client._session.put(TEST, data={"url": f"{RECEIVER}/test"}, auth=AUTH), 200, TESTED)


async def managed_async():
    async with AsyncClient(auth=AUTH, api_url=API) as client:
        for verb, arguments, status, body in webhooks("opened"):
            expect(await getattr(client.domains_webhooks, verb)(domain=DOMAIN, **arguments), status, body)
        expect(await client._client.put(TEST, data={"url": f"{RECEIVER}/test"}, auth=AUTH), 200, TESTED)


FILTERS = {"begin": "Tue, 24 Nov 2020 09:00:00 -0000", "ascending": "yes", "limit": 4, "event": "rejected OR opened"}


def pages():
    """A page's link leads to the next one; its last segment is all that the client needs."""
    with Client(auth=AUTH, api_url=API) as client:
        page = client.events.get(domain=DOMAIN, filters=FILTERS)
        seen = []
        while items := page.json()["items"]:
            seen += [item["id"] for item in items]
            page = client._session.get(page.json()["paging"]["next"], auth=AUTH)
        assert seen == [f"e{at}" for at in range(10)], seen


async def pages_async():
    async with AsyncClient(auth=AUTH, api_url=API) as client:
        page = await client.events.get(domain=DOMAIN, filters=FILTERS)
        seen = []
        while items := page.json()["items"]:
            seen += [item["id"] for item in items]
            page = await client._client.get(page.json()["paging"]["next"], auth=AUTH)
        assert seen == [f"e{at}" for at in range(10)], seen


def streamed():
    """The client reads only the query of a link, and ends because the same page has the same link."""
    with Client(auth=AUTH, api_url=API) as client:
        items = client.events.stream(filters={**FILTERS, "limit": 300}, domain=DOMAIN)
        assert {item["id"] for item in items} == {f"e{at}" for at in range(10)}


async def streamed_async():
    async with AsyncClient(auth=AUTH, api_url=API) as client:
        items = client.events.stream(filters={**FILTERS, "limit": 300}, domain=DOMAIN)
        assert {item["id"] async for item in items} == {f"e{at}" for at in range(10)}


managed()
asyncio.run(managed_async())
submit([{"event": "opened", "id": f"e{at}", "timestamp": 1_700_000_000 + at} for at in range(10)])
submit([{"event": "clicked", "id": "other", "timestamp": 1_700_000_000}])
pages()
asyncio.run(pages_async())
streamed()
asyncio.run(streamed_async())
