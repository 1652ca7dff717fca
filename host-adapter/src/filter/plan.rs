//! Which facts the events have that pass a filter.

use sealpost_core::{EventKind, Severity};

use super::Filter;
use super::expr::{Expr, Test};
#[cfg(any(test, fuzzing))]
use super::facts::Facts;
use super::facts::Term;
use super::field::Field;

/// Where to look for the events that pass a filter. Whatever passes is there; not all that is there
/// passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Among all events.
    Everything,
    /// Among those with this term.
    Term(Term),
    /// Where any of these says; nowhere if there are none.
    Any(Vec<Self>),
    /// Where all of these say.
    All(Vec<Self>),
}

#[cfg(any(test, fuzzing))]
impl Plan {
    /// Whether an event with these facts is there.
    #[must_use]
    pub fn leads_to(&self, facts: &Facts) -> bool {
        match self {
            Self::Everything => true,
            Self::Term(term) => facts.terms().contains(term),
            Self::Any(parts) => parts.iter().any(|part| part.leads_to(facts)),
            Self::All(parts) => parts.iter().all(|part| part.leads_to(facts)),
        }
    }
}

impl Filter {
    /// Where to look for the events that pass.
    #[must_use]
    pub fn plan(&self) -> Plan {
        all(self.conditions.iter().map(|(field, expression)| of(*field, expression)))
    }
}

fn of(field: Field, expression: &Expr) -> Plan {
    match field {
        Field::Event => by_name(field, expression, &EventKind::ALL.map(EventKind::as_str).map(Some)),
        Field::Severity => {
            let severities = [Severity::Permanent, Severity::Temporary].map(Severity::as_str);
            by_name(field, expression, &[None, Some(severities[0]), Some(severities[1])])
        }
        Field::Recipient | Field::MessageId | Field::Tags => by_value(field, expression),
        _ => Plan::Everything,
    }
}

/// Where a value is one of a few names, or absent, the expression is tried on each of them.
fn by_name(field: Field, expression: &Expr, names: &[Option<&str>]) -> Plan {
    let holds = |name: Option<&str>| {
        expression.holds(&mut |test| matches!(test, Test::Key(key) if name == Some(key.as_str())))
    };
    let (passing, failing): (Vec<_>, Vec<_>) = names.iter().copied().partition(|name| holds(*name));
    if failing.is_empty() || passing.contains(&None) {
        return Plan::Everything;
    }
    any(passing.into_iter().flatten().map(|name| Plan::Term(Term::new(field, name))))
}

fn by_value(field: Field, expression: &Expr) -> Plan {
    match expression {
        Expr::Test(Test::Key(key)) => {
            let term = Plan::Term(Term::new(field, key));
            // A message has one id; of other values there may be more than are indexed.
            if field == Field::MessageId { term } else { any([term, Plan::Term(Term::beyond(field))]) }
        }
        Expr::All(parts) => all(parts.iter().map(|part| by_value(field, part))),
        Expr::Any(parts) => any(parts.iter().map(|part| by_value(field, part))),
        Expr::Test(_) | Expr::Not(_) => Plan::Everything,
    }
}

fn all(parts: impl IntoIterator<Item = Plan>) -> Plan {
    let mut parts: Vec<_> = parts.into_iter().filter(|part| *part != Plan::Everything).collect();
    match parts.len() {
        0 => Plan::Everything,
        1 => parts.remove(0),
        _ => Plan::All(parts),
    }
}

fn any(parts: impl IntoIterator<Item = Plan>) -> Plan {
    let mut parts: Vec<_> = parts.into_iter().collect();
    if parts.contains(&Plan::Everything) {
        return Plan::Everything;
    }
    if parts.len() == 1 { parts.remove(0) } else { Plan::Any(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(field: Field, expression: &str) -> Plan {
        Filter::new([(field, expression)]).expect(expression).plan()
    }

    fn term(field: Field, value: &str) -> Plan {
        Plan::Term(Term::new(field, value))
    }

    fn tag(value: &str) -> Plan {
        Plan::Any(vec![term(Field::Tags, value), Plan::Term(Term::beyond(Field::Tags))])
    }

    #[test]
    fn names_are_those_that_pass_whatever_the_expression() {
        let event = |name| term(Field::Event, name);
        assert_eq!(plan(Field::Event, "opened"), event("opened"));
        assert_eq!(plan(Field::Event, "opened OR failed"), Plan::Any(vec![event("failed"), event("opened")]));
        assert_eq!(plan(Field::Event, "opened failed"), Plan::Any(vec![]));
        assert_eq!(plan(Field::Event, "list_uploaded"), Plan::Any(vec![]));
        assert_eq!(plan(Field::Event, "opened OR NOT opened"), Plan::Everything);
        let Plan::Any(others) = plan(Field::Event, "NOT opened") else { panic!("one of the others") };
        assert_eq!((others.len(), others.contains(&event("opened"))), (8, false));
        assert_eq!(plan(Field::Severity, "permanent"), term(Field::Severity, "permanent"));
        assert_eq!(plan(Field::Severity, "NOT permanent"), Plan::Everything);
    }

    #[test]
    fn what_an_index_cannot_serve_is_left_to_the_matcher() {
        assert_eq!(plan(Field::Subject, "hello"), Plan::Everything);
        assert_eq!(plan(Field::Recipient, "alice"), Plan::Everything);
        assert_eq!(plan(Field::Tags, "NOT a"), Plan::Everything);
        assert_eq!(plan(Field::Tags, "a OR NOT b"), Plan::Everything);
        assert_eq!(plan(Field::Tags, "a NOT b"), tag("a"));
        assert_eq!(plan(Field::Tags, "a b"), Plan::All(vec![tag("a"), tag("b")]));
        let mixed = Filter::new([(Field::Subject, "x"), (Field::MessageId, "1@x")]).expect("a filter");
        assert_eq!(mixed.plan(), term(Field::MessageId, "1@x"));
    }
}
