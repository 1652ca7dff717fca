//! What comes into a bin, as server-sent events: one for each request, in order, none left out.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::time::sleep;
use utoipa_axum::routes;

use super::OfBin;
use super::requests::kinds;
use super::schema::OfKind;
use crate::api::App;
use crate::api::document::Routes;
use crate::api::error::Error;
use crate::api::form::Form;
use crate::bins::{Listener, page};
use crate::storage::{Bin, CaptureQuery, StoredCapture};

/// How often a word is sent where there is nothing to tell, so that both sides notice when the other is gone.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Requests read in one go.
const READ_AT_ONCE: usize = 10;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(listen))
}

/// What comes into a request bin, live
///
/// Server-sent events, `request` for each one, whose `id` is the request's number and whose data is a piece of HTML for the
/// page. They begin behind `Last-Event-ID`, or else behind the number in `after`.
#[utoipa::path(
    get, path = "/bins/{id}/stream", tag = "Request bins", operation_id = "streamBin", params(OfBin, OfKind),
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        (status = 404, description = "There is no such bin, or no more."),
        (status = 429, description = "Too many listen already."),
    ),
)]
async fn listen(
    State(app): State<App>,
    OfBin(bin): OfBin,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let query = Form::from_query(query.as_deref().unwrap_or_default())?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).or(query.first("after"));
    let seen = last.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    let listener = app.bins().listen(&bin)?;
    let feed = Feed { app, bin, listener, seen, kinds: kinds(query.first("event")), read: VecDeque::new() };
    let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"retry: 1000\n\n"))]);
    let rest = stream::unfold(feed, async |mut feed| {
        let text = feed.next().await?;
        Some((Ok(Bytes::from(text)), feed))
    });
    let body = Body::from_stream(stream::StreamExt::chain(first, rest));
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    // Some proxies keep a stream back until there is much of it, unless they are told not to.
    Ok((headers, [("X-Accel-Buffering", "no")], body).into_response())
}

struct Feed {
    app: App,
    bin: Arc<Bin>,
    listener: Listener,
    /// The number of the last request that was told.
    seen: u32,
    kinds: Option<Vec<String>>,
    /// Read, and not told yet.
    read: VecDeque<StoredCapture>,
}

impl Feed {
    /// The next thing to send; `None` when there is an end.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(kept) = self.read.pop_front() {
                self.seen = kept.number;
                let html = page::item(self.app.bins(), &self.bin, &kept, false).into_string();
                return Some(event("request", Some(kept.number), &html));
            }
            let query = CaptureQuery {
                above: self.seen,
                kinds: self.kinds.clone(),
                newest_first: false,
                limit: READ_AT_ONCE,
                body: page::SHOWN,
                bytes: page::SHOWN * 4,
                ..CaptureQuery::ALL
            };
            self.read = self.app.store().captures(&self.bin, query).await.ok()?.into();
            if !self.read.is_empty() {
                continue;
            }
            tokio::select! {
                () = self.listener.next() => {}
                () = self.app.bins().closed() => return None,
                () = sleep(HEARTBEAT) => {
                    // A page that waits for what can never come is told so, once.
                    return self.app.bins().find(&self.bin.id).map(|_| ": still here\n\n".to_owned());
                }
            }
        }
    }
}

/// One event. Its data may be anything: what would end a line inside of one is written as a line of its own.
fn event(name: &str, id: Option<u32>, data: &str) -> String {
    let mut text = format!("event: {name}\n");
    if let Some(id) = id {
        text += &format!("id: {id}\n");
    }
    for line in data.replace('\r', "&#13;").split('\n') {
        text += &format!("data: {line}\n");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::event;

    #[test]
    fn no_data_can_begin_another_event() {
        let text = event("request", Some(7), "a\rid: 9\nb\n\nevent: x\r\n\r\n");
        assert_eq!(
            text,
            "event: request\nid: 7\ndata: a&#13;id: 9\ndata: b\ndata: \ndata: event: x&#13;\ndata: &#13;\ndata: \n\n"
        );
    }
}
