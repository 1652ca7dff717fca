//! A filter expression and an event, a line each: the expression is refused with its place, or asks the same when it is
//! read again, and whatever event passes is where the plan says.
#![no_main]

use sealpost::filter::{Facts, Field, Filter};

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (field, input) = input;
    let field = Field::ALL[usize::from(field) % Field::ALL.len()];
    let mut lines = input.splitn(2, |byte| *byte == b'\n');
    let Some(Ok(expression)) = lines.next().map(str::from_utf8) else { return };
    let event = lines.next().unwrap_or_default();
    let filter = match Filter::new([(field, expression)]) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(error.field == field && !error.reason.is_empty());
            return;
        }
    };
    assert_eq!(Filter::new([(field, expression.trim())]).as_ref(), Ok(&filter));
    if filter.matcher().passes(event) && !expression.trim().is_empty() {
        assert!(filter.plan().leads_to(&Facts::of_data(event)), "{filter:?}");
    }
});
