//! The store of a server that has stopped, read through the library.

use sealpost::secrets::MasterKey;
use sealpost::storage::{Accounting, Settings, Store};
use sealpost_core::WebhookKind;

use crate::{DOMAIN, Server};

impl Server {
    /// What became of all deliveries.
    ///
    /// # Panics
    /// If the server is running, or its store cannot be opened.
    #[must_use]
    pub fn accounting(&self) -> Accounting {
        self.with_store(Store::accounting)
    }

    /// The secrets of the endpoints of a webhook, in the order of its URLs.
    ///
    /// # Panics
    /// If the server is running, or its store cannot be opened.
    #[must_use]
    pub fn secrets(&self, kind: WebhookKind) -> Vec<String> {
        self.with_store(|store| {
            let directory = store.directory();
            let endpoints = directory.domain(DOMAIN).expect("the domain of the tests").webhook(kind);
            let each =
                endpoints.iter().flat_map(|endpoint| directory.secrets_for(DOMAIN, kind.into(), endpoint));
            each.map(|secrets| secrets.current().expose().to_owned()).collect()
        })
    }

    fn with_store<T>(&self, read: impl FnOnce(&Store) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let key = MasterKey::from_file(&self.data().join("master.key")).expect("a master key");
            let (store, _inboxes) =
                Store::open(self.data(), &key, &Settings::default()).expect("a store that nobody holds");
            let read = read(&store);
            store.close().await.expect("a store that closes");
            read
        })
    }
}
