//! `GET /v5/accounts/accounting`: where every delivery of the account is.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::App;
use super::caller::Scope;
use super::document::Routes;
use super::error::Error;
use super::reply;
use crate::storage::{Accounting, Balance};

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(show))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Accounting, example = json!({
    "account": "f9a2b6c1d4e8f9a2b6c1d4e8",
    "accepted": 1500,
    "acknowledged": 1360,
    "refused": 12,
    "exhausted": 3,
    "cancelled": 25,
    "pending": 100,
    "balances": true,
}))]
struct Shown<'a> {
    /// The account's id, as in event-data.
    account: &'a str,
    /// Deliveries that accepted events made.
    accepted: u64,
    /// Ended by a 2xx.
    acknowledged: u64,
    /// Ended by a 406.
    refused: u64,
    /// Ended by the end of the schedule.
    exhausted: u64,
    /// Ended by the removal of the URL or of the domain.
    cancelled: u64,
    /// Deliveries that are in the store now: counted there, and not what the other numbers leave over.
    pending: u64,
    /// Whether acknowledged, refused, exhausted, cancelled and pending add up to accepted.
    balances: bool,
}

/// Where every delivery is
///
/// The counts are those of the whole life of the store, also of events that were removed since. Whoever asks has
/// every pending delivery counted: some tenths of a second for ten million. One such count runs at a time.
#[utoipa::path(
    get, path = "/v5/accounts/accounting", tag = "Account", operation_id = "showAccounting",
    responses((status = 200, body = Shown), (status = 403), (status = 503)),
)]
async fn show(State(app): State<App>, scope: Scope) -> Result<Response, Error> {
    scope.require_account()?;
    let balance = app.store().balance().await?;
    let Balance { counts: Accounting { accepted, acknowledged, refused, exhausted, cancelled }, pending } =
        balance;
    Ok(reply::ok(&Shown {
        account: &app.store().identity().account,
        accepted,
        acknowledged,
        refused,
        exhausted,
        cancelled,
        pending,
        balances: balance.holds(),
    }))
}

#[cfg(test)]
mod tests {
    use crate::api::testing::Api;

    #[tokio::test]
    async fn deliveries_are_counted_where_they_are() {
        let api = Api::new().await;
        let webhook = "id=opened&url=https://8.8.8.8/a&url=https://8.8.8.8/b";
        assert_eq!(api.form("POST", "/v3/domains/a.test/webhooks", webhook).await.0, 200);
        let event = r#"{"event":"opened","recipient":"a@b.test"}"#;
        assert_eq!(api.submit("", "application/json", event).await.0, 200);
        let (status, body) = api.get("/v5/accounts/accounting").await;
        assert_eq!(status, 200);
        let counts = r#""accepted":2,"acknowledged":0,"refused":0,"exhausted":0,"cancelled":0,"pending":2,"balances":true}"#;
        assert!(body.ends_with(&format!("{counts}\n")), "{body}");

        assert_eq!(api.form("DELETE", "/v3/domains/a.test/webhooks/opened", "").await.0, 200);
        let (_, body) = api.get("/v5/accounts/accounting").await;
        let counts = r#""accepted":2,"acknowledged":0,"refused":0,"exhausted":0,"cancelled":2,"pending":0,"balances":true}"#;
        assert!(body.ends_with(&format!("{counts}\n")), "{body}");
    }
}
