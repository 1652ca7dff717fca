"""A Django project whose pages are Anymail's webhook: prints what its application is told, one event a line."""

import json
import logging
import sys
import time
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

SIGNING_KEY, REQUESTS = sys.argv[1], int(sys.argv[2])
settings.configure(
    ALLOWED_HOSTS=["*"],
    ANYMAIL={"MAILGUN_WEBHOOK_SIGNING_KEY": SIGNING_KEY, "WEBHOOK_SECRET": "user:hunter2"},
    INSTALLED_APPS=["anymail"],
    LOGGING_CONFIG=None,
    ROOT_URLCONF=__name__,
    SECRET_KEY="secret",
)
django.setup()
# What Anymail refuses is told by its answer.
logging.disable()

from anymail.signals import tracking  # noqa: E402
from anymail.webhooks.mailgun import MailgunTrackingWebhookView  # noqa: E402

urlpatterns = [
    path("anymail/", include("anymail.urls")),
    path("other/", MailgunTrackingWebhookView.as_view(webhook_signing_key="key-of-another-account")),
]


def told(event, **_):
    names = ("event_type", "recipient", "message_id", "reject_reason", "click_url", "tags", "metadata", "event_id")
    print(json.dumps({name: getattr(event, name) for name in names}), flush=True)


tracking.connect(told)


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
print(server.server_port, flush=True)
server.timeout = 20
for _ in range(REQUESTS):
    server.handle_request()
