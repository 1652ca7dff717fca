//! Base64 over fixed buffers: the standard alphabet, with padding (RFC 4648 section 4).

/// Writes the base64 of `bytes` to the front of `text` and gives its length; `None` if it does not fit.
pub(crate) fn encode(bytes: &[u8], text: &mut [u8]) -> Option<usize> {
    let room = text.len();
    let mut places = text.iter_mut();
    let written: Result<(), ()> = encode_each(bytes.iter().copied(), |digit| {
        *places.next().ok_or(())? = digit;
        Ok(())
    });
    written.ok().map(|()| room - places.len())
}

/// Hands on the base64 of these bytes, digit by digit.
pub(crate) fn encode_each<E>(
    bytes: impl Iterator<Item = u8>,
    mut put: impl FnMut(u8) -> Result<(), E>,
) -> Result<(), E> {
    // The last `held` bits have no digit yet.
    let (mut bits, mut held) = (0_u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(byte);
        held += 8;
        while held >= 6 {
            held -= 6;
            put(digit((bits >> held & 63) as u8))?;
        }
    }
    if held > 0 {
        put(digit((bits << (6 - held) & 63) as u8))?;
        // Two bits are left over of one byte, four of two: of three none.
        for _ in held / 2..3 {
            put(b'=')?;
        }
    }
    Ok(())
}

/// Writes the bytes that `text` stands for to the front of `bytes` and gives their number; `None` if it is
/// not canonical base64 or does not fit.
pub(crate) fn decode(text: &[u8], bytes: &mut [u8]) -> Option<usize> {
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let room = bytes.len();
    let mut places = bytes.iter_mut();
    // The last `held` bits have no byte yet.
    let (mut bits, mut held) = (0u32, 0);
    for digit in digits {
        bits = bits << 6 | u32::from(value(*digit)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            *places.next()? = (bits >> held) as u8;
        }
    }
    let canonical = text.len().is_multiple_of(4) && bits & ((1 << held) - 1) == 0;
    canonical.then(|| room - places.len())
}

const fn digit(sextet: u8) -> u8 {
    match sextet {
        0..=25 => b'A' + sextet,
        26..=51 => b'a' + (sextet - 26),
        52..=61 => b'0' + (sextet - 52),
        62 => b'+',
        _ => b'/',
    }
}

const fn value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: [(&[u8], &str); 8] = [
        (b"", ""),
        (b"f", "Zg=="),
        (b"fo", "Zm8="),
        (b"foo", "Zm9v"),
        (b"foob", "Zm9vYg=="),
        (b"fooba", "Zm9vYmE="),
        (b"foobar", "Zm9vYmFy"),
        (b"\xff\x00\xfa\x17\xef\xbe", "/wD6F+++"),
    ];

    #[test]
    fn the_vectors_of_rfc_4648_hold_both_ways() {
        for (bytes, text) in VECTORS {
            let (mut encoded, mut decoded) = ([0; 8], [0; 6]);
            let len = encode(bytes, &mut encoded).unwrap();
            assert_eq!(&encoded[..len], text.as_bytes());
            let len = decode(text.as_bytes(), &mut decoded).unwrap();
            assert_eq!(&decoded[..len], bytes);
        }
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        for text in ["Zg", "Zg=", "Z===", "====", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9", "Zm-_", "Zm9vé"] {
            assert_eq!(decode(text.as_bytes(), &mut [0; 16]), None, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(encode(b"foo", &mut [0; 3]), None);
        assert_eq!(decode(b"Zm9v", &mut [0; 2]), None);
    }
}
