//! What is sent to a bin by HTTP: kept, and answered as the bin is told to.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::OfBin;
use crate::api::App;
use crate::api::body::receive;
use crate::api::document::Routes;
use crate::api::error::Error;
use crate::api::reply;
use crate::bins::{Bins, Incoming};
use crate::hangup::Hangup;
use crate::storage::{Answer, Bin};

/// Pieces that a slow body comes in.
const PIECES: u32 = 20;

pub(super) fn routes() -> Routes {
    let (schemas, paths, router) = routes!(take);
    // Whatever the method is.
    Routes::new().routes((schemas, paths, router.fallback(take)))
}

#[derive(Serialize, ToSchema)]
#[schema(as = BinReceived)]
struct Kept {
    message: &'static str,
    /// Its number in the bin.
    number: u32,
}

/// Send something to a request bin
///
/// By any method. It is kept, and answered as the bin is told to.
#[utoipa::path(
    post, path = "/bins/{id}/in", tag = "Request bins", operation_id = "sendToBin", params(OfBin),
    request_body(content = Vec<u8>, content_type = "*/*"),
    responses(
        (status = 200, description = "It is kept.", body = Kept),
        (status = 406, description = "There is no such bin, or no more. Whoever sends webhooks does not come again."),
        (status = 503),
    ),
)]
async fn take(State(app): State<App>, request: Request) -> Result<Response, Error> {
    let (mut head, body) = request.into_parts();
    let OfBin(bin) = OfBin::from_request_parts(&mut head, &app).await.map_err(|_| Error::BinGone)?;
    let request = Request::from_parts(head.clone(), body);
    let domain = bin.domain.clone().unwrap_or_default();
    let mut room = app.captures().room(&domain);
    let body = receive(request, app.bins().max_body(), &mut room).await?;
    let incoming = Incoming::new(&head.method, &head.uri, &head.headers, body);
    let captured = app.bins().receive(&bin, incoming).await?;
    drop(room);
    app.bins().hold_back(captured.answer.delay).await;
    let hangup = head.extensions.get::<Hangup>();
    answer(app.bins(), &bin, captured.answer, hangup, captured.number)
}

fn answer(
    bins: &Bins,
    bin: &Bin,
    answer: Answer,
    hangup: Option<&Hangup>,
    number: u32,
) -> Result<Response, Error> {
    let Some(status) = answer.status else {
        let hangup = hangup.ok_or(Error::Internal)?;
        hangup.order();
        return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    };
    let status = StatusCode::from_u16(status).map_err(|_| Error::Internal)?;
    let mut response = match answer.drip {
        Duration::ZERO if status.is_success() => reply::json(status, &Kept { message: "Kept", number }),
        Duration::ZERO => reply::json(status, &Kept { message: "Kept, and answered as asked for", number }),
        drip => (status, slow_body(bins.clone(), drip)).into_response(),
    };
    let headers = response.headers_mut();
    if let Some(seconds) = answer.retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if status.is_redirection()
        && let Ok(value) = HeaderValue::try_from(format!("{}?redirected", bins.url(bin)))
    {
        // Whoever follows it is seen here.
        headers.insert(header::LOCATION, value);
    }
    Ok(response)
}

/// A body that takes so long, piece by piece, unless the server stops.
fn slow_body(bins: Bins, drip: Duration) -> Body {
    Body::from_stream(stream::unfold((bins, 0), move |(bins, piece)| async move {
        if piece == PIECES {
            return None;
        }
        bins.hold_back(drip / PIECES).await;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from_static(b".")), (bins, piece + 1)))
    }))
}
