//! From the text of an expression to its tree.

use sealpost_core::EventKind;

use super::expr::{Expr, Test, bare, whole};
use super::field::{Comparison, Field};
use super::text::{self, folded};

/// How deep parentheses and `NOT` may be nested.
const MAX_DEPTH: usize = 16;

/// Events that Mailgun has and this server never stores. To ask for them is no mistake.
const NEVER_STORED: [&str; 4] =
    ["list_member_uploaded", "list_member_upload_error", "list_uploaded", "email_validation"];

/// The expression that this text is, or what is wrong with it, where, and what would be right.
pub(super) fn parse(field: Field, text: &str) -> Result<Expr, String> {
    let mut parser = Parser { field, text, at: 0, depth: 0 };
    let expression = parser.any()?;
    match parser.peek()?.0 {
        Token::End => Ok(expression),
        _ => Err(parser.fault("no '(' belongs to this ')'; leave it out, or put a literal one in quotes")),
    }
}

struct Parser<'a> {
    field: Field,
    text: &'a str,
    /// The byte behind the last token.
    at: usize,
    depth: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Close,
    Above,
    Below,
    And,
    Or,
    Not,
    Term(&'a str),
    Phrase(&'a str),
    End,
}

impl<'a> Parser<'a> {
    fn any(&mut self) -> Result<Expr, String> {
        let mut parts = vec![self.all()?];
        while self.accept(Token::Or)? {
            parts.push(self.all()?);
        }
        Ok(joined(parts, Expr::Any))
    }

    fn all(&mut self) -> Result<Expr, String> {
        let mut parts = vec![self.not()?];
        while self.accept(Token::And)? || !matches!(self.peek()?.0, Token::Or | Token::Close | Token::End) {
            parts.push(self.not()?);
        }
        Ok(joined(parts, Expr::All))
    }

    fn not(&mut self) -> Result<Expr, String> {
        let (token, end) = self.peek()?;
        match token {
            Token::Not => {
                self.at = end;
                self.deeper(Self::not).map(|inner| Expr::Not(Box::new(inner)))
            }
            Token::Open => {
                self.at = end;
                let inner = self.deeper(Self::any)?;
                if self.accept(Token::Close)? { Ok(inner) } else { Err(self.fault("a ')' is missing")) }
            }
            Token::Above => self.compare(end, Test::Above),
            Token::Below => self.compare(end, Test::Below),
            Token::Term(text) | Token::Phrase(text) => {
                let test = self.test(text)?;
                self.at = end;
                Ok(Expr::Test(test))
            }
            Token::And | Token::Or | Token::Close | Token::End => {
                Err(self.fault("a term is missing; AND, OR and NOT in quotes are terms"))
            }
        }
    }

    fn deeper(&mut self, parse: fn(&mut Self) -> Result<Expr, String>) -> Result<Expr, String> {
        if self.depth == MAX_DEPTH {
            return Err(self.fault(format_args!("nested more than {MAX_DEPTH} deep; write it flatter")));
        }
        self.depth += 1;
        let inner = parse(self)?;
        self.depth -= 1;
        Ok(inner)
    }

    fn compare(&mut self, end: usize, test: fn(u64) -> Test) -> Result<Expr, String> {
        self.at = end;
        let (token, end) = self.peek()?;
        let Token::Term(digits) = token else {
            return Err(self.fault("a number is missing after '>' or '<'"));
        };
        let number = self.number(digits)?;
        self.at = end;
        Ok(Expr::Test(test(number)))
    }

    /// What a term of this field asks.
    fn test(&self, term: &str) -> Result<Test, String> {
        let folded = folded(term);
        if folded.is_empty() {
            return Err(self.fault("the quotes are empty; a phrase is a word or more"));
        }
        match self.field.comparison() {
            Comparison::Name => self.name(folded).map(Test::Key),
            Comparison::Whole => Ok(Test::Key(whole(self.field, &folded).to_owned())),
            Comparison::Address => {
                let address = bare(&folded);
                let is_one = text::addresses(address).next() == Some(address);
                Ok(if is_one { Test::Key(address.to_owned()) } else { Test::Words(folded) })
            }
            Comparison::Words => Ok(Test::Words(folded)),
            Comparison::Number => self.number(&folded).map(Test::Equal),
        }
    }

    fn number(&self, digits: &str) -> Result<u64, String> {
        let number = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
        number.ok_or_else(|| {
            self.fault("not a whole number of bytes; write '>10000', '<20000', both side by side, or '15000'")
        })
    }

    fn name(&self, name: String) -> Result<String, String> {
        let (known, names) = if self.field == Field::Event {
            let known = EventKind::parse(&name).is_some() || NEVER_STORED.contains(&name.as_str());
            (known, EventKind::ALL.map(EventKind::as_str).join(", "))
        } else {
            (["permanent", "temporary"].contains(&name.as_str()), "permanent, temporary".to_owned())
        };
        if known { Ok(name) } else { Err(self.fault(format_args!("not one of {names}"))) }
    }

    fn accept(&mut self, token: Token<'_>) -> Result<bool, String> {
        let (next, end) = self.peek()?;
        if next == token {
            self.at = end;
        }
        Ok(next == token)
    }

    /// The next token, and the byte behind it.
    fn peek(&self) -> Result<(Token<'a>, usize), String> {
        let rest = self.rest();
        let start = self.text.len() - rest.len();
        let Some(first) = rest.chars().next() else { return Ok((Token::End, start)) };
        let inside = rest.get(first.len_utf8()..).unwrap_or_default();
        let numeric = self.field.comparison() == Comparison::Number;
        let token = match first {
            '(' => Token::Open,
            ')' => Token::Close,
            '>' if numeric => Token::Above,
            '<' if numeric => Token::Below,
            '"' => {
                let (phrase, _) =
                    inside.split_once('"').ok_or_else(|| self.fault("a closing '\"' is missing"))?;
                return Ok((Token::Phrase(phrase), start + phrase.len() + 2));
            }
            _ => {
                let ends = |found: char| {
                    found.is_whitespace() || "()\"".contains(found) || (numeric && "<>".contains(found))
                };
                let word = rest.split(ends).next().unwrap_or_default();
                let token = match word {
                    "AND" => Token::And,
                    "OR" => Token::Or,
                    "NOT" => Token::Not,
                    term => Token::Term(term),
                };
                return Ok((token, start + word.len()));
            }
        };
        Ok((token, start + 1))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default().trim_start()
    }

    /// Says what is wrong with the next token.
    fn fault(&self, reason: impl std::fmt::Display) -> String {
        let place = self.text.chars().count() - self.rest().chars().count();
        format!("at character {place} of '{}': {reason}", self.text)
    }
}

fn joined(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            join(parts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Expr {
        Expr::Test(Test::Words(text.to_owned()))
    }

    fn not(inner: Expr) -> Expr {
        Expr::Not(Box::new(inner))
    }

    #[test]
    fn not_binds_closer_than_and_and_and_closer_than_or() {
        let (a, b, c) = (words("a"), words("b"), words("c"));
        for (text, expected) in [
            ("a", a.clone()),
            ("a b", Expr::All(vec![a.clone(), b.clone()])),
            ("a AND b", Expr::All(vec![a.clone(), b.clone()])),
            ("a OR b c", Expr::Any(vec![a.clone(), Expr::All(vec![b.clone(), c.clone()])])),
            ("(a OR b)c", Expr::All(vec![Expr::Any(vec![a.clone(), b.clone()]), c.clone()])),
            ("NOT a b", Expr::All(vec![not(a.clone()), b.clone()])),
            ("NOT (a b)", not(Expr::All(vec![a.clone(), b.clone()]))),
            ("NOT NOT a", not(not(a.clone()))),
            ("\"a  B\" or", Expr::All(vec![words("a b"), words("or")])),
            ("\"OR\"", words("or")),
            (
                "(A AND NOT b) OR (c AND d)",
                Expr::Any(vec![Expr::All(vec![a, not(b)]), Expr::All(vec![c, words("d")])]),
            ),
        ] {
            assert_eq!(parse(Field::Subject, text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn sizes_are_ranges_and_joined_like_everything_else() {
        let range = Expr::All(vec![Expr::Test(Test::Above(10_000)), Expr::Test(Test::Below(20_000))]);
        for text in [">10000 <20000", "> 10000 AND < 20000", "(>10000)<20000", ">10000<20000"] {
            assert_eq!(parse(Field::Size, text), Ok(range.clone()), "{text}");
        }
        assert_eq!(parse(Field::Size, "7"), Ok(Expr::Test(Test::Equal(7))));
    }

    #[test]
    fn terms_are_what_their_field_makes_of_them() {
        let key = |text: &str| Ok(Expr::Test(Test::Key(text.to_owned())));
        assert_eq!(parse(Field::Event, "Failed"), key("failed"));
        assert_eq!(parse(Field::Event, "list_uploaded"), key("list_uploaded"));
        assert_eq!(parse(Field::MessageId, "<A.1@x>"), key("a.1@x"));
        assert_eq!(parse(Field::Tags, "\"My Tag\""), key("my tag"));
        assert_eq!(parse(Field::From, "<Bob@x.test>"), key("bob@x.test"));
        assert_eq!(parse(Field::From, "Bob"), Ok(words("bob")));
        assert_eq!(parse(Field::From, "\"Bob <bob@x.test>\""), Ok(words("bob <bob@x.test>")));
    }

    #[test]
    fn faults_are_told_with_their_place() {
        for (field, text, told) in [
            (Field::Subject, "a OR", "at character 4 of 'a OR': a term is missing"),
            (Field::Subject, "AND a", "at character 0 "),
            (Field::Subject, "()", "at character 1 "),
            (Field::Subject, "a (b OR c", "at character 9 of 'a (b OR c': a ')' is missing"),
            (Field::Subject, "ö) b", "at character 1 of 'ö) b': no '(' belongs"),
            (Field::Subject, "a \"b", "at character 2 of 'a \"b': a closing '\"' is missing"),
            (Field::Subject, "\" \"", "the quotes are empty"),
            (Field::Event, "opened OR permanent_fail", "at character 10 "),
            (Field::Severity, "fatal", "not one of permanent, temporary"),
            (Field::Size, ">=5", "at character 1 "),
            (Field::Size, "<", "a number is missing"),
            (Field::Size, "-1", "not a whole number"),
            (Field::Size, "+1", "not a whole number"),
        ] {
            let fault = parse(field, text).expect_err(text);
            assert!(fault.contains(told), "{fault}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        assert!(parse(Field::Subject, &nested(MAX_DEPTH)).is_ok());
        let fault = parse(Field::Subject, &nested(MAX_DEPTH + 1)).expect_err("too deep");
        assert!(fault.contains("more than 16 deep"), "{fault}");
        assert!(parse(Field::Subject, &"NOT ".repeat(200)).is_err());
    }
}
