//! The gate, the pool behind it, and the call of a team.
//!
//! One call, from both sides:
//!
//! ```text
//! caller                                      a pool thread, in its seat
//!   enters the gate, or runs f inline           spins, later sleeps, until its seat is CALLED
//!   writes f into each seat, marks it CALLED    reads f, runs it
//!   runs f as worker 0                          marks the seat IDLE again
//!   waits until all have left                   counts itself among those who left
//!   leaves the gate
//! ```

use super::barrier::{Abandoned, Barrier, Padded, wait_until};
use super::count;
use super::crowd;
use super::interrupt::{self, Pace};
use super::progress::Progress;
use super::rounding;
use super::seat::{CALLED, CLOSED, Call, Job, Seat};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::any::Any;
use std::marker::PhantomData;
use std::mem;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long after the pool was built calls wait for its threads to come up; then they go ahead in a smaller team.
const START: Duration = Duration::from_millis(20);

/// Runs `f` on up to `workers` threads at once and returns when all are done; the caller is worker 0.
///
/// The team has [`Worker::count`] members: at least one, at most `workers` and [`num_threads`](super::num_threads). It is
/// one, and `f` runs inline, inside another call and while another thread's call is under way. So the result must not
/// depend on the number.
///
/// A call allocates nothing, except where it has to build the pool: the first one of a process and those after the number
/// of threads grew.
///
/// # Panics
/// A panic of a worker goes on here when all workers have stopped; those who wait at a barrier are taken out of it. It is
/// also a panic if one worker returns while another waits for it at [`Worker::barrier`].
pub fn run<F: Fn(&Worker<'_>) + Sync>(workers: usize, f: F) {
    if workers > 1 && run_as_team(workers, &f) {
        return;
    }
    rounding::standard(|| f(&Worker { id: 0, count: 1, team: None, pace: Pace::default(), here: PhantomData }));
}

/// One member of a team, as the closure sees it.
#[derive(Debug)]
pub struct Worker<'a> {
    id: usize,
    count: usize,
    team: Option<&'a Team>,
    pace: Pace,
    /// A worker is a thread: it stays where it is, so that nobody else goes through a barrier in its name.
    here: PhantomData<*const ()>,
}

impl Worker<'_> {
    /// This worker's number, from 0 to `count() - 1`; the same thread has the same number in every call.
    #[inline]
    pub fn id(&self) -> usize {
        self.id
    }

    /// The workers of this team.
    #[inline]
    pub fn count(&self) -> usize {
        self.count
    }

    /// This worker's share of `total` things: neighbours, which begin where those of the worker before it end.
    #[inline]
    pub fn share(&self, total: usize) -> Range<usize> {
        total * self.id / self.count..total * (self.id + 1) / self.count
    }

    /// Waits until every worker of the team has called this as often as this one, and says for how long.
    ///
    /// What any of them wrote before is visible to all of them after. About 0.1 µs where each has a core.
    #[inline]
    pub fn barrier(&self) -> Duration {
        // Acquire, see Team::leave: the answer comes after everything that the one who left did.
        self.wait(|team| team.barrier.wait(self.count, || team.left.0.load(Acquire) > 0))
    }

    /// Tells that about so many multiply-adds were done, and may not return: where the caller shall stop (see
    /// [`ask`](super::ask)), or another worker has. A kernel whose work is not bounded calls this between parts of at most
    /// some ten milliseconds, at places where what it leaves behind may be half written.
    #[inline(always)]
    pub fn poll(&self, work: usize) {
        if self.pace.is_due(work) {
            self.poll_now();
        }
    }

    #[cold]
    fn poll_now(&self) {
        if self.id == 0 {
            self.pace.ask();
        }
        if self.team.is_some_and(Team::has_panicked) {
            panic::resume_unwind(Box::new(Abandoned));
        }
    }

    /// Waits at `barrier` until `size` workers of this team have, and says for how long; for a part of a team, such as one
    /// per direction.
    ///
    /// The same workers use a barrier all through a call, with the same `size`. Unlike with [`Worker::barrier`] it is not
    /// noticed if one of them returns without coming (a panic is): the others wait for ever.
    #[inline]
    pub fn barrier_of(&self, barrier: &Barrier, size: usize) -> Duration {
        self.wait(|team| barrier.wait(size, || team.has_panicked()))
    }

    /// Waits until the worker that another one follows has told of `place`. It must be one who comes there: it is not
    /// noticed if it returns before (a panic is), and the other waits for ever. May not return, as [`Worker::poll`].
    #[inline]
    pub fn follow(&self, progress: &Progress, place: usize) {
        // However long: who follows another one has to wait, and that is no sign of a crowd.
        wait_until(|| progress.has_reached(place), || self.poll_now());
    }

    /// Waits for others of the team.
    #[inline]
    fn wait(&self, wait: impl FnOnce(&Team) -> Duration) -> Duration {
        let wait = self.team.map_or(Duration::ZERO, wait);
        crowd::waited(wait);
        wait
    }
}

/// Runs `f` on a team if there can be one of at least two; says whether it did.
fn run_as_team(workers: usize, f: &(dyn Fn(&Worker<'_>) + Sync)) -> bool {
    let pid = process::id();
    let limit = count::for_process(pid);
    let wanted = workers.min(limit);
    if wanted < 2 {
        return false;
    }
    let Some(gate) = Gate::enter(pid) else { return false };
    let pool = gate.pool_for(wanted, limit);
    let (team, count) = (&pool.team, 1 + pool.present(wanted - 1));
    if count < 2 {
        return false;
    }
    team.call(count, f);
    let outcome = team.outcome();
    drop(gate);
    match outcome {
        None => true,
        Some(payload) if payload.is::<Abandoned>() => {
            panic!("a worker of the team returned while another waited for it at a barrier")
        }
        Some(payload) => panic::resume_unwind(payload),
    }
}

/// How many of `wanted` workers would begin at once, the caller among them.
pub(super) fn awake(pid: u32, wanted: usize) -> usize {
    let Some(gate) = Gate::enter(pid) else { return 1 };
    let seats = gate.pool().map_or(&[][..], |pool| &pool.team.seats);
    1 + seats.iter().take(wanted - 1).take_while(|seat| seat.is_awake()).count()
}

/// Has `wanted` workers of at most `limit` awake soon, without waiting for those who sleep or have yet to come up.
pub(super) fn wake(pid: u32, wanted: usize, limit: usize) {
    let Some(gate) = Gate::enter(pid) else { return };
    gate.pool_for(wanted, limit).team.seats.iter().take(wanted - 1).for_each(Seat::wake);
}

/// Who is inside: a process id, or 0. With the id of another process it is what a fork left behind, and nobody is inside.
static GATE: AtomicU32 = AtomicU32::new(0);
/// The pool, touched only from inside the gate; null, of this process, or of the parent and then to be left alone.
static POOL: AtomicPtr<Pool> = AtomicPtr::new(ptr::null_mut());

/// The right to use the pool: of all threads of this process, one at a time has it.
struct Gate {
    pid: u32,
}

impl Gate {
    /// Never waits: nothing, if another thread of this process is inside or comes first.
    fn enter(pid: u32) -> Option<Gate> {
        let owner = GATE.load(Relaxed);
        if owner == pid {
            return None;
        }
        // Acquire: pairs with the release of the one who was inside before, so that its pool and seats are seen as it
        // left them. Where the owner is a process before the fork, the fork itself orders this thread's view.
        GATE.compare_exchange(owner, pid, Acquire, Relaxed).ok().map(|_| Gate { pid })
    }

    /// The pool of this process, if it was built.
    fn pool(&self) -> Option<&Pool> {
        // SAFETY: a pool that was published is freed in Gate::pool_for only, inside the gate, and unpublished by the same store.
        // After a fork the parent's pool is still there as memory; of it, only the process id is read.
        unsafe { POOL.load(Acquire).as_ref() }.filter(|pool| pool.pid == self.pid)
    }

    /// The pool of this process, built for at least `wanted` workers; a new one is built for `limit`.
    fn pool_for(&self, wanted: usize, limit: usize) -> &Pool {
        if let Some(pool) = self.pool() {
            if wanted <= pool.asked {
                return pool;
            }
            let old = POOL.swap(ptr::null_mut(), Relaxed);
            // A child may be forked at any moment: it shall not find a pool that has been freed, nor half of a new one.
            fence(SeqCst);
            // SAFETY: made by Box::into_raw below, in this process, and published no longer; the borrow above has ended.
            drop(unsafe { Box::from_raw(old) });
        }
        // What a parent process left is leaked: its threads are not here, and its locks may be held by them.
        let pool = Box::into_raw(Box::new(Pool::new(self.pid, limit)));
        POOL.store(pool, Release);
        // SAFETY: just made, and freed inside the gate only, which this borrow of the gate keeps.
        unsafe { &*pool }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // Release: see Gate::enter.
        GATE.store(0, Release);
    }
}

/// The threads of one process, each in a seat of the team for as long as the pool lives.
struct Pool {
    pid: u32,
    /// The workers it was built for. Where there are fewer seats, threads could not be had, and this is not tried again.
    asked: usize,
    built: Instant,
    team: Arc<Team>,
    /// Owns the threads; dropping it ends them once they have left their seats.
    _threads: Option<ThreadPool>,
}

impl Pool {
    fn new(pid: u32, workers: usize) -> Pool {
        let builder = ThreadPoolBuilder::new().num_threads(workers - 1).thread_name(|n| format!("rustlstm-{}", n + 1));
        let threads = builder.build().ok();
        let team = Arc::new(Team::new(if threads.is_some() { workers - 1 } else { 0 }));
        if let Some(threads) = &threads {
            let team = Arc::clone(&team);
            threads.spawn_broadcast(move |thread| team.sit(thread.index()));
        }
        Pool { pid, asked: workers, built: Instant::now(), team, _threads: threads }
    }

    /// How many of the first `wanted` threads are in their seats; those of a new pool are given a moment.
    fn present(&self, wanted: usize) -> usize {
        let seats = || self.team.seats.iter().take(wanted);
        while !seats().all(Seat::is_taken) && self.built.elapsed() < START {
            thread::yield_now();
        }
        seats().take_while(|seat| seat.is_taken()).count()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for seat in &self.team.seats {
            seat.post(CLOSED);
        }
    }
}

/// What the members of a team share. Lives as long as the pool; a call has it to itself.
#[derive(Debug)]
struct Team {
    /// Worker n sits in seat n - 1.
    seats: Box<[Seat]>,
    barrier: Barrier,
    /// The workers who are done with the present call, by returning or by a panic.
    left: Padded<AtomicUsize>,
    /// Set when a worker of the present call panicked.
    panicked: AtomicBool,
    /// The first panic of the present call.
    payload: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Team {
    fn new(seats: usize) -> Team {
        Team {
            seats: (0..seats).map(|_| Seat::new()).collect(),
            barrier: Barrier::new(),
            left: Padded::default(),
            panicked: AtomicBool::new(false),
            payload: Mutex::new(None),
        }
    }

    /// Runs `f` as `count` workers. Returns when all of them have left, and never unwinds: `f` is borrowed until then.
    fn call(&self, count: usize, f: &(dyn Fn(&Worker<'_>) + Sync)) {
        // Relaxed: the posts below publish these.
        self.barrier.reset();
        self.left.0.store(0, Relaxed);
        self.panicked.store(false, Relaxed);
        // SAFETY: only the lifetime changes. Workers use the pointer from the post to their Team::leave, and this
        // function returns after all of them have left; nothing between the first post and that wait unwinds.
        let job = unsafe { mem::transmute::<*const (dyn Fn(&Worker<'_>) + Sync + '_), Job>(f) };
        for seat in &self.seats[..count - 1] {
            // SAFETY: the gate is held, and in the call before the thread of this seat left (or none was made): it
            // reads the seat again only when the post below has marked it.
            unsafe { *seat.call.get() = Some(Call { job, count }) };
            seat.post(CALLED);
        }
        self.work(0, count, f);
        self.leave();
        // Acquire: pairs with the release of each leaver; what the workers wrote is visible to the caller, and their
        // last use of `f` and of their seats lies before.
        crowd::waited(wait_until(|| self.left.0.load(Acquire) == count, || ()));
    }

    /// Runs `f` as worker `id`, and keeps its panic.
    fn work(&self, id: usize, count: usize, f: &(dyn Fn(&Worker<'_>) + Sync)) {
        let worker = Worker { id, count, team: Some(self), pace: Pace::default(), here: PhantomData };
        if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| rounding::standard(|| f(&worker)))) {
            let mut first = self.payload.lock().unwrap_or_else(PoisonError::into_inner);
            if first.is_none() {
                *first = Some(payload);
            } else {
                // Dropping an unknown payload may panic, and here nothing may.
                mem::forget(payload);
            }
            // Release: pairs with Team::has_panicked.
            self.panicked.store(true, Release);
        }
    }

    /// Whether a worker of the present call has panicked; what it did before is visible then.
    fn has_panicked(&self) -> bool {
        self.panicked.load(Acquire)
    }

    /// Counts one more worker as done. It touches neither the closure nor its seat in this call again.
    fn leave(&self) {
        // Release: everything the worker did comes before, for the caller's wait and for Worker::barrier. As an addition
        // it also continues the release sequences of those who left earlier.
        self.left.0.fetch_add(1, Release);
    }

    /// The panic that the call ended with, if any.
    fn outcome(&self) -> Option<Box<dyn Any + Send>> {
        // Only workers who panicked have taken the lock, and they have left: relaxed suffices after Team::call's acquire.
        if !self.panicked.load(Relaxed) {
            return None;
        }
        self.payload.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What a thread of the pool does all its life.
    fn sit(&self, index: usize) {
        interrupt::never_here();
        let seat = &self.seats[index];
        if !seat.take() {
            return;
        }
        while seat.wait() == CALLED {
            // SAFETY: the caller wrote before it posted CALLED with release, Seat::wait read that with acquire, and the
            // caller does not write again before this worker has left.
            let call = unsafe { *seat.call.get() };
            let Some(Call { job, count }) = call else { unreachable!("a post without a call") };
            // SAFETY: the closure outlives the call, which lasts until this worker leaves; it is Sync, so that calling it
            // from here is allowed.
            self.work(index + 1, count, unsafe { &*job });
            seat.rest();
            self.leave();
        }
    }
}
