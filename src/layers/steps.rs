//! Which steps of a batch `[B, T]` count: all of them, or the first so many of each sequence.
//!
//! For layers that look at each step alone or at the steps of one sequence together; a recurrence sorts its sequences
//! and has [`super::rows`].

use crate::Error;
use crate::view::Runs;
use std::ops::Range;

/// The steps of a batch, numbered as they lie: step `t` of sequence `b` is row `b T + t`.
#[derive(Debug, Clone)]
pub struct Steps<'a> {
    batch: usize,
    time: usize,
    lengths: Option<&'a [usize]>,
    /// With lengths: the steps that count before each sequence, and in all.
    before: Vec<usize>,
}

impl<'a> Steps<'a> {
    /// The steps of `batch` sequences of `time` steps, of which only the first `lengths[b]` count where lengths are given.
    ///
    /// # Errors
    /// When there is not one length from 0 to T for each sequence.
    pub fn new(batch: usize, time: usize, lengths: Option<&'a [usize]>) -> Result<Self, Error> {
        if batch.checked_mul(time).is_none() {
            let got = format!("[{batch}, {time}]");
            return Err(Error::shape("the batch", "[B, T] with no more steps than can be counted", got));
        }
        let mut before = Vec::new();
        if let Some(lengths) = lengths {
            check_lengths(lengths, batch, time)?;
            before.reserve(batch + 1);
            before.push(0);
            for length in lengths {
                before.push(before[before.len() - 1] + length);
            }
        }
        Ok(Steps { batch, time, lengths, before })
    }

    /// `B`
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// `T`
    pub fn time(&self) -> usize {
        self.time
    }

    /// The rows that lie there, padding included.
    pub fn rows(&self) -> usize {
        self.batch * self.time
    }

    /// The steps of sequence `b` that count.
    #[inline]
    pub fn length(&self, b: usize) -> usize {
        self.lengths.map_or(self.time, |lengths| lengths[b])
    }

    /// Whether a row counts.
    #[inline]
    pub fn counts(&self, row: usize) -> bool {
        self.lengths.is_none_or(|lengths| row % self.time < lengths[row / self.time])
    }

    /// The number of steps that count.
    pub fn total(&self) -> usize {
        self.before.last().copied().unwrap_or(self.rows())
    }

    /// The rows that count, as the runs that they lie in.
    pub fn runs(&self) -> Runs {
        self.lengths.map_or_else(|| Runs::all(self.rows()), |lengths| Runs::ragged(lengths, self.time))
    }

    /// The rows of the steps that count, from the `begin`-th of them up to the `end`-th: what a sum over them goes
    /// through, so that padding does not move the places where it is cut.
    pub fn valid(&self, steps: Range<usize>) -> impl Iterator<Item = usize> + '_ {
        let mut b = match self.lengths {
            Some(_) => self.before.partition_point(|&before| before <= steps.start).saturating_sub(1),
            None => 0,
        };
        steps.map(move |step| {
            if self.lengths.is_none() {
                return step;
            }
            while self.before[b + 1] <= step {
                b += 1;
            }
            b * self.time + step - self.before[b]
        })
    }
}

/// Fails unless there is one length from 0 to `time` for each of `batch` sequences.
pub(super) fn check_lengths(lengths: &[usize], batch: usize, time: usize) -> Result<(), Error> {
    if lengths.len() != batch {
        return Err(Error::shape("lengths", format!("[B={batch}]"), format!("[{}]", lengths.len())));
    }
    match lengths.iter().find(|&&length| length > time) {
        Some(length) => Err(Error::option("lengths", format!("from 0 to T={time}"), length)),
        None => Ok(()),
    }
}

/// Fails unless `len` values fill `shape`.
pub(super) fn check_shape(name: &str, len: usize, shape: &[usize]) -> Result<(), Error> {
    match shape.iter().try_fold(1usize, |product, extent| product.checked_mul(*extent)) {
        Some(need) if need == len => Ok(()),
        _ => Err(Error::shape(name, format!("{shape:?}"), format!("{len} values"))),
    }
}

/// Zeros in the rows of `values` `[B, T, width]` that do not count.
pub(super) fn clear_padding(steps: &Steps<'_>, width: usize, values: &mut [f32]) {
    for b in 0..steps.batch() {
        let end = (b + 1) * steps.time();
        values[(end - steps.time() + steps.length(b)) * width..end * width].fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_steps_are_the_rows_that_count() {
        for lengths in [vec![], vec![0], vec![3, 0, 0, 5, 1, 0], vec![0, 0, 2], vec![5, 5]] {
            let steps = Steps::new(lengths.len(), 5, Some(&lengths)).expect("lengths fit");
            let expected: Vec<usize> = (0..steps.rows()).filter(|&row| row % 5 < lengths[row / 5]).collect();
            assert_eq!(steps.total(), expected.len());
            assert_eq!((0..steps.rows()).filter(|&row| steps.counts(row)).collect::<Vec<_>>(), expected);
            for begin in 0..=expected.len() {
                let part: Vec<usize> = steps.valid(begin..expected.len()).collect();
                assert_eq!(part, expected[begin..], "{lengths:?} from {begin}");
            }
        }
        let all = Steps::new(2, 3, None).expect("no lengths");
        assert_eq!(all.valid(1..5).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!((all.total(), all.length(1), all.counts(5)), (6, 3, true));
    }
}
