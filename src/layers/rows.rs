//! How a ragged batch lies in memory: sorted once, without padding, and never seen by the caller.
//!
//! Sequences are put into *slots* by falling length, so that the rows alive at step `s` are the slots `0 .. active[s]`.
//! What a recurrence keeps for each step lies row by row, step after step:
//!
//! ```text
//! step(s)  .. + active[s]      the rows of step s, of what belongs to a step (gates)
//! state(s) .. + B or active    the rows of the state before step s (h, c); state(0) are the initial ones, all B
//! ```
//!
//! A recurrence counts its own steps. Step s of the reverse direction is time `length - 1 - s` of each sequence.
//!
//! A part of the steps of a batch is laid out like a batch of its own, whose sequences keep their slots and are as long
//! as what lies in the part.

use std::ops::Range;

/// The layout of one batch, or of a part of its steps.
#[derive(Debug, Clone)]
pub struct Rows {
    /// Steps of the batch before this part.
    pub begin: usize,
    /// The row of the batch in each slot.
    pub order: Vec<u32>,
    /// The length of the sequence in each slot, falling.
    pub lengths: Vec<usize>,
    /// Rows alive at each step.
    pub active: Vec<usize>,
    /// Rows before each step; one entry more than steps.
    before: Vec<usize>,
    /// Steps of all slots before each slot.
    steps_before: Vec<usize>,
}

impl Rows {
    /// The layout for sequences of these lengths.
    pub fn new(lengths: &[usize]) -> Self {
        let mut order: Vec<u32> = (0..lengths.len() as u32).collect();
        order.sort_by_key(|&row| std::cmp::Reverse(lengths[row as usize])); // stable
        let sorted = order.iter().map(|&row| lengths[row as usize]).collect();
        Rows::sorted(0, order, sorted)
    }

    /// These of the steps.
    pub fn part(&self, steps: Range<usize>) -> Self {
        let lengths = self.lengths.iter().map(|&length| length.min(steps.end).saturating_sub(steps.start));
        Rows::sorted(self.begin + steps.start, self.order.clone(), lengths.collect())
    }

    /// The steps in parts, about as many as each has steps.
    pub fn parts(&self) -> Vec<Self> {
        let count = self.steps().isqrt().max(1);
        let at = |part: usize| self.steps() * part / count;
        (0..count).map(|part| self.part(at(part)..at(part + 1))).collect()
    }

    fn sorted(begin: usize, order: Vec<u32>, sorted: Vec<usize>) -> Self {
        let steps = sorted.first().copied().unwrap_or(0);
        let mut alive = sorted.len();
        let mut active = Vec::with_capacity(steps);
        let mut before = Vec::with_capacity(steps + 1);
        let mut sum = 0;
        for step in 0..steps {
            while sorted[alive - 1] <= step {
                alive -= 1;
            }
            active.push(alive);
            before.push(sum);
            sum += alive;
        }
        before.push(sum);
        let lengths = sorted.iter();
        let steps_before = lengths.scan(0, |sum, length| Some(std::mem::replace(sum, *sum + length))).collect();
        Rows { begin, order, lengths: sorted, active, before, steps_before }
    }

    /// Rows of the batch.
    pub fn batch(&self) -> usize {
        self.order.len()
    }

    /// Steps of the longest sequence.
    pub fn steps(&self) -> usize {
        self.active.len()
    }

    /// Rows of all steps together: the sum of the lengths.
    pub fn total(&self) -> usize {
        self.before[self.steps()]
    }

    /// The first row of step `s`.
    #[inline(always)]
    pub fn step(&self, s: usize) -> usize {
        self.before[s]
    }

    /// The first row of the state before step `s`, which is the state after step `s - 1`.
    #[inline(always)]
    pub fn state(&self, s: usize) -> usize {
        if s == 0 { 0 } else { self.batch() + self.before[s - 1] }
    }

    /// The time in the sequence of `slot` that is step `s` of a direction.
    #[inline(always)]
    pub fn time(&self, reverse: bool, slot: usize, s: usize) -> usize {
        if reverse { self.lengths[slot] - 1 - s } else { self.begin + s }
    }

    /// The step of a direction that is time `t` in the sequence of `slot`.
    #[inline(always)]
    pub fn step_at(&self, reverse: bool, slot: usize, t: usize) -> usize {
        if reverse { self.lengths[slot] - 1 - t } else { t - self.begin }
    }

    /// The times of the sequence of `slot`.
    pub fn times(&self, slot: usize) -> Range<usize> {
        self.begin..self.begin + self.lengths[slot]
    }

    /// How many of `slots` are alive at step `s`.
    #[inline(always)]
    pub fn alive(&self, s: usize, slots: &Range<usize>) -> usize {
        self.active.get(s).map_or(0, |active| slots.end.min(*active).saturating_sub(slots.start))
    }

    /// The slots of worker `id` of `count`: neighbours, of which every worker has about as many steps.
    ///
    /// Rows of neighbouring slots lie in neighbouring cache lines at every step, so two cores that took turns would write
    /// into what the other one's prefetcher has just fetched.
    pub fn share(&self, id: usize, count: usize) -> Range<usize> {
        let at = |id: usize| match id {
            0 => 0,
            _ if id == count => self.batch(),
            // Rows of steps that lie before slot i, as if all slots were in one line.
            _ => self.steps_before.partition_point(|before| before * count < self.total() * id),
        };
        at(id)..at(id + 1)
    }

    /// The step and slot of row `row` of the total.
    pub fn place(&self, row: usize) -> (usize, usize) {
        let step = self.before.partition_point(|&before| before <= row) - 1;
        (step, row - self.before[step])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ragged_batch_lies_without_gaps() {
        let rows = Rows::new(&[2, 0, 3, 2]);
        assert_eq!(rows.order, [2, 0, 3, 1]);
        assert_eq!(rows.lengths, [3, 2, 2, 0]);
        assert_eq!(rows.active, [3, 3, 1]);
        assert_eq!(rows.total(), 7);
        assert_eq!([0, 1, 2, 3].map(|s| rows.state(s)), [0, 4, 7, 10]);
        assert_eq!([0, 2, 3, 6].map(|row| rows.place(row)), [(0, 0), (0, 2), (1, 0), (2, 0)]);
        assert_eq!(rows.time(true, 1, 0), 1);
        assert_eq!([0, 1, 2, 3].map(|s| rows.alive(s, &(0..4))), [3, 3, 1, 0]);
        assert_eq!([0, 2].map(|s| rows.alive(s, &(1..3))), [2, 0]);
    }

    #[test]
    fn parts_have_the_steps_of_the_whole() {
        for lengths in [vec![2, 0, 9, 5], vec![100; 3], vec![0, 0], vec![1]] {
            let whole = Rows::new(&lengths);
            let parts = whole.parts();
            let mut total = 0;
            for part in &parts {
                assert_eq!(part.order, whole.order);
                assert!(part.steps() <= whole.steps().isqrt() + 2);
                for s in 0..part.steps() {
                    assert_eq!(part.active[s], whole.active[part.begin + s]);
                    assert_eq!(part.step_at(false, 0, part.time(false, 0, s)), s);
                }
                assert_eq!(total, whole.step(part.begin), "the parts follow one another");
                total += part.total();
            }
            assert_eq!(total, whole.total());
        }
    }

    #[test]
    fn workers_have_neighbouring_slots_and_about_as_many_steps() {
        for lengths in [vec![], vec![0, 0], vec![7], vec![5; 16], (0..40).collect(), vec![100, 1, 1, 1, 1]] {
            let rows = Rows::new(&lengths);
            for count in 1..6 {
                let mut end = 0;
                for id in 0..count {
                    let mine = rows.share(id, count);
                    assert!(
                        mine.start == end && mine.end >= end,
                        "worker {id} of {count} begins where the last one ended"
                    );
                    end = mine.end;
                    let steps: usize = rows.lengths[mine].iter().sum();
                    let longest = lengths.iter().max().copied().unwrap_or(0);
                    assert!(
                        steps <= rows.total() / count + longest + 1,
                        "{steps} of {} for {id} of {count}",
                        rows.total()
                    );
                }
                assert_eq!(end, rows.batch());
            }
        }
    }

    #[test]
    fn an_empty_batch_has_no_steps() {
        for lengths in [&[][..], &[0, 0][..]] {
            let rows = Rows::new(lengths);
            assert_eq!((rows.batch(), rows.steps(), rows.total()), (lengths.len(), 0, 0));
        }
    }
}
