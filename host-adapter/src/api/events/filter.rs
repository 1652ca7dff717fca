//! The filter parameters of a query.

use std::sync::Arc;

use crate::api::error::Error;
use crate::api::form::Form;
use crate::filter::{Field, Filter, FilterError};

/// The filter that the parameters ask for. A parameter that is repeated must hold each time.
pub(super) fn parse(query: &Form) -> Result<Arc<Filter>, Error> {
    let expressions =
        Field::ALL.into_iter().flat_map(|field| query.all(field.name()).map(move |text| (field, text)));
    let filter = Filter::new(expressions);
    filter.map(Arc::new).map_err(|FilterError { field, reason }| Error::invalid(field.name(), reason))
}

/// The filter of this text, as [`Filter::as_text`] gives it.
pub(super) fn from_text(text: &str) -> Result<Arc<Filter>, Error> {
    parse(&Form::from_query(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_survives_its_text() {
        for query in ["", "event=opened", "tags=a&tags=b+OR+c&subject=%22x+y%22", "size=%3E10&event="] {
            let filter = from_text(query).expect(query);
            assert_eq!(from_text(filter.as_text()).ok(), Some(filter), "{query}");
        }
    }

    #[test]
    fn a_fault_names_its_parameter() {
        for query in ["event=permanent_fail", "subject=(a", "size=big", "tags=a&tags=OR"] {
            let fault = from_text(query).expect_err(query).to_string();
            let parameter = query.split('=').next().unwrap_or_default();
            assert!(fault.starts_with(&format!("Invalid parameter '{parameter}': at character ")), "{fault}");
        }
    }
}
