//! Makes new inputs of old ones: bit flips, splices, truncations, words of the dictionary, numbers
//! at their limits. Every choice is drawn from a seed, so that a run can be repeated.

/// Dice that a seed decides (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

/// Numbers at which something is known to turn.
const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "1",
    "255",
    "65536",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e999",
    "-0.0",
    "0.00000000000000000000000000000001",
];
const LONGEST_INPUT: usize = 1 << 16;

impl Dice {
    /// The dice of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to `bound` - 1; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.draw() % bound.max(1) as u64).expect("below a usize")
    }

    /// One of several; `None` of none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    #[allow(clippy::cast_possible_truncation)] // the low byte is meant
    fn byte(&mut self) -> u8 {
        self.draw() as u8
    }

    /// A range within a length, mostly short.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let longest = if self.below(4) == 0 { length } else { 16 };
        start..(start + self.below(longest.min(length - start) + 1))
    }
}

/// A new input: one of the pool, changed one to eight times.
#[must_use]
pub fn mutated(dice: &mut Dice, pool: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let mut input = dice.pick(pool).cloned().unwrap_or_default();
    for _ in 0..=dice.below(8) {
        mutate(dice, &mut input, pool, words);
        input.truncate(LONGEST_INPUT);
    }
    input
}

fn mutate(dice: &mut Dice, input: &mut Vec<u8>, pool: &[Vec<u8>], words: &[&str]) {
    let range = dice.range(input.len());
    match dice.below(10) {
        0 | 1 => {
            if let Some(byte) = input.get_mut(range.start) {
                *byte ^= 1 << dice.below(8);
            }
        }
        2 => {
            let byte = dice.byte();
            input.splice(range, [byte]);
        }
        3 => drop(input.drain(range)),
        4 => {
            let copy = input[range.clone()].repeat(1 + dice.below(3));
            input.splice(range.start..range.start, copy);
        }
        5 => input.truncate(range.start),
        6 => splice(dice, input, range, pool),
        7 => number(dice, input),
        _ => {
            let word = dice.pick(words).copied().unwrap_or("\0");
            let replaced = if dice.below(2) == 0 { range.start..range.start } else { range };
            input.splice(replaced, word.bytes());
        }
    }
}

/// A piece of another input takes the place of a piece of this one.
fn splice(dice: &mut Dice, input: &mut Vec<u8>, range: std::ops::Range<usize>, pool: &[Vec<u8>]) {
    let Some(other) = dice.pick(pool) else { return };
    let piece = dice.range(other.len());
    input.splice(range, other[piece].iter().copied());
}

/// One of the numbers in the text becomes another.
fn number(dice: &mut Dice, input: &mut Vec<u8>) {
    let digits: Vec<usize> = (0..input.len()).filter(|at| input[*at].is_ascii_digit()).collect();
    let Some(&start) = dice.pick(&digits) else { return };
    let length = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = dice.pick(&NUMBERS).copied().unwrap_or_default();
    input.splice(start..start + length, number.bytes());
}

/// A shorter input that is as bad: pieces are left out as long as it stays so, within `tries`.
#[must_use]
pub fn minimised(input: &[u8], mut tries: usize, is_bad: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut least = input.to_vec();
    let mut piece = least.len() / 2;
    while piece > 0 && tries > 0 {
        let mut start = 0;
        while start < least.len() && tries > 0 {
            tries -= 1;
            let end = (start + piece).min(least.len());
            let without = [&least[..start], &least[end..]].concat();
            if is_bad(&without) {
                least = without;
            } else {
                start = end;
            }
        }
        piece /= 2;
    }
    least
}
