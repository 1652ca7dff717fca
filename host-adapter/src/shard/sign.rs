//! The signed payload and headers of one attempt.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sealpost_core::http::Header;
use sealpost_core::sign::{SigningKey, Token};
use sealpost_core::{SignatureBlock, UnixTime};
use sha2::Sha256;
use tokio::task::spawn_blocking;

use crate::entropy;
use crate::format::Format;
use crate::secrets::Secret;
use crate::standard_webhooks::StandardHeaders;
use crate::storage::{Delivery, EndpointSecrets, Store};

/// Signs attempts with the account's key of the moment.
pub(super) struct Signer {
    store: Store,
    every_attempt: bool,
    standard_webhooks: bool,
    /// The key as the store has it, and ready for use.
    key: Option<(Secret, SigningKey)>,
    tokens: Tokens,
}

/// Randomness for tokens. The system is asked for that of many at once: each time costs as much as hashing a block does.
struct Tokens {
    random: [u8; Self::BATCH * Token::ENTROPY],
    /// Of those that are left, how many.
    left: usize,
}

/// Event-data of more bytes is signed on a thread of its own: 16 KiB take about 30 µs under two secrets, which is what
/// an attempt costs the shard anyway.
const INLINE_BYTES: usize = 16 * 1024;

/// One attempt before its body is rendered and signed: all that changes with the store, as it was when the attempt
/// began. In a place of its own, as [`Signed`] is: an attempt is moved into its task, and what it holds with it.
pub(super) struct Unsigned {
    delivery: Delivery,
    block: SignatureBlock,
    /// Whose signatures cover the body, if any.
    secrets: Option<Vec<EndpointSecrets>>,
    now: UnixTime,
}

/// What one attempt sends beside the usual headers.
pub(super) struct Signed {
    pub(super) payload: Format,
    standard: Option<StandardHeaders>,
}

impl Signer {
    pub(super) fn new(store: Store, every_attempt: bool, standard_webhooks: bool) -> Self {
        Self { store, every_attempt, standard_webhooks, key: None, tokens: Tokens::default() }
    }

    /// An attempt to sign. `None` when the store has no signing key.
    pub(super) fn prepare(&mut self, delivery: Delivery, now: UnixTime) -> Option<Box<Unsigned>> {
        let every_attempt = self.every_attempt;
        let secrets =
            || self.store.directory().secrets_for(&delivery.domain, delivery.kind, &delivery.endpoint);
        let secrets = self.standard_webhooks.then(secrets);
        let token = every_attempt.then(|| self.tokens.draw());
        let (secret, key) = self.key()?;
        let block = if let Some(token) = token {
            key.sign(now, token)
        } else {
            first_signature(secret, key, &delivery)
        };
        Some(Box::new(Unsigned { delivery, block, secrets, now }))
    }

    fn key(&mut self) -> Option<(&Secret, &SigningKey)> {
        let directory = self.store.directory();
        let secret = directory.signing_key()?;
        if self.key.as_ref().is_none_or(|(known, _)| known != secret) {
            let key = SigningKey::new(secret.expose().as_bytes()).ok()?;
            self.key = Some((secret.clone(), key));
        }
        self.key.as_ref().map(|(secret, key)| (secret, key))
    }
}

impl Tokens {
    const BATCH: usize = 64;

    /// A new one; no bytes serve twice.
    fn draw(&mut self) -> Token {
        if self.left == 0 {
            (self.random, self.left) = (entropy::bytes(), Self::BATCH);
        }
        self.left -= 1;
        let fresh = self.random.as_chunks().0.get(self.left).copied();
        Token::from_entropy(fresh.unwrap_or_else(entropy::bytes))
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self { random: [0; Self::BATCH * Token::ENTROPY], left: 0 }
    }
}

impl Unsigned {
    /// Signs without keeping the shard from its other attempts. `None` when the secrets for the endpoint cannot be used,
    /// or a legacy webhook has no form for the event.
    pub(super) async fn sign(self: Box<Self>) -> Option<Box<Signed>> {
        if self.delivery.data.len() > INLINE_BYTES {
            spawn_blocking(|| self.sign_here()).await.ok()?
        } else {
            self.sign_here()
        }
    }

    fn sign_here(self) -> Option<Box<Signed>> {
        let payload = Format::new(self.delivery.kind, self.delivery.data, &self.block)?;
        let standard = match self.secrets {
            Some(secrets) => {
                let id = payload.message_id(&self.delivery.event_id);
                Some(StandardHeaders::sign(&secrets, &id, self.now, &payload)?)
            }
            None => None,
        };
        Some(Box::new(Signed { payload, standard }))
    }
}

/// The block that every attempt of a delivery repeats: made of the delivery alone, so that it survives a
/// restart. Its token is an HMAC of the event's id and the delivery's; its timestamp is when the event was
/// accepted, since a receiver would refuse the time of an event that is told late.
fn first_signature(secret: &Secret, key: &SigningKey, delivery: &Delivery) -> SignatureBlock {
    let mut token = [0; Token::ENTROPY];
    if let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) {
        let digest = mac
            .chain_update(b"first token\0")
            .chain_update(delivery.event_id.as_bytes())
            .chain_update(delivery.id.to_be_bytes())
            .finalize()
            .into_bytes();
        for (to, from) in token.iter_mut().zip(digest) {
            *to = from;
        }
    }
    let accepted = UnixTime::new(u64::try_from(delivery.accepted_at).unwrap_or_default() / 1000, 0);
    key.sign(accepted, Token::from_entropy(token))
}

impl Signed {
    /// The Standard Webhooks headers (<https://www.standardwebhooks.com>), where they are sent.
    pub(super) fn headers(&self) -> Vec<Header<'_>> {
        self.standard.as_ref().map(StandardHeaders::headers).unwrap_or_default()
    }
}
