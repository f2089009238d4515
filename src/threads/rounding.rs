//! How the CPU rounds in this thread: to the nearest number, and numbers below the smallest normal one are kept.
//!
//! A library loaded into the same process, or its user, may have switched a thread over to taking such numbers for zero.
//! Other threads stay as they are, so results would depend on how the work is shared.

/// Runs `f` as the language supposes that all code runs, and puts the thread back to its own way.
#[inline]
pub fn standard<T>(f: impl FnOnce() -> T) -> T {
    let _own = control::standard();
    f()
}

#[cfg(target_arch = "x86_64")]
mod control {
    use std::arch::asm;

    /// All but the flags, which tell what has happened.
    const SETTINGS: u32 = !0x3f;
    /// Round to nearest, nothing raises an exception.
    const STANDARD: u32 = 0x1f80;

    /// What is put back, if it was something else.
    pub struct Own(Option<u32>);

    #[inline]
    pub fn standard() -> Own {
        let mut own = 0_u32;
        // SAFETY: stores the control word there.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut own, options(nostack, preserves_flags)) };
        if own & SETTINGS == STANDARD {
            return Own(None);
        }
        set(STANDARD);
        Own(Some(own))
    }

    impl Drop for Own {
        #[inline]
        fn drop(&mut self) {
            if let Some(own) = self.0 {
                set(own);
            }
        }
    }

    #[cold]
    fn set(word: u32) {
        // SAFETY: a word that was read, or one without reserved bits.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const word, options(nostack, preserves_flags)) };
    }
}

#[cfg(target_arch = "aarch64")]
mod control {
    use std::arch::asm;

    /// What is put back, if it was something else than zero: round to nearest, nothing raises an exception.
    pub struct Own(u64);

    #[inline]
    pub fn standard() -> Own {
        let own: u64;
        // SAFETY: reads the control word.
        unsafe { asm!("mrs {}, fpcr", out(reg) own, options(nostack, preserves_flags)) };
        if own != 0 {
            set(0);
        }
        Own(own)
    }

    impl Drop for Own {
        #[inline]
        fn drop(&mut self) {
            if self.0 != 0 {
                set(self.0);
            }
        }
    }

    #[cold]
    fn set(word: u64) {
        // SAFETY: a word that was read, or zero.
        unsafe { asm!("msr fpcr, {}", in(reg) word, options(nostack, preserves_flags)) };
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod control {
    pub fn standard() {}
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn small_numbers_are_kept_and_the_thread_gets_its_own_way_back() {
        use super::standard;
        use crate::threads::run;
        use std::arch::asm;
        use std::hint::black_box;
        use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

        let product = || black_box(black_box(1e-20_f32) * black_box(1e-20_f32));
        let in_a_team = move |workers: usize| {
            let (kept, all) = (AtomicUsize::new(0), AtomicUsize::new(0));
            run(workers, |worker| {
                kept.fetch_add(usize::from(product().to_bits() != 0), Relaxed);
                all.store(worker.count(), Relaxed);
            });
            kept.into_inner() == all.into_inner()
        };
        let flushing: u32 = 0x9fc0;
        let kept = std::thread::spawn(move || {
            // SAFETY: numbers below the normal ones become zero in this thread, which computes nothing else.
            unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const flushing) };
            let kept = [product(), standard(product), product()];
            let teams = [in_a_team(1), in_a_team(2)];
            let plain: u32 = 0x1f80;
            // SAFETY: the usual way again.
            unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const plain) };
            (kept, teams)
        });
        assert_eq!(kept.join().expect("it computes"), ([0.0, 1e-40, 0.0], [true, true]));
    }
}
