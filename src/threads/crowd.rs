//! Whether others take the cores of this process: then every wait for one another may last a time slice.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// A wait that no work explains, for workers who meet after equal shares, of microseconds mostly. A time slice is longer.
const LONG: Duration = Duration::from_millis(2);
/// Calls for which it is remembered. Then it is tried again whether there is room.
const CALLS: u32 = 64;

/// A wait of any kind that is long beside the whole of a small call.
const LONG_FOR_SMALL: Duration = Duration::from_micros(500);
/// Small calls for which that is remembered: so many that such waits come to a tenth of a microsecond for each.
const SMALL_CALLS: u32 = 4096;

// How many calls are left. They guard nothing but their own values, so relaxed accesses suffice.
static LEFT: AtomicU32 = AtomicU32::new(0);
static SMALL_LEFT: AtomicU32 = AtomicU32::new(0);

/// Remembers how long a worker waited for others whose shares were as large as its own.
pub fn met_after(wait: Duration) {
    if wait > LONG {
        LEFT.store(CALLS, Relaxed);
    }
}

/// Remembers how long a worker waited for others, of whom one may have had more to do.
pub(super) fn waited(wait: Duration) {
    if wait > LONG_FOR_SMALL {
        SMALL_LEFT.store(SMALL_CALLS, Relaxed);
    }
}

/// Whether a call had better not have its workers wait for one another, where it can be done without. Ask once for each.
pub fn crowded() -> bool {
    one_of(&LEFT)
}

/// Whether a call of a few microseconds had better be one worker's. Ask once for each.
pub(super) fn crowded_for_small() -> bool {
    one_of(&SMALL_LEFT)
}

fn one_of(left: &AtomicU32) -> bool {
    left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_wait_is_remembered_for_a_while() {
        met_after(LONG * 2);
        let remembered = (0..=CALLS).filter(|_| crowded()).count();
        // Waits of other tests may be remembered too.
        assert!(remembered >= CALLS as usize);
        while crowded() {}
        waited(LONG * 2);
        assert!(!crowded(), "one of them may have had more to do");
        waited(LONG_FOR_SMALL * 2);
        let remembered = (0..=SMALL_CALLS).filter(|_| crowded_for_small()).count();
        assert!(remembered >= SMALL_CALLS as usize);
    }
}
