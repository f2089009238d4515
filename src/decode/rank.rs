//! The first few of many tokens in order, without sorting the rest.

use std::cmp::Ordering;

/// How many are sorted first; each time that they do not suffice, three times as many again.
const FIRST: usize = 64;

/// Tokens from the smallest key on; the lower number comes first where two are equal, so there is only one order.
pub(super) struct Ranking<'a> {
    order: &'a mut [u32],
    /// Of every token; no NaN.
    keys: &'a [f64],
    taken: usize,
    sorted: usize,
}

impl<'a> Ranking<'a> {
    /// The ranking of the tokens in `order`, which it moves about.
    pub fn new(order: &'a mut [u32], keys: &'a [f64]) -> Self {
        Ranking { order, keys, taken: 0, sorted: 0 }
    }

    /// The next token.
    pub fn next(&mut self) -> Option<u32> {
        if self.taken == self.sorted {
            self.sort_more();
        }
        let token = self.order.get(self.taken).copied();
        self.taken += usize::from(token.is_some());
        token
    }

    /// Those that were not taken.
    pub fn rest(&self) -> &[u32] {
        &self.order[self.taken..]
    }

    fn sort_more(&mut self) {
        let key = |token: &u32| self.keys[*token as usize];
        let compare = |a: &u32, b: &u32| key(a).partial_cmp(&key(b)).unwrap_or(Ordering::Equal).then(a.cmp(b));
        let rest = &mut self.order[self.sorted..];
        let count = FIRST.max(3 * self.sorted).min(rest.len());
        if count < rest.len() {
            rest.select_nth_unstable_by(count, compare);
        }
        rest[..count].sort_unstable_by(compare);
        self.sorted += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn tokens_come_in_order_however_many_there_are() {
        let mut stream = Stream::new(1, 0);
        for count in [0, 1, 63, 64, 65, 300, 5000] {
            // Few values, so that many are equal.
            let keys: Vec<f64> = (0..count).map(|_| f64::from(stream.next_u32() % 50)).collect();
            let mut expected: Vec<u32> = (0..count).collect();
            expected.sort_by(|a, b| keys[*a as usize].total_cmp(&keys[*b as usize])); // stable
            let mut order: Vec<u32> = (0..count).rev().collect();
            let mut ranking = Ranking::new(&mut order, &keys);
            let first: Vec<u32> = std::iter::from_fn(|| ranking.next()).take(70).collect();
            assert_eq!(first, expected[..first.len()], "{count} tokens");
            assert_eq!(ranking.rest().len(), count as usize - first.len());
            let all: Vec<u32> = first.into_iter().chain(std::iter::from_fn(|| ranking.next())).collect();
            assert_eq!(all, expected, "{count} tokens");
        }
    }
}
