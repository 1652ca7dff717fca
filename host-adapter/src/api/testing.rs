//! What the tests of the API share.

use axum::http::response::Parts;
use axum::response::Response;

/// The head and the body of an answer.
pub(crate) async fn read(response: Response) -> (Parts, String) {
    let (head, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("the whole body");
    (head, String::from_utf8(body.into()).expect("UTF-8"))
}
