//! `sealpost domain`: the domains of a running server.

use std::io::{Write as _, stdout};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::access::{Access, Method, domain};
use super::failure::Failure;
use crate::config::DomainName;

/// Domains that are asked for at once.
const PAGE: usize = 1000;

/// Make, list and delete domains
///
/// Makes, lists and deletes the domains of a running server. Making and deleting take a key of the account.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    Create(Create),
    List(List),
    Delete(Delete),
}

/// Make a domain
///
/// Makes a domain. It can have webhooks and take events at once.
#[derive(clap::Args)]
struct Create {
    /// The name of the domain
    ///
    /// The name of the domain, such as example.com.
    #[arg(value_name = "NAME", value_parser = domain)]
    name: DomainName,

    #[command(flatten)]
    access: Access,
}

/// List the domains
///
/// Lists the domains that the key may see, one name a line.
#[derive(clap::Args)]
struct List {
    #[command(flatten)]
    access: Access,
}

/// Delete a domain with all its events
///
/// Deletes a domain: its webhooks, its keys and its events. Deliveries that are pending are cancelled. A domain that
/// the configuration names comes back, empty, with the next start of the server.
#[derive(clap::Args)]
struct Delete {
    /// The name of the domain
    ///
    /// The name of the domain. Nothing brings its events back.
    #[arg(value_name = "NAME", value_parser = domain)]
    name: DomainName,

    #[command(flatten)]
    access: Access,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    match &args.action {
        Action::Create(Create { name, access }) => {
            let IgnoredAny = access.call(Method::Post, "/v3/domains", &[("name", name.as_str())])?;
            Ok(writeln!(stdout(), "created {name}")?)
        }
        Action::List(List { access }) => list(access),
        Action::Delete(Delete { name, access }) => {
            let IgnoredAny = access.call(Method::Delete, &format!("/v3/domains/{name}"), &[])?;
            Ok(writeln!(stdout(), "deleted {name}")?)
        }
    }
}

fn list(access: &Access) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Listed {
        items: Vec<Item>,
    }
    #[derive(Deserialize)]
    struct Item {
        name: String,
    }

    let mut out = stdout().lock();
    let mut skip = 0;
    loop {
        let path = format!("/v4/domains?limit={PAGE}&skip={skip}");
        let Listed { items } = access.call(Method::Get, &path, &[])?;
        for Item { name } in &items {
            writeln!(out, "{name}")?;
        }
        if items.len() < PAGE {
            return Ok(out.flush()?);
        }
        skip += items.len();
    }
}
