//! How texts are compared: letter case and the width of white space do not count.

/// Writes characters in lower case, runs of white space as one space and none at the ends.
pub(super) fn fold(characters: impl Iterator<Item = char>, folded: &mut String) {
    folded.clear();
    let mut gap = false;
    for character in characters {
        if character.is_whitespace() {
            gap = !folded.is_empty();
            continue;
        }
        if std::mem::take(&mut gap) {
            folded.push(' ');
        }
        if character.is_ascii() {
            folded.push(character.to_ascii_lowercase());
        } else {
            folded.extend(character.to_lowercase());
        }
    }
}

/// The folded text of these characters.
pub(super) fn folded(text: &str) -> String {
    let mut folded = String::new();
    fold(text.chars(), &mut folded);
    folded
}

/// Whether `part` stands in `text` and does not begin or end inside a word.
pub(super) fn contains_words(text: &str, part: &str) -> bool {
    let (mut before, mut rest) = (None, text);
    while let Some((passed, after)) = rest.split_once(part) {
        let left = passed.chars().next_back().or(before);
        if !joins(left, part.chars().next()) && !joins(part.chars().next_back(), after.chars().next()) {
            return true;
        }
        // The next place may begin inside of this one.
        let mut here = rest.get(passed.len()..).unwrap_or_default().chars();
        before = here.next();
        rest = here.as_str();
    }
    false
}

fn joins(left: Option<char>, right: Option<char>) -> bool {
    left.is_some_and(char::is_alphanumeric) && right.is_some_and(char::is_alphanumeric)
}

/// The addresses in the text of a header.
pub(super) fn addresses(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|character: char| {
        matches!(character, '<' | '>' | '(' | ')' | '[' | ']' | '"' | ',' | ';' | ':')
            || character.is_whitespace()
    });
    parts.filter(|part| part.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_takes_case_and_surplus_white_space_away() {
        assert_eq!(folded("  Hello,\r\n\tWÖRLD "), "hello, wörld");
        assert_eq!(folded(" \n "), "");
    }

    #[test]
    fn words_are_found_whole() {
        for (part, found) in [
            ("hello", true),
            ("hello, world", true),
            ("world!", true),
            ("wor", false),
            ("orld", false),
            ("o, w", false),
            ("!", true),
            ("worlds", false),
        ] {
            assert_eq!(contains_words("hello, world!", part), found, "{part}");
        }
        for (text, part) in [("aab ab", "ab"), ("ab ab a", "ab a"), ("aaa aa", "aa")] {
            assert!(contains_words(text, part), "the first place does not count, the second does: {text}");
        }
        assert!(!contains_words("aaa", "aa"));
    }

    #[test]
    fn addresses_are_found_in_headers() {
        let header = "\"bob, a.\" <bob@x.test>, carol@y.test (home); mailto:dave@z.test";
        assert!(addresses(header).eq(["bob@x.test", "carol@y.test", "dave@z.test"]));
    }
}
