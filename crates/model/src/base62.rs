//! Numbers as fixed-width text of `[0-9A-Za-z]`, the alphabet of the unique part of file names.
//!
//! The digits are in ASCII order, so texts of one width sort as their numbers do.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The lowest `width` digits of `number`, most significant first.
#[must_use]
pub fn encode(number: u64, width: usize) -> String {
    let mut rest = number;
    let mut text = vec![b'0'; width];
    for place in text.iter_mut().rev() {
        *place = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    text.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_sort_as_their_numbers() {
        let numbers =
            [0, 1, 61, 62, 3_843, 1_795_000_000_000, 1_795_000_000_001, 62_u64.pow(8) - 1];
        let texts: Vec<String> = numbers.iter().map(|number| encode(*number, 8)).collect();
        assert!(texts.is_sorted(), "{texts:?}");
        assert_eq!(texts[0], "00000000");
        assert_eq!(texts[7], "zzzzzzzz");
    }
}
