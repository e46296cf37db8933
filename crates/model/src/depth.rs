//! How deep the values of a record may be nested.
//!
//! JSON knows no bound, readers do: most parsers give up between 128 and 10,000 levels, and with the
//! record the whole log file that it stands in. So nobody may hide what others did by a record that
//! no reader survives.

/// The record itself is the first level; `{"Records":[` of a log file adds two.
pub const DEPTH_MAX: usize = 100;

/// Where a value is nested deeper than [`DEPTH_MAX`], in bytes; `None` where none is. The text must
/// be JSON.
#[must_use]
pub fn too_deep(json: &str) -> Option<usize> {
    let bytes = json.as_bytes();
    // Few records have so many brackets at all.
    memchr::memchr2_iter(b'{', b'[', bytes).nth(DEPTH_MAX)?;
    let (mut depth, mut in_string, mut is_escaped) = (0, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'}' | b']' => depth -= 1,
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn the_place_is_told_where_it_becomes_too_deep() {
        assert_eq!(too_deep(&nested(DEPTH_MAX)), None);
        assert_eq!(too_deep(&nested(DEPTH_MAX + 1)), Some(DEPTH_MAX));
        let wide = format!("[{}{}]", "{},".repeat(1_000), nested(DEPTH_MAX - 1));
        assert_eq!(too_deep(&wide), None);
        let in_text = format!(r#"{{"a\"{}":"\\","b":{}}}"#, "[".repeat(500), nested(DEPTH_MAX));
        assert_eq!(too_deep(&in_text), Some(in_text.len() - 1 - DEPTH_MAX - 1));
    }
}
