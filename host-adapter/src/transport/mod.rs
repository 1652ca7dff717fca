//! The way to the endpoints: a pooled HTTP/1.1 client on the core's `http`.
//!
//! One attempt goes through these, in this order: the [egress guard](Guard) looks at the URL; an idle
//! connection is taken from the pool, or the name is resolved, the guard looks at its addresses, and a
//! connection is made to one of them and nothing else; head, signed prefix, event-data and brace leave in one
//! vectored write; the answer is read into a buffer of fixed size. Redirects are not followed, proxies and their
//! environment variables ignored, nothing is decompressed. What goes to a request bin of this very server is handed over inside the
//! process instead: the guard never lets the server connect to itself.

mod answer;
mod client;
mod config;
mod connection;
mod deadline;
mod egress;
mod in_process;
mod normalise;
mod pool;
mod resolve;
mod stream;
#[cfg(test)]
mod tests;
mod tls;

pub use answer::Answer;
pub use client::Client;
pub use config::{ClientConfig, ClientError};
pub use egress::{Denied, EgressRules, Guard};
pub use normalise::{NormaliseError, normalise};
pub use tls::TlsError;
