//! HTTP/1.1 over fixed buffers (RFC 9112), as far as a sender of webhooks needs it: the head of a POST
//! out, the answer's head in, and the end of its body found.
//!
//! Nothing here reads or writes a connection; a firmware's UART and a server's socket use it alike:
//!
//! 1. [`RequestHead::write`] fills a buffer; send it, then the [chunks of the payload](crate::Payload::chunks).
//! 2. Read into a buffer until [`ResponseHead::parse`] finds a whole head. Skip the head while it
//!    [is interim](ResponseHead::is_interim).
//! 3. Feed the rest to [`ResponseHead::body`] until it is complete; then, if the head says
//!    [`keep_alive`](ResponseHead::keep_alive), the connection is good for another request.

mod body;
mod request;
mod response;

pub use body::{Body, MalformedChunk};
pub use request::{Header, HeaderError, RequestHead};
pub use response::{NotHttp, ResponseHead, RetryAfter};
