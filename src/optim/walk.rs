//! How a team goes through a list of arrays: in chunks whose borders do not depend on the team.

use crate::threads::Worker;
use std::ops::Range;

/// Numbers that are handled at once: few enough that a parameter's value, gradient and state stay near the core.
pub const CHUNK: usize = 4096;

/// The chunks of an array of `len` numbers.
pub fn chunks(len: usize) -> usize {
    len.div_ceil(CHUNK)
}

/// Calls `f` with this worker's chunks of arrays of these lengths: the number of the chunk, the array, and where in it.
///
/// A worker has the same run of chunks each time, so that a second pass finds them in its cache.
pub fn share(
    worker: &Worker<'_>,
    lens: impl Iterator<Item = usize> + Clone,
    mut f: impl FnMut(usize, usize, Range<usize>),
) {
    let total: usize = lens.clone().map(chunks).sum();
    let mine = worker.share(total);
    let mut first = 0;
    for (array, len) in lens.enumerate() {
        let end = first + chunks(len);
        for chunk in mine.start.max(first)..mine.end.min(end) {
            let begin = (chunk - first) * CHUNK;
            f(chunk, array, begin..len.min(begin + CHUNK));
        }
        first = end;
    }
}
