//! Fixtures of the tests that run the real program: a server, a receiver, a client of the API, and a check
//! of signatures by a program that is not ours.

pub mod calls;
mod client;
mod program;
mod receiver;
mod server;
pub mod signature;
mod store;

pub use client::{Api, Response, basic};
pub use program::sealpost;
pub use receiver::{Receiver, Reply, Request};
pub use server::{API_KEY, DOMAIN, SIGNING_KEY, Server};
