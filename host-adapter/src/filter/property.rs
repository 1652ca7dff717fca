//! The filter language against a naive evaluator that knows what an event is made of.

use proptest::prelude::*;
use serde_json::json;

use super::{Facts, Field, Filter};

const WORDS: [&str; 4] = ["a", "b", "ab", "ünit"];
const ADDRESSES: [&str; 3] = ["a@x.test", "b@x.test", "a.b@x.test"];
const KINDS: [&str; 4] = ["opened", "clicked", "failed", "list_uploaded"];

/// What an event of the test is made of.
#[derive(Clone, Debug)]
struct Sketch {
    kind: &'static str,
    severity: Option<&'static str>,
    recipient: &'static str,
    tags: Vec<&'static str>,
    from: (&'static str, &'static str),
    to: Vec<&'static str>,
    recipients: Vec<&'static str>,
    list: Option<&'static str>,
    subject: Vec<&'static str>,
    attachments: Vec<&'static str>,
    size: Option<u64>,
    upper: bool,
}

impl Sketch {
    fn json(&self) -> Vec<u8> {
        let case = |text: String| if self.upper { text.to_uppercase() } else { text };
        let tags: Vec<_> = self.tags.iter().map(|tag| case((*tag).to_owned())).collect();
        let from = case(format!("{} <{}>", self.from.0, self.from.1));
        let headers = json!({
            "from": from,
            "to": case(self.to.join(", ")),
            "subject": case(self.subject.join(" ")),
            "message-id": self.from.1,
        });
        let recipients: Vec<_> = self.recipients.iter().map(|address| case((*address).to_owned())).collect();
        let attachment = |name: &&str| json!({ "filename": case(format!("{name}.pdf")) });
        let attachments: Vec<_> = self.attachments.iter().map(attachment).collect();
        let mut event = json!({
            "event": self.kind,
            "recipient": case(self.recipient.to_owned()),
            "tags": tags,
            "message": { "headers": headers, "recipients": recipients, "attachments": attachments },
        });
        if let Some(list) = self.list {
            event["mailing-list"] = json!({ "address": case(list.to_owned()) });
        }
        if let Some(severity) = self.severity {
            event["severity"] = severity.into();
        }
        if let Some(size) = self.size {
            event["message"]["size"] = size.into();
        }
        event.to_string().into_bytes()
    }

    fn says(&self, field: Field, term: &str) -> bool {
        let parts = |text: &str| text.split(['@', '.']).any(|part| part == term);
        let address = |text: &str| text == term || parts(text);
        match field {
            Field::Event => self.kind == term,
            Field::Severity => self.severity == Some(term),
            Field::Tags => self.tags.contains(&term),
            Field::MessageId => self.from.1 == term,
            Field::Recipient => address(self.recipient),
            Field::From => self.from.0 == term || address(self.from.1),
            Field::To => self.to.iter().any(|to| address(to)),
            Field::Recipients => self.recipients.iter().any(|recipient| address(recipient)),
            Field::List => self.list.is_some_and(address),
            Field::Attachment => self.attachments.contains(&term),
            Field::Size => self.size.is_some_and(|size| size.to_string() == term),
            Field::Subject => {
                let words: Vec<_> = term.split(' ').collect();
                self.subject.windows(words.len()).any(|window| window == words)
            }
        }
    }
}

/// An expression as a tree that is not the program's.
#[derive(Clone, Debug)]
enum Tree {
    Term(String),
    /// A term that needs no quotes and has them.
    Quoted(String),
    Above(u64),
    Below(u64),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>, &'static str),
    Or(Box<Self>, Box<Self>),
}

impl Tree {
    /// With no parentheses but those that are needed where the parent binds this tight.
    fn text(&self, parent: u8) -> String {
        let (own, text) = match self {
            Self::Term(term) if term.contains(' ') => (3, format!("\"{term}\"")),
            Self::Term(term) => (3, term.clone()),
            Self::Quoted(term) => (3, format!("\"{term}\"")),
            Self::Above(number) => (3, format!(">{number}")),
            Self::Below(number) => (3, format!("<{number}")),
            Self::Not(inner) => (2, format!("NOT {}", inner.text(2))),
            Self::And(left, right, and) => (1, format!("{}{and}{}", left.text(1), right.text(1))),
            Self::Or(left, right) => (0, format!("{} OR {}", left.text(0), right.text(0))),
        };
        if own < parent { format!("({text})") } else { text }
    }

    fn holds(&self, field: Field, event: &Sketch) -> bool {
        match self {
            Self::Term(term) | Self::Quoted(term) => event.says(field, term),
            Self::Above(number) => event.size.is_some_and(|size| size > *number),
            Self::Below(number) => event.size.is_some_and(|size| size < *number),
            Self::Not(inner) => !inner.holds(field, event),
            Self::And(left, right, _) => left.holds(field, event) && right.holds(field, event),
            Self::Or(left, right) => left.holds(field, event) || right.holds(field, event),
        }
    }

    /// Whether an index alone answers it exactly.
    fn is_indexed(&self, field: Field) -> bool {
        match self {
            Self::Term(term) | Self::Quoted(term) => field != Field::Recipient || term.contains('@'),
            Self::Not(_) => field == Field::Event,
            Self::And(left, right, _) | Self::Or(left, right) => {
                left.is_indexed(field) && right.is_indexed(field)
            }
            Self::Above(_) | Self::Below(_) => false,
        }
    }
}

fn events() -> impl Strategy<Value = Sketch> {
    let word = || prop::sample::select(&WORDS[..]);
    let address = || prop::sample::select(&ADDRESSES[..]);
    let kind = prop::sample::select(&KINDS[..3]);
    let severity = prop::sample::select(&[None, Some("permanent"), Some("temporary")][..]);
    let lists = (prop::collection::vec(word(), 0..4), prop::collection::vec(word(), 1..5));
    let size = prop::option::of(0..6_u64);
    let some = || prop::collection::vec(address(), 0..3);
    let message = (some(), some(), prop::option::of(address()), prop::collection::vec(word(), 0..3));
    (kind, severity, address(), lists, (word(), address()), message, size, any::<bool>()).prop_map(
        |(kind, severity, recipient, (tags, subject), from, message, size, upper)| {
            let (to, recipients, list, attachments) = message;
            Sketch {
                kind,
                severity,
                recipient,
                tags,
                from,
                to,
                recipients,
                list,
                subject,
                attachments,
                size,
                upper,
            }
        },
    )
}

/// One field, asked about once or twice.
fn conditions() -> impl Strategy<Value = Vec<(Field, Tree)>> {
    let term = |from: &'static [&'static str]| {
        let terms = (prop::sample::select(from), any::<bool>());
        let tree = |(term, quoted): (&str, bool)| {
            if quoted { Tree::Quoted(term.to_owned()) } else { Tree::Term(term.to_owned()) }
        };
        terms.prop_map(tree).boxed()
    };
    let address = || prop_oneof![3 => term(&ADDRESSES), 1 => term(&WORDS)].boxed();
    let phrase = (prop::sample::select(&WORDS[..]), prop::sample::select(&WORDS[..]))
        .prop_map(|(first, second)| Tree::Term(format!("{first} {second}")));
    let range = (0..6_u64, 0..3).prop_map(|(number, test)| match test {
        0 => Tree::Above(number),
        1 => Tree::Below(number),
        _ => Tree::Term(number.to_string()),
    });
    prop_oneof![
        trees(Field::Event, term(&KINDS)),
        trees(Field::Severity, term(&["permanent", "temporary"])),
        trees(Field::Tags, term(&WORDS)),
        trees(Field::MessageId, term(&ADDRESSES)),
        trees(Field::Recipient, address()),
        trees(Field::Recipients, address()),
        trees(Field::From, address()),
        trees(Field::To, address()),
        trees(Field::List, address()),
        trees(Field::Attachment, term(&WORDS)),
        trees(Field::Subject, prop_oneof![term(&WORDS), phrase].boxed()),
        trees(Field::Size, range.boxed()),
    ]
}

fn trees(field: Field, leaf: BoxedStrategy<Tree>) -> BoxedStrategy<Vec<(Field, Tree)>> {
    let tree = leaf.prop_recursive(4, 12, 2, |inner| {
        let and = prop::sample::select(&[" ", " AND ", "  "][..]);
        prop_oneof![
            inner.clone().prop_map(|inner| Tree::Not(Box::new(inner))),
            (inner.clone(), inner.clone(), and).prop_map(|(left, right, and)| Tree::And(
                Box::new(left),
                Box::new(right),
                and
            )),
            (inner.clone(), inner).prop_map(|(left, right)| Tree::Or(Box::new(left), Box::new(right))),
        ]
    });
    prop::collection::vec(tree.prop_map(move |tree| (field, tree)), 1..3).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The same events pass as by the naive evaluator; the plan leads to each of them, and to no other
    /// where the index knows all that is asked.
    #[test]
    fn a_filter_lets_pass_what_it_says(
        conditions in prop::collection::vec(conditions(), 1..4).prop_map(|fields| fields.concat()),
        events in prop::collection::vec(events(), 1..6),
    ) {
        let texts: Vec<_> = conditions.iter().map(|(field, tree)| (*field, tree.text(0))).collect();
        let filter = Filter::new(texts.iter().map(|(field, text)| (*field, text.as_str())));
        let filter = filter.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let indexed = conditions.iter().all(|(field, tree)| {
            Field::INDEXED.contains(field) && tree.is_indexed(*field)
        });
        let (plan, mut matcher) = (filter.plan(), filter.matcher());
        for event in events {
            let data = event.json();
            let expected = conditions.iter().all(|(field, tree)| tree.holds(*field, &event));
            prop_assert_eq!(matcher.passes(&data), expected, "{:?}", texts);
            let led = plan.leads_to(&Facts::of_data(&data));
            prop_assert!(led || !expected, "{:?} is not where {:?} says", texts, plan);
            prop_assert!(!indexed || led == expected, "{:?} led by {:?}", texts, plan);
        }
    }

    /// No text is too strange to be either understood or refused with a reason.
    #[test]
    fn any_text_is_an_expression_or_has_a_fault(
        text in "([()\"<> @ab]|AND|OR|NOT| |ö|\\PC){0,24}",
        field in prop::sample::select(&Field::ALL[..]),
    ) {
        match Filter::new([(field, text.as_str())]) {
            Ok(filter) => {
                let again = Filter::new([(field, text.trim())]);
                prop_assert_eq!(again.as_ref(), Ok(&filter));
            }
            Err(error) => {
                prop_assert_eq!(error.field, field);
                prop_assert!(error.reason.starts_with("at character "), "{}", error);
            }
        }
    }
}
