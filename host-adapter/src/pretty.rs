//! JSON laid out for people: white space and nothing else changes.

/// `json`, which must be valid, with every member and element on a line of its own, indented by two
/// spaces a level. Numbers and strings stay the text that they are.
pub(crate) fn pretty(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() + json.len() / 2);
    let mut depth = 0_usize;
    let mut bytes = json.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                out.push(byte);
                copy_string(&mut bytes, &mut out);
            }
            b'{' | b'[' => {
                out.push(byte);
                while bytes.next_if(u8::is_ascii_whitespace).is_some() {}
                if let Some(close) = bytes.next_if(|next| matches!(next, b'}' | b']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                new_line(&mut out, depth);
            }
            b':' => out.extend(b": "),
            byte if byte.is_ascii_whitespace() => {}
            byte => out.push(byte),
        }
    }
    out.push(b'\n');
    out
}

/// Copies up to and including the closing quote.
fn copy_string(bytes: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    let mut escaped = false;
    for byte in bytes {
        out.push(byte);
        match byte {
            b'"' if !escaped => return,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
}

fn new_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', 2 * depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_gets_its_line_and_the_text_of_values_stays() {
        let json = r#"{"items":[{"timestamp":1521472262.9081810,"a\"}":"x,{\\"},[ ],{}],"n":1e5}"#;
        let expected = r#"{
  "items": [
    {
      "timestamp": 1521472262.9081810,
      "a\"}": "x,{\\"
    },
    [],
    {}
  ],
  "n": 1e5
}
"#;
        assert_eq!(String::from_utf8(pretty(json.as_bytes())).as_deref(), Ok(expected));
    }

    #[test]
    fn what_is_pretty_already_stays_as_it_is() {
        let once = pretty(br#"{"a":[1,2,{"b":null}],"c":{}}"#);
        assert_eq!(pretty(&once), once);
    }
}
