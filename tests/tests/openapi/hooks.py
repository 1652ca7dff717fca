# One event on each line is text; the document says so, and this program has not heard of it.
import schemathesis

schemathesis.serializer.alias("application/x-ndjson", "text/plain")
