//! Whether others take the cores of this process: then every wait for one another may last a time slice.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A wait that no work explains: workers that meet have equal shares, of microseconds mostly. A time slice is longer.
const LONG: Duration = Duration::from_millis(2);

/// Calls for which a long wait is remembered. Then it is tried again whether there is room.
const CALLS: u32 = 64;

/// How many calls are left. It guards nothing but its own value, so relaxed accesses suffice.
static LEFT: AtomicU32 = AtomicU32::new(0);

/// Remembers it if a wait that began then was long.
pub(super) fn waited_since(begin: Instant) {
    if begin.elapsed() > LONG {
        LEFT.store(CALLS, Relaxed);
    }
}

/// Whether a call had better not have its workers wait for one another, where it can be done without. Ask once for each.
pub fn crowded() -> bool {
    LEFT.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_wait_is_remembered_for_a_while() {
        waited_since(Instant::now() - LONG * 2);
        let remembered = (0..=CALLS).filter(|_| crowded()).count();
        // Waits of other tests may be remembered too.
        assert!(remembered >= CALLS as usize);
    }
}
