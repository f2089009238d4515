//! Worker teams: one closure, run by several threads at once, each of which knows its number.
//!
//! ```
//! use rustlstm::threads;
//! use std::sync::atomic::{AtomicUsize, Ordering};
//!
//! let sum = AtomicUsize::new(0);
//! threads::run(4, |worker| {
//!     // Each worker takes its share; how many there are must never show in the result.
//!     for item in (worker.id()..100).step_by(worker.count()) {
//!         sum.fetch_add(item, Ordering::Relaxed);
//!     }
//!     worker.barrier();
//!     assert_eq!(sum.load(Ordering::Relaxed), 4950);
//! });
//! ```
//!
//! [`run`] is the only gate to other threads in the library. What stands behind it:
//!
//! - A private rayon pool, built at the first call that asks for a team. Each of its threads sits in a seat: it spins on
//!   the seat for a millisecond after its last call, offering its core to others meanwhile, and then sleeps. Waking costs
//!   a fraction of a microsecond in the first case and some microseconds in the second, against tens for handing rayon a
//!   job each time. [`worth`] says how many workers pay for their waking.
//! - One team at a time. A second caller, or a call from within a worker, is not made to wait: it gets a team of one and
//!   runs inline. The same holds where threads cannot be had. So callers ask for workers and take what they are granted.
//! - The pool belongs to a process id. After a fork the child has none of the threads; it finds that the pool is not its
//!   own, leaves it alone, and builds another. Nothing here waits for a lock that may have been held during the fork.
//! - A wait of a time slice for workers with equal shares is remembered for some calls, see [`crowded`]: they share their
//!   work so that the workers need not wait for one another at each step.
//! - A call that takes long can be stopped from outside, see [`ask`].
//! - Every worker rounds as usual, whatever another library has switched its thread to.
//! - A panic in one worker releases the others from their barriers and goes on in the caller.

mod barrier;
mod count;
mod crowd;
mod interrupt;
mod progress;
mod rounding;
mod seat;
mod team;
mod worth;

pub use barrier::Barrier;
pub use count::{MAX_THREADS, NUM_THREADS_VARIABLE, num_threads, num_threads_from_env, set_num_threads};
pub use crowd::{crowded, met_after};
pub use interrupt::{Interrupted, Pace, ask};
pub use progress::Progress;
pub use team::{Worker, run};
pub use worth::{worth, worth_at_most};
