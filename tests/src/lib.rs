//! Fixtures of the tests that run the real program: a server, a receiver, a client of the API, and a check
//! of signatures by a program that is not ours. And of those that run the core in other runtimes: its builds,
//! the vectors that they repeat, and the tools that it takes.

pub mod bins;
mod browser;
pub mod calls;
mod client;
pub mod disk;
mod extent;
pub mod firmware;
pub mod freestanding;
mod nobody;
pub mod packages;
mod program;
mod random;
mod receiver;
mod server;
mod shim;
pub mod signature;
mod store;
pub mod tools;
pub mod vectors;

pub use bins::Bin;
pub use browser::Browser;
pub use client::{Api, Response, basic};
pub use extent::extent;
pub use nobody::Nobody;
pub use program::sealpost;
pub use random::Random;
pub use receiver::{Receiver, Reply, Request};
pub use server::{API_KEY, DOMAIN, SIGNING_KEY, Server, UNRECORDED};
pub use shim::{Failpoint, Names, WallClock};
