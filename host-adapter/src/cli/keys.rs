//! `sealpost key`: the API keys of a running server.

use std::io::{Write as _, stdout};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::access::{Access, Method, domain};
use super::failure::Failure;
use crate::config::DomainName;

/// Make, list and revoke API keys
///
/// Makes, lists and revokes the API keys of a running server. It takes a key of the account. A key that is
/// configured with SEALPOST_API_KEY is not among those listed.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Make a key
///
/// Makes a key and prints it on standard output. It is not shown again: the server keeps only its hash.
#[derive(clap::Args)]
struct Create {
    /// The one domain that the key is good for
    ///
    /// The one domain that the key is good for: its webhooks, its events, and nothing else. Without it the key is
    /// good for the whole account.
    #[arg(long, value_name = "DOMAIN", value_parser = domain)]
    domain: Option<DomainName>,

    /// What to call the key
    ///
    /// What to call the key: a few words that tell you later who has it.
    #[arg(long, value_name = "LABEL", default_value = "")]
    label: String,

    #[command(flatten)]
    access: Access,
}

/// List the keys
///
/// Lists the keys, the oldest first: id, time, domain or "account", and label, with tabs in between.
#[derive(clap::Args)]
struct List {
    #[command(flatten)]
    access: Access,
}

/// Revoke a key
///
/// Revokes the key of this id. It opens nothing from then on. The last key of the account stays, unless one is
/// configured.
#[derive(clap::Args)]
struct Revoke {
    /// The id of the key, as the list shows it
    ///
    /// The id of the key, as "sealpost key list" shows it.
    #[arg(value_name = "ID", value_parser = id)]
    id: String,

    #[command(flatten)]
    access: Access,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    match &args.action {
        Action::Create(args) => create(args),
        Action::List(args) => list(args),
        Action::Revoke(args) => revoke(args),
    }
}

/// What the server says of a key.
#[derive(Deserialize)]
struct Key {
    id: String,
    description: String,
    created_at: String,
    domain_name: String,
    #[serde(default)]
    secret: Option<String>,
}

fn create(args: &Create) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Created {
        key: Key,
    }

    let mut form = vec![("description", args.label.as_str())];
    match &args.domain {
        Some(domain) => {
            form.extend([("kind", "domain"), ("role", "sending"), ("domain_name", domain.as_str())]);
        }
        None => form.extend([("kind", "user"), ("role", "admin")]),
    }
    let Created { key } = args.access.call(Method::Post, "/v1/keys", &form)?;
    let secret = key.secret.ok_or_else(|| Failure::Failed("the server's answer holds no key".to_owned()))?;
    writeln!(stdout(), "{secret}")?;
    eprintln!("This is key {}; it is not shown again.", key.id);
    Ok(())
}

fn list(args: &List) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Listed {
        items: Vec<Key>,
    }

    let Listed { items } = args.access.call(Method::Get, "/v1/keys", &[])?;
    let mut out = stdout().lock();
    for Key { id, description, created_at, domain_name, .. } in items {
        let domain = if domain_name.is_empty() { "account" } else { &domain_name };
        writeln!(out, "{id}\t{created_at}\t{domain}\t{description}")?;
    }
    Ok(out.flush()?)
}

fn revoke(args: &Revoke) -> Result<(), Failure> {
    let IgnoredAny = args.access.call(Method::Delete, &format!("/v1/keys/{}", args.id), &[])?;
    Ok(writeln!(stdout(), "revoked {}", args.id)?)
}

/// For clap: an id, which goes into a path as it is.
fn id(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fits { Ok(text.to_owned()) } else { Err("it must be an id such as 413e373c-0aad3c37".to_owned()) }
}
