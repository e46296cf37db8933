//! Numbers of one to ten bytes, seven bits in each, the lowest first (LEB128).

/// Appends a number.
pub(super) fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push((number & 0x7f) as u8);
}

/// Appends a number that may be negative: small ones of either sign are short.
pub(super) fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put(bytes, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

/// Bytes that are read from their beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

/// What stands there is no number, or there is not as much as is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl<'a> Reader<'a> {
    #[inline]
    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        if *first < 0x80 {
            return Ok(u64::from(*first));
        }
        let mut number = u64::from(*first & 0x7f);
        for shift in (7..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Malformed)?;
            self.0 = rest;
            number |= u64::from(*byte & 0x7f) << shift;
            if *byte < 0x80 {
                let is_cut_off = shift == 63 && *byte > 1;
                return if is_cut_off { Err(Malformed) } else { Ok(number) };
            }
        }
        Err(Malformed)
    }

    #[inline]
    pub(super) fn signed(&mut self) -> Result<i64, Malformed> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// A number that must be a row, a count or a place.
    #[inline]
    pub(super) fn small(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.number()?).map_err(|_| Malformed)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length_come_back() {
        let numbers = (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, u64::MAX >> bit]);
        for number in numbers {
            let signed = number.cast_signed();
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            put_signed(&mut bytes, signed);
            put_signed(&mut bytes, signed.wrapping_neg());
            let mut reader = Reader(&bytes);
            assert_eq!(reader.number(), Ok(number));
            assert_eq!(reader.signed(), Ok(signed));
            assert_eq!(reader.signed(), Ok(signed.wrapping_neg()));
            assert!(reader.0.is_empty());
        }
    }

    #[test]
    fn what_ends_early_or_is_too_big_is_no_number() {
        for bytes in [&[][..], &[0x80], &[0xff; 9], &[0xff; 11]] {
            assert_eq!(Reader(bytes).number(), Err(Malformed), "{bytes:?}");
        }
        let too_big = [&[0xff; 9][..], &[2]].concat();
        assert_eq!(Reader(&too_big).number(), Err(Malformed));
    }
}
