//! How much of a long test runs: a short form in CI, the full form by `.ci/run full`.

/// `full` where the variable `SEALPOST_FULL` is `1`, else `short`.
#[must_use]
pub fn extent<T>(short: T, full: T) -> T {
    if std::env::var("SEALPOST_FULL").as_deref() == Ok("1") { full } else { short }
}
