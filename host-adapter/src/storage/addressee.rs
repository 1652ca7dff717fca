//! The domain that events are for.

use std::sync::Arc;

use super::{Directory, Domain, DomainId};

/// A domain by its name, or one that was looked up: then no other that has its name since.
#[derive(Clone, Debug)]
pub struct Addressee {
    name: Arc<str>,
    id: Option<DomainId>,
}

impl Addressee {
    /// The domain, if it is there.
    pub(super) fn find<'d>(&self, directory: &'d Directory) -> Option<&'d Arc<Domain>> {
        directory.domain(&self.name).filter(|domain| self.id.is_none_or(|id| domain.id() == id))
    }
}

impl From<&str> for Addressee {
    fn from(name: &str) -> Self {
        Self { name: name.into(), id: None }
    }
}

impl From<&Arc<Domain>> for Addressee {
    fn from(domain: &Arc<Domain>) -> Self {
        Self { name: Arc::clone(domain.name()), id: Some(domain.id()) }
    }
}
