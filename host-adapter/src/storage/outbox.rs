//! The way from the store to the shards.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{
    delivery::{Delivery, DeliveryId, Endpoint, ToShard},
    directory::Directory,
};

/// Where a shard hears from the store. Ends when the store is closed.
pub type Inbox = UnboundedReceiver<ToShard>;

/// The senders of all shards. A shard that is gone hears nothing, which is no fault: what it held is
/// released when the store is opened next.
#[derive(Clone)]
pub(super) struct Outbox(Vec<UnboundedSender<ToShard>>);

impl Outbox {
    /// Channels for so many shards, at least one.
    pub(super) fn new(shards: usize) -> (Self, Vec<Inbox>) {
        let (senders, inboxes) = (0..shards.max(1)).map(|_| unbounded_channel()).unzip();
        (Self(senders), inboxes)
    }

    pub(super) fn recorded(&self, shard: usize, ids: Vec<DeliveryId>) {
        self.send(shard, ToShard::Recorded(ids));
    }

    /// Hands new deliveries to their shards, in order, in one message each.
    pub(super) fn claimed(&self, deliveries: Vec<Delivery>) {
        let mut by_shard = BTreeMap::<usize, Vec<Delivery>>::new();
        for delivery in deliveries {
            by_shard.entry(delivery.endpoint.shard(self.0.len())).or_default().push(delivery);
        }
        for (shard, deliveries) in by_shard {
            self.send(shard, ToShard::Claimed(deliveries));
        }
    }

    pub(super) fn tell(&self, endpoint: &Endpoint, message: ToShard) {
        self.send(endpoint.shard(self.0.len()), message);
    }

    /// Tells every shard.
    pub(super) fn tell_all(&self, message: impl Fn() -> ToShard) {
        for shard in 0..self.0.len() {
            self.send(shard, message());
        }
    }

    fn send(&self, shard: usize, message: ToShard) {
        if let Some(sender) = self.0.get(shard) {
            let _ = sender.send(message);
        }
    }
}

/// The directory as everyone reads it.
pub(super) struct Published(RwLock<Arc<Directory>>);

impl Published {
    pub(super) fn new(directory: Directory) -> Self {
        Self(RwLock::new(Arc::new(directory)))
    }

    pub(super) fn current(&self) -> Arc<Directory> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn publish(&self, directory: Directory) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
    }
}
