# Signs or verifies the message on standard input with the library standardwebhooks, and prints what it says.
import json
import sys
from datetime import datetime, timezone

from standardwebhooks import Webhook, WebhookVerificationError

message = json.load(sys.stdin)
webhook = Webhook(message["secret"])
if sys.argv[1] == "sign":
    at = datetime.fromtimestamp(int(message["timestamp"]), tz=timezone.utc)
    print(webhook.sign(message["id"], at, message["body"]), end="")
else:
    headers = {f"webhook-{name}": message[name] for name in ("id", "timestamp", "signature")}
    try:
        webhook.verify(message["body"], headers)
        print("verified", end="")
    except WebhookVerificationError as error:
        print(error, end="")
