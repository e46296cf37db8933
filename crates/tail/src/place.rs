//! Where an event stands in the order in which events were recorded.

use std::fmt;
use std::str::FromStr;

use model::BatchId;

/// An event's batch, and its place in it. All to come have higher ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The batch.
    pub batch: BatchId,
    /// From 0.
    pub index: u32,
}

/// Text that is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a position is as a line of a tail has it, such as 0000019a01c2b3d4.17")]
pub struct InvalidPlace;

impl Place {
    /// Of all events of a batch and of those before it.
    #[must_use]
    pub fn end_of(batch: BatchId) -> Place {
        Place { batch, index: u32::MAX }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.batch, self.index)
    }
}

impl FromStr for Place {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Place, InvalidPlace> {
        let (batch, index) = text.split_once('.').ok_or(InvalidPlace)?;
        let is_batch = batch.len() == 16 && batch.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_index = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
        if !is_batch || !is_index {
            return Err(InvalidPlace);
        }
        let batch = u64::from_str_radix(batch, 16).map_err(|_| InvalidPlace)?;
        Ok(Place { batch: BatchId(batch), index: index.parse().map_err(|_| InvalidPlace)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let place = Place { batch: BatchId(0x19a_01c2_b3d4), index: 17 };
        assert_eq!(place.to_string(), "0000019a01c2b3d4.17");
        assert_eq!("0000019a01c2b3d4.17".parse(), Ok(place));
        for text in
            ["", ".", "19a.17", "0000019a01c2b3d4.", "0000019a01c2b3d4.-1", "+000019a01c2b3d4.1"]
        {
            assert_eq!(text.parse::<Place>(), Err(InvalidPlace), "{text:?}");
        }
        assert!("0000019a01c2b3d4.4294967296".parse::<Place>().is_err());
    }
}
