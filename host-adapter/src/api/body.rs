//! The body of a submission, for which memory is held as it arrives.

use std::future::poll_fn;
use std::pin::Pin;

use axum::extract::Request;
use bytes::Bytes;
use hyper::body::Body as _;

use super::error::Error;
use super::form::{broken_off, content_length};
use crate::memory::Room;

/// The whole body, which may have `limit` bytes. One that announces more is refused unread; what it announces
/// takes no room, only what has come does, so that a slow sender keeps nobody out.
pub(super) async fn receive(request: Request, limit: usize, room: &mut Room) -> Result<Bytes, Error> {
    let announced = content_length(request.headers());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(Error::BodyTooLarge { limit });
    }
    let whole = announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(limit);
    let mut body = request.into_body();
    let mut received = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| broken_off(&error))?;
        let Ok(bytes) = frame.into_data() else { continue };
        let length = received.len() + bytes.len();
        if length > limit {
            return Err(Error::BodyTooLarge { limit });
        }
        room.hold(length).await?;
        if length > received.capacity() {
            // Twice what has come, so that little is copied twice; not more than all that will come.
            received.reserve_exact((2 * length).min(whole).max(length) - received.len());
        }
        received.extend_from_slice(&bytes);
    }
    Ok(received.into())
}
